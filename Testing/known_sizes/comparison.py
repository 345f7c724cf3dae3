"""Measured beside true values, and how far they are apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neurospineseg.measurements.measurement import Measurement


@dataclass(frozen=True)
class Compared:
    """A measurement beside its true value.

    Attributes:
        case: the seed that it was drawn from.
    """

    case: int
    measured: Measurement
    truth: float

    @property
    def error(self) -> float:
        return (np.nan if self.measured.value is None else self.measured.value) - self.truth

    @property
    def percent(self) -> float:
        return 100 * self.error / self.truth if self.truth else np.nan

    @property
    def in_bar(self) -> bool:
        """Whether the error bar holds the true value."""
        low, high = self.measured.low, self.measured.high
        return low is not None and high is not None and low <= self.truth <= high


def kinds(compared: Sequence[Compared]) -> dict[str, list[Compared]]:
    """By key of the measure."""
    return {key: [each for each in compared if each.measured.key == key] for key in dict.fromkeys(each.measured.key for each in compared)}


def unflagged_beyond(compared: Sequence[Compared], most: float) -> list[Compared]:
    """Lengths in mm that are off by more than a limit and carry no flag."""
    return [each for each in compared if each.measured.unit == "mm" and abs(each.error) > most and not each.measured.flags]


def print_summary(compared: Sequence[Compared]) -> None:
    """One line for each kind: how many, the median and the largest error, in percent too, how many error bars hold the truth and how many are flagged."""
    print("| measure | n | unit | median error | largest | median % | largest, unflagged | true value in the error bar | flagged |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for key, members in kinds(compared).items():
        errors, percents = np.abs([each.error for each in members]), np.abs([each.percent for each in members])
        plain = [abs(each.error) for each in members if not each.measured.flags]
        held, flagged = np.mean([each.in_bar for each in members]), np.mean([bool(each.measured.flags) for each in members])
        print(
            f"| {key} | {len(members)} | {members[0].measured.unit} | {np.median(errors):.2f} | {errors.max():.2f} | {np.median(percents):.1f} "
            f"| {max(plain, default=np.nan):.2f} | {held:.0%} | {flagged:.0%} |"
        )
    print(f"\nLengths off by over 2 mm without a flag: {len(unflagged_beyond(compared, 2.0))}")
