"""Sizes of the spinal canal, at each body and disc and where it is narrowest."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neurospineseg.measurements.intervertebral_discs import disc_axes, facing_endplates
from neurospineseg.measurements.measurement import CUT, FEW_VOXELS, UNSURE, Measurement, as_points
from neurospineseg.measurements.spine_lengths import COARSE_MM, NOT_TOLD, length, missing, place_name
from neurospineseg.measurements.spine_shapes import CANAL, SACRUM, SpineShapes

GROUP = "Spinal canal"
NO_CANAL = "no canal beside it in the mask"
AROUND, MOST_OF_USUAL = 5, 1.25
"""A section that is so many times as large as the median of those around it, to either side, may hold more than the canal."""


def canal(shapes: SpineShapes) -> Iterator[Measurement]:
    """Front-back diameter and area at the middle of each body and disc, and where the diameter is least; unsure where a section between could not be
    measured."""
    if shapes.canal is None or not shapes.bodies:
        return
    seen = shapes.canal
    diameters, areas = seen.smoothed(seen.diameters), seen.smoothed(seen.areas)
    numbers = []
    for place, point, normal in _levels(shapes):
        number = seen.at_plane(point, normal)
        if number is None:
            for key, name, unit in (("canal_depth", "Canal, front to back", "mm"), ("canal_area", "Canal, area", "mm2")):
                yield missing(key, name, place, GROUP, unit, NO_CANAL)
            continue
        numbers.append(number)
        yield from _section(shapes, place, number, diameters, areas)
    between = [n for n in range(min(numbers), max(numbers) + 1) if np.isfinite(diameters[n])] if len(numbers) > 1 else []
    if between:
        least = min(between, key=lambda n: diameters[n])
        place = _nearest_level(shapes, seen.points[least])
        line = _line(seen.ends[least], float(diameters[least]))
        flags = (UNSURE,) if len(between) <= max(numbers) - min(numbers) else ()
        yield length("canal_narrowest_depth", f"Narrowest place, at {place_name(place)}", CANAL, GROUP, line, seen.voxel, flags)


def _levels(shapes: SpineShapes) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Each body's and disc's key, middle and axis, from the uppermost downward."""
    found = []
    for upper in shapes.order:
        if upper in shapes.bodies and upper != SACRUM:
            frame = shapes.bodies[upper].frame
            found.append((upper, frame.center, frame.axes[:, 2]))
        facing = facing_endplates(shapes, upper, shapes.next_below(upper)) if upper != SACRUM else None
        disc = shapes.disc_below(upper) if upper != SACRUM else None
        if facing is not None and disc is not None:
            middle = (facing[0].middle + facing[1].middle) / 2
            found.append((disc, middle, disc_axes(*facing)[0]))
    return found


def _nearest_level(shapes: SpineShapes, point: np.ndarray) -> str:
    levels = _levels(shapes)
    return min(levels, key=lambda each: abs((point - each[1]) @ each[2]) + 0.01 * float(np.linalg.norm(point - each[1])))[0]


def _line(ends: np.ndarray, value: float) -> list[np.ndarray]:
    """A line's ends (2, 3) moved evenly until it is as long as a value."""
    middle, half = ends.mean(0), (ends[0] - ends[1]) / np.linalg.norm(ends[0] - ends[1]) * value / 2
    return [middle + half, middle - half]


def _section(shapes: SpineShapes, place: str, number: int, diameters: np.ndarray, areas: np.ndarray) -> Iterator[Measurement]:
    seen = shapes.canal
    assert seen is not None
    why = CUT if seen.cut[number] else NOT_TOLD
    depth = ("canal_depth", "Canal, front to back", place)
    if np.isfinite(diameters[number]):
        yield length(*depth, GROUP, _line(seen.ends[number], float(diameters[number])), seen.voxel)
    else:
        yield missing(*depth, GROUP, "mm", why)
    area = ("canal_area", "Canal, area", place)
    if np.isfinite(areas[number]):
        value = float(areas[number])
        error = seen.voxel / 2 * float(np.sqrt(np.pi * value))
        points = as_points([seen.points[number]])
        flags = (FEW_VOXELS,) if seen.voxel > COARSE_MM else ()
        around = seen.areas[max(0, number - AROUND) : number + AROUND + 1]
        flags = (*flags, UNSURE) if value > MOST_OF_USUAL * float(np.nanmedian(around)) else flags
        yield Measurement(*area, place_name(place), "mm2", value, value - error, value + error, "point", points, flags, GROUP)
    else:
        yield missing(*area, GROUP, "mm2", why)
