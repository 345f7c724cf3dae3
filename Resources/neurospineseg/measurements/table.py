"""Measurements as a table for people and for other programs."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurospineseg.errors import InputError
from neurospineseg.measurements.measurement import Measurement, Measurements

HEADER = ("group", "place", "measure", "value", "unit", "low", "high", "flags", "shape", "points", "place_key", "key")
TABLE_ENDINGS = (".csv", ".json")


def table_ending(path: Path) -> str:
    """Which kind of table a file name asks for.

    Raises:
        InputError: none that can be written.
    """
    ending = path.suffix.lower()
    if ending not in TABLE_ENDINGS:
        raise InputError(f"The table '{path.name}' is of no kind that can be written; its name must end in {' or '.join(TABLE_ENDINGS)}.")
    return ending


def rows(measured: Measurements) -> list[dict[str, Any]]:
    """One row for each measurement; what is not there is empty."""
    return [_row(each) for each in measured.items]


def _row(each: Measurement) -> dict[str, Any]:
    points = " ".join(",".join(f"{part:g}" for part in point) for point in each.points)
    numbers = (_number(each.value), each.unit, _number(each.low), _number(each.high))
    return dict(
        zip(
            HEADER,
            (each.group, each.place_name, each.name, *numbers, "; ".join(each.flags), each.shape, points, each.place, each.key),
        )
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}" if abs(value) < 1 else f"{value:.3f}"


def write_table(measured: Measurements, path: Path) -> None:
    """Writes ``.csv`` (UTF-8 with a byte order mark, which Excel needs) or ``.json``.

    Raises:
        InputError: the name ends in neither.
        OSError: the file cannot be written.
    """
    if table_ending(path) == ".json":
        path.write_text(json.dumps(measured.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    with open(path, "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows(rows(measured))


def write_wide_table(cases: Mapping[str, Measurements], path: Path) -> None:
    """One row for each mask, one column for each measure at each place that any of them has, and one that counts flags.

    Raises:
        OSError: the file cannot be written.
    """
    columns: list[str] = []
    for measured in cases.values():
        add_columns(columns, measured)
    with open(path, "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(["case", *columns, "flagged"])
        for case, measured in cases.items():
            values = wide_row(measured)
            writer.writerow([case, *[values.get(column, "") for column in columns], flagged(measured)])


def wide_row(measured: Measurements) -> dict[str, str]:
    """The numbers of a mask by the columns of a wide table."""
    return {each.column: _number(each.value) for each in measured.items}


def flagged(measured: Measurements) -> str:
    """What is to be known of each number of a mask, with its column."""
    return "; ".join(f"{each.column}: {', '.join(each.flags)}" for each in measured.items if each.flags)


def add_columns(columns: list[str], measured: Measurements) -> None:
    """Puts those columns of a mask in place that are not yet among a wide table's, next to their neighbors in the mask's."""
    places = {column: place for place, column in enumerate(columns)}
    place = 0
    for each in measured.items:
        if each.column in places:
            place = places[each.column] + 1
        else:
            columns.insert(place, each.column)
            places = {column: place for place, column in enumerate(columns)}
            place += 1
