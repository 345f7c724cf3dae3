"""A number whose place a person has moved: what it is there, and what follows from it. Light: a window does this with every step of the mouse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from neurospineseg.errors import InputError
from neurospineseg.measurements.ac_pc import AcPc
from neurospineseg.measurements.measurement import Measurement, Measurements, as_points

SIGNED = ("slip", "midline_shift", "from_midline")
"""Lengths that are negative to one side."""
UNSIGNED_ANGLES = ("largest_coronal_angle",)
FRAMED = {
    "lateral": 0,
    "front_back": 1,
    "up_down": 2,
    "leftmost": 0,
    "rightmost": 0,
    "rearmost": 1,
    "foremost": 1,
    "lowest": 2,
    "highest": 2,
}
"""Keys of coordinates in the frame of the commissures, and along which of its axes."""
ENDS = ("leftmost", "rightmost", "rearmost", "foremost", "lowest", "highest")
WORLD = {**{f"center_{axis}": number for number, axis in enumerate("ras")}, **{axis: number for number, axis in enumerate("ras")}}
COMMISSURES = ("ac", "pc", "midline")
APART = "stn_from_red_nucleus"
FRAME_MOVED = "measure again, the commissures were moved"
"""Flag of the end of a nucleus: which of its points is the end may be another one now."""


def frame_of(measured: Measurements) -> AcPc | None:
    """The frame of the commissures that measurements tell; None where they tell none."""
    points = [next((each.points[0] for each in measured if each.place == place and each.points), None) for place in COMMISSURES]
    ac, pc, midline = points
    return None if ac is None or pc is None or midline is None else AcPc(np.array(ac), np.array(pc), np.array(midline))


def value_at(each: Measurement, points: Sequence[ArrayLike], frame: AcPc | None = None) -> float | None:
    """What a measurement is where it is taken at other points of its shape, RAS mm (N, 3); None where points do not tell it, such as an area."""
    places = np.array(points, float)
    if each.shape == "point":
        if each.key in WORLD:
            return float(places[0][WORLD[each.key]])
        return float(frame.of_ras(places[0])[FRAMED[each.key]]) if each.key in FRAMED and frame is not None else None
    if each.shape == "line":
        return _length(each, places, frame)
    if each.shape == "angle":
        return _angle(places, each.key not in UNSIGNED_ANGLES)
    return float(np.linalg.norm(places[1] - places[0])) if each.shape == "plane" else None


def _length(each: Measurement, places: np.ndarray, frame: AcPc | None) -> float | None:
    away = places[1] - places[0]
    part = each.key.removeprefix(f"{APART}_")
    if each.key.startswith(APART) and part in FRAMED:
        return None if frame is None else float(frame.to_ras.linear[:, FRAMED[part]] @ away)
    if each.key not in SIGNED or not each.points:
        return float(np.linalg.norm(away))
    before = np.subtract(each.points[1], each.points[0])
    length = float(np.linalg.norm(before))
    sign = -1.0 if (each.value or 0.0) < 0 else 1.0
    return float(sign * (away @ before) / length) if length > 1e-6 else float(np.linalg.norm(away))


def _angle(places: np.ndarray, signed: bool) -> float:
    """Degrees between two lines (4, 3), from back to front; positive where they open to the front, the first being the upper one."""
    above, below = (_unit(places[2 * line + 1] - places[2 * line]) for line in (0, 1))
    if not signed:
        return float(np.degrees(np.arccos(np.clip(above @ below, -1, 1))))
    front = _unit(above + below)
    up = places[:2].mean(0) - places[2:].mean(0)
    right = np.cross(front, _unit(up - up @ front * front))
    above, below = (each - each @ right * right for each in (above, below))
    return float(np.degrees(np.arctan2(np.cross(below, above) @ right, above @ below)))


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def is_movable(each: Measurement, frame: AcPc | None) -> bool:
    """Whether other points make another number of a measurement."""
    return bool(each.points) and value_at(each, each.points, frame) is not None


def moved(measured: Measurements, number: int, points: Sequence[ArrayLike]) -> Measurements:
    """With a measurement taken at points that a person chose, and all that follows from it; what changes is flagged as edited.

    Args:
        number: of the measurement among the items.
        points: as many as its shape has, RAS mm.

    Raises:
        InputError: points do not tell this number, or the commissures and the midline lie on one line then.
    """
    each, placed = measured.items[number], as_points(points)
    if not is_movable(each, frame_of(measured)):
        raise InputError(f"'{each.name}' cannot be set by moving points.")
    if each.key == "ac_pc_length":
        for place, point in zip(COMMISSURES, placed):
            measured = _move_alike(measured, next(item for item in measured if item.place == place), (point,))
    measured = _move_alike(measured, each, placed)
    if each.place in COMMISSURES:
        line = next((item for item in measured if item.key == "ac_pc_length"), None)
        ends = [next((item.points[0] for item in measured if item.place == place), None) for place in COMMISSURES[:2]]
        if line is not None and None not in ends:
            measured = _move_alike(measured, line, as_points([end for end in ends if end is not None]))
    if each.place in COMMISSURES or each.key == "ac_pc_length":
        measured = _in_moved_frame(measured)
    return _with_quotients(measured, before=each)


def _move_alike(measured: Measurements, each: Measurement, placed: tuple[tuple[float, float, float], ...]) -> Measurements:
    """Moves a measurement and those of the same place that were taken at the very same points."""
    frame, items = frame_of(measured), list(measured.items)
    for number, item in enumerate(items):
        if (item.place, item.shape, item.points) == (each.place, each.shape, each.points):
            value = value_at(item, placed, frame)
            items[number] = item.edited(value, placed) if value is not None else item
    return replace(measured, items=tuple(items))


def _in_moved_frame(measured: Measurements) -> Measurements:
    """With all coordinates of the frame told anew; the ends of nuclei are flagged, since other points may be the ends now."""
    frame, items = frame_of(measured), list(measured.items)
    for number, item in enumerate(items):
        if (item.key in FRAMED or item.key.startswith(f"{APART}_")) and item.points:
            value = value_at(item, item.points, frame)
            told = item if value is None else item.edited(value, item.points)
            items[number] = replace(told, flags=(*told.flags, FRAME_MOVED)) if item.key in ENDS and FRAME_MOVED not in told.flags else told
    return replace(measured, items=tuple(items))


def _quotient(over: float | None, under: float | None, scale: float = 1.0) -> float | None:
    return None if over is None or not under else scale * over / under


def _follower(measured: Measurements, each: Measurement) -> tuple[float | None, set[tuple[str, str]]]:
    """What a quotient or product is by the lengths that it is made of, and which those are (key and place)."""
    upper, _, lower = each.place.removeprefix("disc_").partition("_")
    body, next_body = f"vertebra_{upper}", "sacrum" if lower == "S1" else f"vertebra_{lower}"
    heights = [(f"disc_height_{where}", each.place) for where in ("front", "middle", "back")]
    made_of: Mapping[str, tuple[list[tuple[str, str]], Callable[[list[float]], float | None]]] = {
        "body_front_to_back": ([("body_height_front", each.place), ("body_height_back", each.place)], lambda v: _quotient(v[0], v[1])),
        "body_middle_to_back": ([("body_height_middle", each.place), ("body_height_back", each.place)], lambda v: _quotient(v[0], v[1])),
        "disc_height_index": ([*heights, ("body_depth", body)], lambda v: _quotient(sum(v[:3]) / 3, v[3])),
        "slip_percent": ([("slip", each.place), ("upper_endplate_depth", next_body)], lambda v: _quotient(v[0], v[1], 100.0)),
        "product": ([("longest_diameter", each.place), ("perpendicular_diameter", each.place)], lambda v: v[0] * v[1]),
    }
    if each.key not in made_of:
        return None, set()
    parts, combine = made_of[each.key]
    values = [found.value for part in parts if (found := measured.find(*part)) is not None and found.value is not None]
    return combine(values) if len(values) == len(parts) else None, set(parts)


def _with_quotients(measured: Measurements, before: Measurement) -> Measurements:
    items = list(measured.items)
    for number, item in enumerate(items):
        value, parts = _follower(measured, item)
        if value is not None and (before.key, before.place) in parts:
            items[number] = item.edited(value, item.points)
    return replace(measured, items=tuple(items))
