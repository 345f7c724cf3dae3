"""Thresholds of RANO as lines beside numbers over time. They are lines only: no category is told, which takes more than sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neurospineseg.measurements.over_time import Change

VERSION = "RANO 2.0"
SOURCE = "Wen et al., J Clin Oncol 2023;41:5187"
"""Increase from the lowest study (in sum of products, in volume) and decrease from the first."""
SHARES = {"sum_of_products": (1.25, 0.50), "volume": (1.40, 0.35)}
PLACES = {"sum_of_products": "foci", "volume": "enhancing_tumor"}


@dataclass(frozen=True)
class ThresholdLine:
    """One line.

    Attributes:
        key, place: of the number that it stands beside.
        name: such as ``25 % above the lowest``.
        value: in the number's unit.
    """

    key: str
    place: str
    name: str
    unit: str
    value: float

    @property
    def label(self) -> str:
        """Its name with the version of the criteria."""
        return f"{self.name} ({VERSION})"


def rano_lines(changes: Sequence[Change]) -> list[ThresholdLine]:
    """The lines beside the last study's numbers: above the lowest of the earlier ones, and below the first."""
    found = []
    for key, (above, below) in SHARES.items():
        own = [each for each in changes if (each.measured.key, each.measured.place) == (key, PLACES[key])]
        last = own[-1] if own and own[-1].study == changes[-1].study else None
        for share, base, words in ((above, last.lowest if last else None, "lowest"), (below, last.first if last else None, "first")):
            if base is not None and base.value:
                name = f"{abs(share - 1):.0%} {'above' if share > 1 else 'below'} the {words}".replace("%", " %")
                found.append(ThresholdLine(key, PLACES[key], name, base.unit, share * base.value))
    return found
