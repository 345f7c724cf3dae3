"""Measurements as tables of text for a page: a row for each place where several places have the same measures, else one for each number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neurospineseg.measurements.measurement import Measurement, Measurements

LEAST_FILLED = 0.5
"""Of the cells of a table of places by measures; with fewer it is a list."""


@dataclass(frozen=True)
class Cell:
    """A number, its error bar and what is to be known of it; all empty where there is none."""

    value: str = ""
    error: str = ""
    flags: str = ""


@dataclass(frozen=True)
class MeasurementTable:
    """A group of measurements: rows of a heading and cells, under the heads of their columns."""

    title: str
    heads: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]


def measurement_tables(measured: Measurements) -> list[MeasurementTable]:
    """A table for each group, in the order of the measurements."""
    groups: dict[str, list[Measurement]] = {}
    for item in measured:
        groups.setdefault(item.group or "Measurements", []).append(item)
    return [_table(title, items) for title, items in groups.items()]


def _table(title: str, items: Sequence[Measurement]) -> MeasurementTable:
    names = list(dict.fromkeys(item.name for item in items))
    places = list(dict.fromkeys(item.place_name for item in items))
    cells = {(item.place_name, item.name): _cell(item) for item in items}
    if min(len(names), len(places)) < 2 or len(cells) < len(items) or len(cells) < LEAST_FILLED * len(names) * len(places):
        return MeasurementTable(title, [""], [(_where(item), [_cell(item)]) for item in items])
    return MeasurementTable(title, names, [(place, [cells.get((place, name), Cell()) for name in names]) for place in places])


def _where(item: Measurement) -> str:
    return f"{item.place_name}: {item.name}" if item.place_name and item.place_name not in item.name else item.name


def _cell(item: Measurement) -> Cell:
    return Cell(item.text, item.error_text, ", ".join(item.flags))
