"""Lengths and quotients of lengths on a spine, their error bars and flags, and what could not be measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurospineseg.measurements.measurement import FEW_VOXELS, Measurement, as_points
from neurospineseg.measurements.spine_shapes import SACRUM
from neurospineseg.tasks.anatomy import structure

NOT_TOLD = "its shape cannot be told"
FEWEST_ALONG = 8
"""An endplate of fewer voxels from front to back is unsure."""
COARSE_MM = 2.4
"""Voxels wider than this along a line make its length unsure by more than a millimeter."""


def place_name(key: str) -> str:
    """``L3`` for ``vertebra_L3``, ``L3/L4`` for ``disc_L3_L4``, ``S1`` for the sacrum."""
    kind, _, level = key.partition("_")
    if key == SACRUM:
        return "S1"
    if level and not level.isdigit() and kind in ("vertebra", "disc"):
        return level.replace("_", "/")
    return structure(key).name


def length(
    key: str, name: str, place: str, group: str, ends: Sequence[np.ndarray], width: float, flags: tuple[str, ...] = ()
) -> Measurement:
    """A line's length; its error bar is as wide as a voxel along it."""
    value = float(np.linalg.norm(ends[1] - ends[0]))
    flags = (*flags, FEW_VOXELS) if width > COARSE_MM or value < 2.0 * width else flags
    return Measurement(
        key, name, place, place_name(place), "mm", value, value - width / 2, value + width / 2, "line", as_points(ends), flags, group
    )


def missing(key: str, name: str, place: str, group: str, unit: str, flag: str) -> Measurement:
    """What is not measured, with why."""
    return Measurement(key, name, place, place_name(place), unit, None, flags=(flag,), group=group)


def quotient(
    key: str, name: str, place: str, group: str, over: Measurement, under: Measurement, scale: float = 1.0, unit: str = ""
) -> Measurement:
    """One length over another; the error bar holds both of theirs."""
    bad = next((each for each in (over, under) if each.value is None), None)
    if bad is not None or not under.value or over.value is None:
        return missing(key, name, place, group, unit, bad.flags[0] if bad is not None else NOT_TOLD)
    value = scale * over.value / under.value
    errors = [abs(each.value - each.low) for each in (over, under) if each.value is not None and each.low is not None]
    error = abs(scale) * (errors[0] + abs(over.value / under.value) * errors[1]) / under.value
    flags = tuple(dict.fromkeys((*over.flags, *under.flags)))
    return Measurement(key, name, place, place_name(place), unit, value, value - error, value + error, flags=flags, group=group)
