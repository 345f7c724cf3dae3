"""Sizes of vertebral bodies.

Heights are distances between the edges of the two endplates in the mid-sagittal plane, in front and behind, and between their middles, as in
quantitative morphometry.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neurospineseg.measurements.body_shape import BodyShape
from neurospineseg.measurements.measurement import CUT, FEW_VOXELS, UNSURE, Measurement, as_points
from neurospineseg.measurements.spine_lengths import COARSE_MM, FEWEST_ALONG, NOT_TOLD, length, missing, place_name, quotient
from neurospineseg.measurements.spine_shapes import SACRUM, SpineShapes

GROUP = "Vertebral bodies"


def bodies(shapes: SpineShapes) -> Iterator[Measurement]:
    """Each body's heights, depth, width, ratios and endplates."""
    for key in shapes.order:
        if key == "vertebra_C1":
            continue
        shape = shapes.bodies.get(key)
        if shape is None:
            if key != SACRUM:
                flag = CUT if shapes.fields[key].at_edge else NOT_TOLD
                yield from (
                    missing(f"body_height_{where}", f"Body height, {where}", key, GROUP, "mm", flag)
                    for where in ("front", "middle", "back")
                )
            continue
        if key != SACRUM:
            yield from _sizes(shapes, key, shape)
        yield from _endplates(shapes, key, shape)


def _sizes(shapes: SpineShapes, key: str, shape: BodyShape) -> Iterator[Measurement]:
    field = shapes.fields[key]
    tall, deep, wide = (field.width_along(shape.frame.axes[:, axis]) for axis in (2, 1, 0))
    heights = {}
    for where in ("front", "middle", "back"):
        words = (f"body_height_{where}", f"Body height, {where}", key, GROUP)
        if shape.upper is None or shape.lower is None or key == "vertebra_C2":
            cut = shape.upper_cut or shape.lower_cut or shapes.fields[key].at_edge
            heights[where] = missing(*words, "mm", CUT if cut else NOT_TOLD)
        else:
            heights[where] = length(*words, [getattr(shape.upper, where), getattr(shape.lower, where)], tall)
    yield from heights.values()
    depth = _wall_to_wall("body_depth", "Body depth", key, shape.front, shape.back, deep, shapes.fields[key].at_edge)
    yield depth
    yield _wall_to_wall("body_width", "Body width", key, shape.left, shape.right, wide, shape.sides_cut)
    yield quotient("body_front_to_back", "Body height, front to back", key, GROUP, heights["front"], heights["back"])
    yield quotient("body_middle_to_back", "Body height, middle to back", key, GROUP, heights["middle"], heights["back"])


def _wall_to_wall(
    key: str, name: str, place: str, first: np.ndarray | None, second: np.ndarray | None, width: float, cut: bool
) -> Measurement:
    if first is None or second is None:
        return missing(key, name, place, GROUP, "mm", CUT if cut else NOT_TOLD)
    return length(key, name, place, GROUP, [first, second], width)


def _endplates(shapes: SpineShapes, key: str, shape: BodyShape) -> Iterator[Measurement]:
    """Each endplate's plane, with its depth from edge to edge."""
    for side, plate, cut in (("upper", shape.upper, shape.upper_cut), ("lower", shape.lower, shape.lower_cut)):
        if (key == SACRUM and side == "lower") or (key == "vertebra_C2" and side == "upper"):
            continue
        words = (f"{side}_endplate_depth", f"{side.capitalize()} endplate, depth", key)
        if plate is None:
            yield missing(*words, GROUP, "mm", CUT if cut or shapes.fields[key].at_edge else NOT_TOLD)
            continue
        width = shapes.fields[key].width_along(plate.forward)
        value = plate.depth
        flags = (FEW_VOXELS,) if width > COARSE_MM or value < FEWEST_ALONG * width else ()
        flags = (*flags, UNSURE) if shape.rim_unsure else flags
        points = as_points(plate.corners())
        yield Measurement(*words, place_name(key), "mm", value, value - width / 2, value + width / 2, "plane", points, flags, GROUP)
