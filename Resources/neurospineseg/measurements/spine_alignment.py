"""How bodies stand to each other: slips, angles of segments, lumbar lordosis, the largest angle to the side.

A slip is how far the back lower edge of a body lies in front of the back upper edge of the next, along the upper endplate of that; in
percent of this endplate's depth (Meyerding's measure, without his grades); backward ones are negative. Angles in the sagittal plane are
positive where the column is hollow to the back (lordosis). The angle to the side is Cobb's: between the upper endplate of one body and the
lower one of another below it, seen from the front.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neurospineseg.measurements.endplate import Endplate
from neurospineseg.measurements.intervertebral_discs import disc_axes, facing_endplates
from neurospineseg.measurements.measurement import CUT, FEW_VOXELS, UNSURE, Measurement, as_points
from neurospineseg.measurements.spine_lengths import COARSE_MM, FEWEST_ALONG, NOT_TOLD, length, missing, place_name, quotient
from neurospineseg.measurements.spine_shapes import SACRUM, SpineShapes

GROUP = "Alignment"
FIRST_LUMBAR = "vertebra_L1"


def alignment(shapes: SpineShapes) -> Iterator[Measurement]:
    """Slips and angles of each pair of neighbors, then those of the whole column."""
    for upper in shapes.order:
        lower = shapes.next_below(upper) if upper != SACRUM else None
        disc = shapes.disc_below(upper) if upper != SACRUM else None
        if lower is None or disc is None or upper == "vertebra_C1":
            continue
        facing = facing_endplates(shapes, upper, lower)
        if facing is None:
            why = CUT if shapes.fields[upper].at_edge or shapes.fields[lower].at_edge else NOT_TOLD
            yield missing("slip", "Slip", disc, GROUP, "mm", why)
            continue
        yield from _slip(shapes, disc, (upper, lower), *facing)
        yield _angle(shapes, "disc_angle", "Disc angle", disc, *facing)
        above, below = shapes.bodies[upper].upper, shapes.bodies[lower].lower
        if above is not None and below is not None:
            yield _angle(shapes, "segment_angle", "Segment angle", disc, above, below)
    yield from _lordosis(shapes)
    yield from _largest_sideways(shapes)


def _slip(shapes: SpineShapes, disc: str, pair: tuple[str, str], above: Endplate, below: Endplate) -> Iterator[Measurement]:
    along = below.forward
    width = shapes.fields[pair[1]].width_along(along)
    value = float((above.back - below.back) @ along)
    flags = (FEW_VOXELS,) if width > COARSE_MM or below.depth < FEWEST_ALONG * width else ()
    flags = (*flags, UNSURE) if any(shapes.bodies[key].rim_unsure for key in pair) else flags
    points = as_points([below.back, below.back + value * along])
    words = ("slip", "Slip", disc, place_name(disc), "mm")
    slip = Measurement(*words, value, value - width / 2, value + width / 2, "line", points, flags, GROUP)
    yield slip
    depth = length("", "", disc, GROUP, [below.back, below.front], width)
    yield quotient("slip_percent", "Slip, share of endplate", disc, GROUP, slip, depth, 100.0, "%")


def _sagittal_angle(above: Endplate, below: Endplate, right: np.ndarray) -> float:
    """Degrees from the lower endplate to the upper one about the axis to the right: positive where they open to the front."""
    first, second = (_seen_along(plate.normal, right) for plate in (below, above))
    return float(np.degrees(np.arctan2(np.cross(first, second) @ right, first @ second)))


def _seen_along(vector: np.ndarray, axis: np.ndarray) -> np.ndarray:
    flat = vector - vector @ axis * axis
    return flat / np.linalg.norm(flat)


def _angle(shapes: SpineShapes, key: str, name: str, place: str, above: Endplate, below: Endplate) -> Measurement:
    """Between two endplates in the sagittal plane of the two."""
    up, front = disc_axes(above, below)
    value = _sagittal_angle(above, below, np.cross(front, up))
    error = _degrees_of_a_voxel(shapes, above, below)
    points = as_points([above.back, above.front, below.back, below.front])
    flags = (FEW_VOXELS,) if _coarse(shapes, above) else ()
    named = place_name(place) if place else f"{place_name(FIRST_LUMBAR)} to S1"
    return Measurement(key, name, place, named, "deg", value, value - error, value + error, "angle", points, flags, GROUP)


def _coarse(shapes: SpineShapes, plate: Endplate) -> bool:
    field = next(iter(shapes.fields.values()))
    return field.width_along(plate.normal) > COARSE_MM or plate.depth < FEWEST_ALONG * field.width_along(plate.forward)


def _degrees_of_a_voxel(shapes: SpineShapes, above: Endplate, below: Endplate, depth: float | None = None) -> float:
    """Half of what a voxel's width does to the angle between two lines."""
    width = next(iter(shapes.fields.values())).width_along(above.normal)
    return float(np.degrees(np.arctan2(width / 2, depth or min(above.depth, below.depth))))


def _lordosis(shapes: SpineShapes) -> Iterator[Measurement]:
    if FIRST_LUMBAR not in shapes.order or SACRUM not in shapes.order:
        return
    above = shapes.bodies[FIRST_LUMBAR].upper if FIRST_LUMBAR in shapes.bodies else None
    below = shapes.bodies[SACRUM].upper if SACRUM in shapes.bodies else None
    if above is None or below is None:
        why = CUT if shapes.fields[FIRST_LUMBAR].at_edge or shapes.fields[SACRUM].at_edge else NOT_TOLD
        yield Measurement("lumbar_lordosis", "Lumbar lordosis", "", "L1 to S1", "deg", None, flags=(why,), group=GROUP)
        return
    yield _angle(shapes, "lumbar_lordosis", "Lumbar lordosis", "", above, below)


def _largest_sideways(shapes: SpineShapes) -> Iterator[Measurement]:
    """Cobb's angle of the two endplates between which it is largest."""
    ahead = shapes.forward - shapes.forward @ shapes.upward * shapes.upward
    ahead = ahead / np.linalg.norm(ahead)
    right = np.cross(ahead, shapes.upward)
    bodies = [(key, shapes.bodies[key]) for key in shapes.order if key in shapes.bodies]
    pairs = [
        (abs(_lean(a.upper, right, shapes.upward) - _lean(b.lower, right, shapes.upward)), first, second)
        for number, (first, a) in enumerate(bodies)
        for second, b in bodies[number + 1 :]
        if a.upper is not None and b.lower is not None and a.upper.tilts_sideways and b.lower.tilts_sideways
    ]
    if not pairs:
        if len(bodies) > 1:
            why = CUT if any(shape.sides_cut for _, shape in bodies) else NOT_TOLD
            yield Measurement("largest_coronal_angle", "Largest coronal angle (Cobb)", "", "", "deg", None, flags=(why,), group=GROUP)
        return
    value, first, second = max(pairs)
    above, below = shapes.bodies[first].upper, shapes.bodies[second].lower
    assert above is not None
    assert below is not None
    error = _degrees_of_a_voxel(shapes, above, below, 1.8 * min(above.half_width, below.half_width))
    levels = f"{place_name(first)} to {place_name(second)}"
    flags = (FEW_VOXELS,) if _coarse(shapes, above) else ()
    points = as_points([*_across(above, ahead), *_across(below, ahead)])
    words = ("largest_coronal_angle", "Largest coronal angle (Cobb)", "", levels, "deg")
    yield Measurement(*words, value, max(0.0, value - error), value + error, "angle", points, flags, GROUP)


def _lean(plate: Endplate | None, right: np.ndarray, upward: np.ndarray) -> float:
    """Degrees by which an endplate leans to the right, seen from the front."""
    if plate is None:
        return float("nan")
    return float(np.degrees(np.arctan2(plate.normal @ right, plate.normal @ upward)))


def _across(plate: Endplate, ahead: np.ndarray) -> list[np.ndarray]:
    """An endplate's line from left to right, seen from the front."""
    side = np.cross(ahead, plate.normal)
    side = side / np.linalg.norm(side) * plate.half_width
    return [plate.middle - side, plate.middle + side]
