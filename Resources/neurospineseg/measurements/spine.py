"""What is measured on a mask of the spine: bodies, discs, canal and how they stand to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neurospineseg.measurements.intervertebral_discs import discs
from neurospineseg.measurements.measurement import UNSURE, Measurement, Measurements, spread
from neurospineseg.measurements.measuring import MeasuredMask
from neurospineseg.measurements.spinal_canal import canal
from neurospineseg.measurements.spine_alignment import alignment
from neurospineseg.measurements.spine_lengths import place_name
from neurospineseg.measurements.spine_shapes import CANAL, PARTS_OF, SACRUM, SpineShapes, spine_shapes
from neurospineseg.measurements.vertebral_bodies import bodies
from neurospineseg.tasks.spine.levels import structure_at

SURFACES = (0.3, 0.7)
"""Values of the probabilities at which everything is measured again."""
MOST_SPREAD = {"mm": 1.5, "deg": 4.0, "%": 8.0, "mm2": 60.0, "": 0.12}
"""An error bar that reaches farther than this to a side is flagged."""
MOST_UNLIKE = 1.45
"""No body is so many times as deep, or as shallow, as its neighbors within two places."""
MORE_UNLIKE_BY_PLACE = 1.08
"""And as one farther away so many times more for each place."""


def measure_spine(mask: MeasuredMask) -> Measurements:
    """All measures of a spine.

    The numbers are those of the mask alone, so that they are the same from a file. The error bar holds what is measured where the
    probabilities are .3 and .7, where there are probabilities of the structures or of the network's classes; otherwise it is a voxel wide.
    """
    shapes = spine_shapes(replace(mask, probabilities={}))
    items = _measured(shapes)
    if _has_probabilities(mask):
        others = [_by_place(_measured(spine_shapes(mask, level))) for level in SURFACES]
        items = [_with_spread(each, [other.get((each.key, each.place)) for other in others]) for each in items]
    odd = _doubtful(shapes)
    return Measurements("spine", tuple(_flagged(each, odd) for each in items), tuple(_notes(shapes)))


def _has_probabilities(mask: MeasuredMask) -> bool:
    classes = {name for parts in PARTS_OF.values() for name in parts} | set(mask.names.values())
    return bool(classes & set(mask.probabilities))


def _measured(shapes: SpineShapes) -> list[Measurement]:
    return [*bodies(shapes), *discs(shapes), *canal(shapes), *alignment(shapes)]


def _by_place(items: Sequence[Measurement]) -> dict[tuple[str, str], Measurement]:
    return {(each.key, each.place): each for each in items}


def _with_spread(item: Measurement, others: Sequence[Measurement | None]) -> Measurement:
    """The error bar from the same measure taken at other surfaces; one that is not found there leaves it as wide as a voxel at least."""
    if item.value is None:
        return item
    values = [other.value for other in others if other is not None and other.value is not None]
    low, high = spread(item.value, values)
    if len(values) < len(SURFACES):
        low, high = min(low, item.low if item.low is not None else low), max(high, item.high if item.high is not None else high)
    return replace(item, low=low, high=high)


def _flagged(item: Measurement, odd: set[str]) -> Measurement:
    if item.value is None or item.low is None or item.high is None or UNSURE in item.flags:
        return item
    wide = max(item.value - item.low, item.high - item.value) > MOST_SPREAD[item.unit]
    return replace(item, flags=(*item.flags, UNSURE)) if wide or item.place in odd else item


def _doubtful(shapes: SpineShapes) -> set[str]:
    """Bodies that are unlike their neighbors or bulge, and the discs beside them, in the mask or not."""
    bodies = _unlike_neighbors(shapes) | {key for key, shape in shapes.bodies.items() if shape.bulges}
    gaps = [structure_at("disc", shapes.places[key] + above, shapes.variant, shapes.neutral) for key in bodies for above in (0, 1)]
    beside = {disc.key for disc in gaps if disc is not None}
    return bodies | beside


def _unlike_neighbors(shapes: SpineShapes) -> set[str]:
    """Bodies whose depth is far from their neighbors': part of the arch may have been taken for the body."""
    depths = {
        key: float(np.linalg.norm(shape.front - shape.back))
        for key, shape in shapes.bodies.items()
        if key != SACRUM and shape.front is not None and shape.back is not None
    }
    odd = set()
    for key, depth in depths.items():
        others = {name: abs(shapes.places[name] - shapes.places[key]) for name in depths if name != key}
        if not others:
            continue
        within = max(2, min(others.values()))
        usual = float(np.median([depths[name] for name, far in others.items() if far <= within]))
        most = MOST_UNLIKE * MORE_UNLIKE_BY_PLACE ** (within - 2)
        if not 1 / most < depth / usual < most:
            odd.add(key)
    return odd


def _notes(shapes: SpineShapes) -> list[str]:
    if not shapes.order:
        return ["The mask holds no vertebra of a known name, so that nothing was measured."]
    notes = []
    if odd := sorted(_doubtful(shapes) & set(shapes.bodies)):
        notes.append(
            f"{', '.join(place_name(key) for key in odd)}: unlike its neighbors in size or higher in the middle than at its edges; look where it was measured."
        )
    if shapes.canal is None and CANAL in shapes.fields:
        notes.append("The spinal canal was not measured: which way it runs cannot be told from so few vertebrae.")
    elif shapes.canal is None:
        notes.append(
            "No spinal canal was found in the mask; which way bodies face is told from their arches, or taken to be the scan's front."
        )
    if "sacrum" not in shapes.bodies and "sacrum" in shapes.order:
        notes.append("The upper endplate of S1 could not be told; what rests on it is not measured.")
    return notes
