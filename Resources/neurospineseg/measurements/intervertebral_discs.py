"""Sizes of intervertebral discs.

Heights are distances between the facing endplates along the disc's axis, which halves the angle between them, at the front and the back of what
both endplates cover and halfway: a slip does not lengthen them. The disc height index is the mean of the three over the depth of the body above
(method 4 of Chen et al., J Clin Neurosci 2022).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from neurospineseg.measurements.endplate import Endplate
from neurospineseg.measurements.measurement import CUT, UNSURE, Measurement, as_points
from neurospineseg.measurements.spine_lengths import NOT_TOLD, length, missing, place_name, quotient
from neurospineseg.measurements.spine_shapes import SACRUM, SpineShapes

GROUP = "Discs"
NO_DISC = "no disc in the mask"


def discs(shapes: SpineShapes) -> Iterator[Measurement]:
    """Each disc's heights and height index."""
    for place in _disc_places(shapes):
        key, upper, lower = place
        flags = () if key in shapes.fields else (NO_DISC,)
        facing = facing_endplates(shapes, upper, lower)
        heights: list[Measurement] = []
        if facing is not None:
            heights = _gap(key, *facing, _width(shapes, upper or lower or key, facing[0]), flags)
        elif key in shapes.discs and shapes.discs[key].upper and shapes.discs[key].lower:
            heights = _own_heights(shapes, key)
        else:
            why = CUT if any(shapes.fields[each].at_edge for each in (upper, lower, key) if each and each in shapes.fields) else NOT_TOLD
            heights = [
                missing(f"disc_height_{where}", f"Disc height, {where}", key, GROUP, "mm", why) for where in ("front", "middle", "back")
            ]
        yield from heights
        yield _height_index(shapes, key, upper, heights)


def _disc_places(shapes: SpineShapes) -> list[tuple[str, str | None, str | None]]:
    """Discs with the vertebrae above and below: where two neighbors are in the mask, or a disc is."""
    found: dict[str, tuple[str, str | None, str | None]] = {}
    for upper in shapes.order:
        lower = shapes.next_below(upper)
        disc = shapes.disc_below(upper) if upper != SACRUM else None
        if disc is not None and upper != "vertebra_C1" and (lower is not None or disc in shapes.fields):
            found[disc] = (disc, upper, lower)
    for key, place in shapes.places.items():
        if key.startswith("disc_") and key not in found:
            lower = next((name for name, each in shapes.places.items() if each == place - 1 and name in shapes.order), None)
            found[key] = (key, None, lower)
    return sorted(found.values(), key=lambda each: -shapes.places.get(each[0], shapes.places[each[1]] if each[1] else 0))


def _width(shapes: SpineShapes, key: str, plate: Endplate) -> float:
    return shapes.fields[key].width_along(plate.normal)


def facing_endplates(shapes: SpineShapes, upper: str | None, lower: str | None) -> tuple[Endplate, Endplate] | None:
    """The lower endplate of one vertebra and the upper one of another; None where either is not measured."""
    above = shapes.bodies[upper].lower if upper and upper in shapes.bodies else None
    below = shapes.bodies[lower].upper if lower and lower in shapes.bodies else None
    return None if above is None or below is None else (above, below)


def disc_axes(above: Endplate, below: Endplate) -> tuple[np.ndarray, np.ndarray]:
    """The axis that halves the angle between two facing endplates, upward, and the direction to the front across it."""
    up = above.normal + below.normal
    up = up / np.linalg.norm(up)
    front = above.forward + below.forward
    front = front - front @ up * up
    return up, front / np.linalg.norm(front)


def _gap(key: str, above: Endplate, below: Endplate, width: float, flags: tuple[str, ...]) -> list[Measurement]:
    """Heights along the disc's axis, where both endplates are."""
    up, front = disc_axes(above, below)
    middle = (above.middle + below.middle) / 2
    ends = [min((plate.front - middle) @ front for plate in (above, below)), max((plate.back - middle) @ front for plate in (above, below))]
    found = []
    for where, place in (("front", ends[0]), ("middle", sum(ends) / 2), ("back", ends[1])):
        line = [_meets(plate, middle + place * front, up) for plate in (above, below)]
        signed = float((line[0] - line[1]) @ up)
        more = flags if signed > 0 else (*flags, "the bodies touch")
        if signed > 0:
            found.append(length(f"disc_height_{where}", f"Disc height, {where}", key, GROUP, line, width, more))
        else:
            words = (f"disc_height_{where}", f"Disc height, {where}", key, place_name(key), "mm")
            found.append(Measurement(*words, 0.0, 0.0, width / 2, "line", as_points(line), more, GROUP))
    return found


def _meets(plate: Endplate, point: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Where a line through a point meets an endplate's surface."""
    place = point
    for _ in range(4):
        on = plate.height_at(place[None])[0]
        normal = plate.frame.axes[:, 2]
        place = place + up * (((on - place) @ normal) / (up @ normal))
    return place


def _own_heights(shapes: SpineShapes, key: str) -> list[Measurement]:
    """Heights of a disc's own mask, where an endplate beside it is not measured; its edges in front and behind are less sure."""
    shape = shapes.discs[key]
    width = shapes.fields[key].width_along(shape.frame.axes[:, 2])
    plates = [plate for plate in (shape.upper, shape.lower) if plate is not None]
    return [
        length(
            f"disc_height_{where}",
            f"Disc height, {where}",
            key,
            GROUP,
            [getattr(plate, where) for plate in plates],
            width,
            () if where == "middle" else (UNSURE,),
        )
        for where in ("front", "middle", "back")
    ]


def _height_index(shapes: SpineShapes, key: str, upper: str | None, heights: Sequence[Measurement]) -> Measurement:
    words = ("disc_height_index", "Disc height index", key, GROUP)
    shape = shapes.bodies.get(upper) if upper else None
    if shape is None or shape.front is None or shape.back is None:
        return missing(*words, "", CUT if upper and shapes.fields[upper].at_edge else NOT_TOLD)
    values = [each.value for each in heights if each.value is not None]
    if len(values) < 3:
        return missing(*words, "", heights[0].flags[0])
    width = (heights[0].high or 0.0) - (heights[0].low or 0.0)
    mean = sum(values) / 3
    flags = tuple(dict.fromkeys(flag for each in heights for flag in each.flags))
    over = Measurement("", "", key, "", "mm", mean, mean - width / 2, mean + width / 2, flags=flags)
    depth_width = shapes.fields[upper].width_along(shape.frame.axes[:, 1]) if upper else width
    return quotient(*words, over, length("", "", key, GROUP, [shape.front, shape.back], depth_width))
