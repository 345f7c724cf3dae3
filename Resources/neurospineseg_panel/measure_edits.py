"""Numbers that a person has moved: kept in the table, and carried over when the segmentation is measured again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.measurements.edits import COMMISSURES, frame_of, moved
from neurospineseg.measurements.measurement import Measurement, Measurements
from neurospineseg_panel.measure_table import read_table_node

EDITS_ATTRIBUTE = "NeuroSpineSeg.Edited"
"""On the table: place and key of each number whose points were moved by hand."""
FARTHEST_MM = 25.0
"""A number of a place that no segment tells, such as a focus, is the same one if it is not farther away."""
SAME_MM = 0.01
"""Commissures that are no farther away were placed before it was measured."""
Identity = tuple[str, str]


def edits_in(table: Any) -> list[Identity]:
    """Place and key of what was moved by hand, the first first."""
    return [(place, key) for place, key in json.loads((table and table.GetAttribute(EDITS_ATTRIBUTE)) or "[]")]


def remember_edits(table: Any, edits: list[Identity]) -> None:
    table.SetAttribute(EDITS_ATTRIBUTE, json.dumps(list(dict.fromkeys(edits))))


def moved_frame(table: Any) -> tuple[tuple[float, ...], ...] | None:
    """The commissures and the midline point (RAS mm) that a person has placed; None where they are as they were found."""
    if not any(place in COMMISSURES or key == "ac_pc_length" for place, key in edits_in(table)):
        return None
    frame = frame_of(read_table_node(table)[0])
    return None if frame is None else tuple(tuple(map(float, point)) for point in (frame.ac, frame.pc, frame.midline))


def new_place(place: str, before: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """What a place is called now, when segments have been renumbered; None where it is gone.

    Args:
        before, now: segment ID by structure's key.
    """
    keys = {identifier: key for key, identifier in now.items()}
    if place in before:
        return keys.get(before[place])
    upper, _, lower = place.removeprefix("disc_").partition("_")
    if not place.startswith("disc_") or not lower:
        return place
    ends = [keys.get(before.get(f"vertebra_{upper}", "")), keys.get(before.get("sacrum" if lower == "S1" else f"vertebra_{lower}", ""))]
    if None in ends:
        return None
    names = ["S1" if end == "sacrum" else str(end).removeprefix("vertebra_") for end in ends]
    return "disc_" + "_".join(names)


def with_edits(found: Measurements, segments: Mapping[str, str], table: Any) -> tuple[Measurements, list[Identity], list[Measurement]]:
    """New measurements with what was moved by hand in those of before.

    Returns:
        The measurements, place and key of what is edited in them, and what could not be carried over.
    """
    before, known = read_table_node(table)
    edits, lost = [], []
    for place, key in edits_in(table):
        old, now = before.find(key, place), new_place(place, known, segments)
        number = next((n for n, each in enumerate(found) if (each.place, each.key) == (now, key)), None)
        if old is None:
            continue
        if number is None or now is None or not _is_near(old, found.items[number]):
            lost.append(old)
            continue
        if (now in COMMISSURES or key == "ac_pc_length") and np.allclose(old.points, found.items[number].points, atol=SAME_MM):
            found = _as_placed(found)
        else:
            try:
                found = moved(found, number, old.points)
            except InputError:
                lost.append(old)
                continue
        edits.append((now, key))
    return found, edits, lost


def _as_placed(found: Measurements) -> Measurements:
    """With the commissures flagged as edited, where the frame was measured in as they were placed, and not placed again meanwhile."""
    own = lambda each: each.value is not None and (each.place in COMMISSURES or each.key == "ac_pc_length")  # noqa: E731
    return replace(found, items=tuple(each.edited(each.value or 0.0, each.points) if own(each) else each for each in found))


def _is_near(old: Measurement, new: Measurement) -> bool:
    if not new.points:
        return False
    return bool(np.linalg.norm(np.mean(old.points, 0) - np.mean(new.points, 0)) < FARTHEST_MM)
