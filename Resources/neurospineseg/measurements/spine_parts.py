"""Sizes of vertebral bodies, discs and the canal.

Heights of bodies are distances between the edges of the two endplates in the mid-sagittal plane, in front and behind, and between their
middles, as in quantitative morphometry. Heights of discs are distances between the facing endplates along the disc's axis, which halves the
angle between them, at the front and the back of what both endplates cover and halfway: a slip does not lengthen them. The disc height
index is the mean of the three over the depth of the body above (method 4 of Chen et al., J Clin Neurosci 2022).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from neurospineseg.measurements.body_shape import BodyShape, Endplate
from neurospineseg.measurements.measurement import CUT, FEW_VOXELS, Measurement, as_points
from neurospineseg.measurements.spine_shapes import CANAL, SACRUM, SpineShapes
from neurospineseg.tasks.anatomy import structure

BODIES, DISCS, CANAL_GROUP = "Vertebral bodies", "Discs", "Spinal canal"
NO_DISC = "no disc in the mask"
NO_CANAL = "no canal beside it in the mask"
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


def bodies(shapes: SpineShapes) -> Iterator[Measurement]:
    """Each body's heights, depth, width, ratios and endplates."""
    for key in shapes.order:
        if key == "vertebra_C1":
            continue
        shape = shapes.bodies.get(key)
        if shape is None:
            if key != SACRUM:
                flag = CUT if at_edge(shapes, key) else NOT_TOLD
                yield from (
                    missing(f"body_height_{where}", f"Body height, {where}", key, BODIES, "mm", flag)
                    for where in ("front", "middle", "back")
                )
            continue
        if key != SACRUM:
            yield from _sizes(shapes, key, shape)
        yield from _endplates(shapes, key, shape)


def at_edge(shapes: SpineShapes, key: str) -> bool:
    """Whether a structure's box touches the faces of the grid."""
    field = shapes.fields[key]
    shown = np.argwhere(field.values >= field.level)
    if not len(shown):
        return False
    at = field.whole.affine.kji_of(field.part.affine.apply_kji(shown))
    return bool((at.min(0) < 0.6).any() or (at.max(0) > np.array(field.whole.shape) - 1.6).any())


def _sizes(shapes: SpineShapes, key: str, shape: BodyShape) -> Iterator[Measurement]:
    field = shapes.fields[key]
    tall, deep, wide = (field.width_along(shape.frame.axes[:, axis]) for axis in (2, 1, 0))
    heights = {}
    for where in ("front", "middle", "back"):
        words = (f"body_height_{where}", f"Body height, {where}", key, BODIES)
        if shape.upper is None or shape.lower is None or key == "vertebra_C2":
            cut = shape.upper_cut or shape.lower_cut or at_edge(shapes, key)
            heights[where] = missing(*words, "mm", CUT if cut else NOT_TOLD)
        else:
            heights[where] = length(*words, [getattr(shape.upper, where), getattr(shape.lower, where)], tall)
    yield from heights.values()
    depth = _wall_to_wall("body_depth", "Body depth", key, shape.front, shape.back, deep, at_edge(shapes, key))
    yield depth
    yield _wall_to_wall("body_width", "Body width", key, shape.left, shape.right, wide, shape.sides_cut)
    yield quotient("body_front_to_back", "Body height, front to back", key, BODIES, heights["front"], heights["back"])
    yield quotient("body_middle_to_back", "Body height, middle to back", key, BODIES, heights["middle"], heights["back"])


def _wall_to_wall(
    key: str, name: str, place: str, first: np.ndarray | None, second: np.ndarray | None, width: float, cut: bool
) -> Measurement:
    if first is None or second is None:
        return missing(key, name, place, BODIES, "mm", CUT if cut else NOT_TOLD)
    return length(key, name, place, BODIES, [first, second], width)


def _endplates(shapes: SpineShapes, key: str, shape: BodyShape) -> Iterator[Measurement]:
    """Each endplate's plane, with its depth from edge to edge."""
    for side, plate, cut in (("upper", shape.upper, shape.upper_cut), ("lower", shape.lower, shape.lower_cut)):
        if (key == SACRUM and side == "lower") or (key == "vertebra_C2" and side == "upper"):
            continue
        words = (f"{side}_endplate_depth", f"{side.capitalize()} endplate, depth", key)
        if plate is None:
            yield missing(*words, BODIES, "mm", CUT if cut or at_edge(shapes, key) else NOT_TOLD)
            continue
        width = shapes.fields[key].width_along(plate.forward)
        value = plate.depth
        flags = (FEW_VOXELS,) if width > COARSE_MM or value < FEWEST_ALONG * width else ()
        points = as_points(plate.corners())
        yield Measurement(*words, place_name(key), "mm", value, value - width / 2, value + width / 2, "plane", points, flags, BODIES)


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
            why = CUT if any(at_edge(shapes, each) for each in (upper, lower, key) if each and each in shapes.fields) else NOT_TOLD
            heights = [
                missing(f"disc_height_{where}", f"Disc height, {where}", key, DISCS, "mm", why) for where in ("front", "middle", "back")
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
            found.append(length(f"disc_height_{where}", f"Disc height, {where}", key, DISCS, line, width, more))
        else:
            words = (f"disc_height_{where}", f"Disc height, {where}", key, place_name(key), "mm")
            found.append(Measurement(*words, 0.0, 0.0, width / 2, "line", as_points(line), more, DISCS))
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
    """Heights of a disc's own mask, where an endplate beside it is not measured."""
    shape = shapes.discs[key]
    width = shapes.fields[key].width_along(shape.frame.axes[:, 2])
    plates = [plate for plate in (shape.upper, shape.lower) if plate is not None]
    return [
        length(f"disc_height_{where}", f"Disc height, {where}", key, DISCS, [getattr(plate, where) for plate in plates], width)
        for where in ("front", "middle", "back")
    ]


def _height_index(shapes: SpineShapes, key: str, upper: str | None, heights: Sequence[Measurement]) -> Measurement:
    words = ("disc_height_index", "Disc height index", key, DISCS)
    shape = shapes.bodies.get(upper) if upper else None
    if shape is None or shape.front is None or shape.back is None:
        return missing(*words, "", CUT if upper and at_edge(shapes, upper) else NOT_TOLD)
    values = [each.value for each in heights if each.value is not None]
    if len(values) < 3:
        return missing(*words, "", heights[0].flags[0])
    width = (heights[0].high or 0.0) - (heights[0].low or 0.0)
    mean = sum(values) / 3
    flags = tuple(dict.fromkeys(flag for each in heights for flag in each.flags))
    over = Measurement("", "", key, "", "mm", mean, mean - width / 2, mean + width / 2, flags=flags)
    depth_width = shapes.fields[upper].width_along(shape.frame.axes[:, 1]) if upper else width
    return quotient(*words, over, length("", "", key, DISCS, [shape.front, shape.back], depth_width))


def canal(shapes: SpineShapes) -> Iterator[Measurement]:
    """Front-back diameter and area at the middle of each body and disc, and where the diameter is least."""
    if shapes.canal is None or not shapes.bodies:
        return
    seen = shapes.canal
    diameters, areas = seen.smoothed(seen.diameters), seen.smoothed(seen.areas)
    numbers = []
    for place, point, normal in _levels(shapes):
        number = seen.at_plane(point, normal)
        if number is None:
            for key, name, unit in (("canal_depth", "Canal, front to back", "mm"), ("canal_area", "Canal, area", "mm2")):
                yield missing(key, name, place, CANAL_GROUP, unit, NO_CANAL)
            continue
        numbers.append(number)
        yield from _section(shapes, place, number, diameters, areas)
    between = [n for n in range(min(numbers), max(numbers) + 1) if np.isfinite(diameters[n])] if len(numbers) > 1 else []
    if between:
        least = min(between, key=lambda n: diameters[n])
        place = _nearest_level(shapes, seen.points[least])
        line = _line(seen.ends[least], float(diameters[least]))
        yield length("canal_narrowest_depth", f"Narrowest place, at {place_name(place)}", CANAL, CANAL_GROUP, line, seen.voxel)


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
        yield length(*depth, CANAL_GROUP, _line(seen.ends[number], float(diameters[number])), seen.voxel)
    else:
        yield missing(*depth, CANAL_GROUP, "mm", why)
    area = ("canal_area", "Canal, area", place)
    if np.isfinite(areas[number]):
        value = float(areas[number])
        error = seen.voxel / 2 * float(np.sqrt(np.pi * value))
        points = as_points([seen.points[number]])
        flags = (FEW_VOXELS,) if seen.voxel > COARSE_MM else ()
        yield Measurement(*area, place_name(place), "mm2", value, value - error, value + error, "point", points, flags, CANAL_GROUP)
    else:
        yield missing(*area, CANAL_GROUP, "mm2", why)
