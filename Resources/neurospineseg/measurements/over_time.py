"""Studies of one patient side by side: each number at each date, and how far it is from the first and from the lowest before; never a category."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.resample import resample
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.change_table import GROWN, HEADER, LINES, SHRUNK
from neurospineseg.measurements.measurement import Measurement, Measurements

OVERLAP = "error bars overlap"
"""Flag of a change within what both numbers may be off by."""


@dataclass(frozen=True)
class Change:
    """One number of one study beside the same number of the earlier ones.

    Attributes:
        study: its name or date.
        measured: the number.
        first: that of the first study; None in the first and where it was not measured there.
        lowest: the lowest of all earlier studies, likewise.
    """

    study: str
    measured: Measurement
    first: Measurement | None = None
    lowest: Measurement | None = None

    @property
    def from_first(self) -> float | None:
        """How much larger it is than the first, in its unit."""
        return _difference(self.measured, self.first)

    @property
    def from_lowest(self) -> float | None:
        """How much larger it is than the lowest before."""
        return _difference(self.measured, self.lowest)

    @property
    def from_first_percent(self) -> float | None:
        """The same in percent of the first; None where that is 0."""
        return _percent(self.measured, self.first)

    @property
    def from_lowest_percent(self) -> float | None:
        """The same in percent of the lowest before; None where that is 0."""
        return _percent(self.measured, self.lowest)

    @property
    def flags(self) -> tuple[str, ...]:
        """Those of the number, and that its error bar overlaps that of the first."""
        return (*self.measured.flags, *((OVERLAP,) if self.first is not None and _overlap(self.measured, self.first) else ()))


def _difference(later: Measurement, earlier: Measurement | None) -> float | None:
    return None if earlier is None or later.value is None or earlier.value is None else later.value - earlier.value


def _percent(later: Measurement, earlier: Measurement | None) -> float | None:
    difference = _difference(later, earlier)
    return None if difference is None or earlier is None or not earlier.value else 100 * difference / earlier.value


def _overlap(one: Measurement, other: Measurement) -> bool:
    ends = (one.low, one.high, other.low, other.high)
    return all(end is not None for end in ends) and max(one.low or 0.0, other.low or 0.0) <= min(one.high or 0.0, other.high or 0.0)


def changes(studies: Sequence[tuple[str, Measurements]]) -> list[Change]:
    """Every number that can be followed, study by study.

    Args:
        studies: name or date and what was measured, the first first.
    """
    enhances = any(_products(measured) for _, measured in studies)
    followed = [(name, {(each.place, each.key): each for each in _followed(measured, enhances)}) for name, measured in studies]
    found = []
    for number, (name, items) in enumerate(followed):
        for identity, item in items.items():
            earlier = [before[identity] for _, before in followed[:number] if identity in before]
            known = [each for each in earlier if each.value is not None]
            first = followed[0][1].get(identity) if number else None
            found.append(Change(name, item, first, min(known, key=lambda each: each.value or 0.0, default=None)))
    return found


def _followed(measured: Measurements, enhances: bool) -> Iterator[Measurement]:
    """What keeps its place between studies: all of a spine or of nuclei but coordinates in space, and of tumors what does not hang on the order of the foci: see ``with_matched_foci``.

    Args:
        enhances: whether diameters were taken in any study; where nothing enhances, they are 0 then.
    """
    if measured.task != "tumor":
        yield from (each for each in measured if each.place not in ("ac", "pc", "midline"))
        return
    yield from (each for each in measured if not each.place.startswith("focus_"))
    products, enhancing = _products(measured), measured.find("volume", "enhancing_tumor")
    if not products and enhances and enhancing is not None and enhancing.value == 0:
        yield _sum_of(())
        yield Measurement("longest_diameter", "Longest diameter, enhancing", "foci", "All foci", "mm", 0.0, group="Foci")
    if products:
        yield _sum_of(products)
        largest = max(
            (each for each in measured if each.key == "longest_diameter" and each.place.startswith("focus_")),
            key=lambda each: each.value or 0.0,
        )
        yield replace(largest, place="foci", place_name="All foci", key="longest_diameter")


def _products(measured: Measurements) -> list[Measurement]:
    return [each for each in measured if each.key == "product" and each.place.startswith("focus_")]


def _sum_of(products: Sequence[Measurement]) -> Measurement:
    """The sum of the products of diameters of all foci that have any."""
    known = [each for each in products if each.value is not None]
    value, low, high = (sum(getattr(each, part) or 0.0 for each in known) for part in ("value", "low", "high"))
    flags = tuple(dict.fromkeys(flag for each in products for flag in each.flags))
    return Measurement("sum_of_products", "Sum of the products", "foci", "All foci", "mm2", value, low, high, flags=flags, group="Foci")


def write_changes(found: Sequence[Change], path: Path, lines: Sequence[Threshold] = ()) -> None:
    """Writes ``.csv`` (UTF-8 with a byte order mark, which Excel needs), one row for each number of each study and one for each line.

    Raises:
        InputError: the name does not end in ``.csv``.
        OSError: the file cannot be written.
    """
    if path.suffix.lower() != ".csv":
        raise InputError(f"The table '{path.name}' is of no kind that can be written; its name must end in .csv.")
    with open(path, "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(change_rows(found, lines))


class Threshold(Protocol):
    """A line beside numbers, see ``neurospineseg.measurements.rano``."""

    @property
    def key(self) -> str: ...
    @property
    def place(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def value(self) -> float: ...


def change_rows(found: Sequence[Change], lines: Sequence[Threshold] = ()) -> list[list[str]]:
    """The cells of a table with the columns of ``HEADER``: a row for each number of each study, then one for each line."""
    drawn = [["", LINES, line.place, line.label, line.unit, f"{line.value:.3f}", *[""] * 7, line.place, line.key] for line in lines]
    return [*map(_row, found), *drawn]


def _row(each: Change) -> list[str]:
    own = each.measured
    numbers = (own.value, own.low, own.high, each.from_first, each.from_first_percent, each.from_lowest, each.from_lowest_percent)
    texts = ["" if number is None else f"{number:.4g}" if abs(number) < 1 else f"{number:.3f}" for number in numbers]
    return [each.study, own.group, own.place_name, own.name, own.unit, *texts, "; ".join(each.flags), own.place, own.key]


def on_grid(mask: np.ndarray, grid: Grid, target: Grid) -> np.ndarray:
    """A bool mask (K, J, I) on another grid in the same space: where it fills half of a voxel or more."""
    part = resample(Volume(mask.astype(np.float32), grid.affine).tensor[None], grid, target, fill=0.0)[0].numpy()
    return part >= 0.5


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """``GROWN`` where a mask is later but was not, ``SHRUNK`` where it was but is no more, uint8 (K, J, I); both on one grid."""
    return np.where(after & ~before, GROWN, np.where(before & ~after, SHRUNK, 0)).astype(np.uint8)
