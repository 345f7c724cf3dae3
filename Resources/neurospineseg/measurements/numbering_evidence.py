"""What a mask of any program shows that its levels can be counted from: sacrum, C2's dens, and ribs where it marks them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from neurospineseg.images.volume import Volume
from neurospineseg.measurements.spine_lengths import place_name
from neurospineseg.tasks.anatomy import family
from neurospineseg.tasks.spine.evidence import Evidence, chosen, evidence_of_names, numberings, reasons, rivals_in_words
from neurospineseg.tasks.spine.levels import is_neutral, place_of, variant_of

SACRUM = "sacrum"
RIB_REACH_MM = 8.0
"""A rib is borne by the vertebra that is nearest to it, if that is nearer than this."""
MOST_POINTS = 20000
Boxes = Sequence[tuple[slice, slice, slice] | None]
"""Of each label value from 1, as SciPy finds them; None for one without a voxel."""


def seen_in_mask(labels: Volume, keys: Mapping[int, str], ribs: Iterable[int] = ()) -> Evidence:
    """What a label map shows.

    Args:
        keys: structure's key by label value.
        ribs: label values of ribs, of which each is a rib or a side's.
    """
    boxes = ndimage.find_objects(labels.voxels)
    points = {key: _points(labels, value, boxes) for value, key in keys.items() if family(key) == "vertebra"}
    points = {key: each for key, each in points.items() if len(each)}
    heights = {key: float(np.ptp(each[:, 2])) for key, each in points.items()}
    sacrum = any(key == SACRUM and _box(value, boxes) is not None for value, key in keys.items())
    return evidence_of_names(heights, sacrum, _lowest_with_ribs(points, [_points(labels, value, boxes) for value in ribs]))


def note_on_names(seen: Evidence, keys: Iterable[str]) -> str | None:
    """A sentence on how likely the names of a mask are; None where it has none, or no sacrum to count from."""
    names = [key for key in keys if family(key) == "vertebra" and not is_neutral(key)]
    best = chosen(numberings(seen))
    if best is None or not names:
        return None
    variant = variant_of(names)
    lowest = min(names, key=lambda key: place_of(key, variant) or 0)
    return f"The lowest vertebra is named {place_name(lowest)}; by count it is {rivals_in_words(numberings(seen))}: {', '.join(reasons(seen))}."


def _box(value: int, boxes: Boxes) -> tuple[slice, slice, slice] | None:
    return boxes[value - 1] if 0 < value <= len(boxes) else None


def _points(labels: Volume, value: int, boxes: Boxes) -> np.ndarray:
    """Places of a label value, RAS mm (N, 3), thinned out evenly."""
    box = _box(value, boxes)
    if box is None:
        return np.zeros((0, 3))
    found = np.argwhere(labels.voxels[box] == value) + [side.start for side in box]
    return labels.affine.apply_kji(found[:: max(1, len(found) // MOST_POINTS)])


def _lowest_with_ribs(vertebrae: Mapping[str, np.ndarray], ribs: Iterable[np.ndarray]) -> str | None:
    """
    Args:
        vertebrae, ribs: places of their voxels, RAS mm (N, 3).
    """
    seen = [points for points in ribs if len(points)]
    if not seen or not vertebrae:
        return None
    trees = {key: cKDTree(points) for key, points in vertebrae.items()}
    variant, bearing = variant_of(vertebrae), []
    for points in seen:
        apart = {key: float(tree.query(points)[0].min()) for key, tree in trees.items()}
        nearest = min(apart, key=lambda key: apart[key])
        if apart[nearest] < RIB_REACH_MM:
            bearing.append(nearest)
    return min(bearing, key=lambda key: place_of(key, variant) or 0) if bearing else None
