"""What a mask of any program shows that its levels can be counted from: sacrum, C2's dens, and ribs where it marks them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
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


def seen_in_mask(labels: Volume, keys: Mapping[int, str], ribs: Iterable[int] = ()) -> Evidence:
    """What a label map shows.

    Args:
        keys: structure's key by label value.
        ribs: label values of ribs, of which each is a rib or a side's.
    """
    points = {key: _points(labels, value) for value, key in keys.items() if family(key) == "vertebra"}
    points = {key: each for key, each in points.items() if len(each)}
    heights = {key: float(np.ptp(each[:, 2])) for key, each in points.items()}
    sacrum = any(key == SACRUM and (labels.voxels == value).any() for value, key in keys.items())
    return evidence_of_names(heights, sacrum, _lowest_with_ribs(labels, points, ribs))


def note_on_names(seen: Evidence, keys: Iterable[str]) -> str | None:
    """A sentence on how likely the names of a mask are; None where it has none, or no sacrum to count from."""
    names = [key for key in keys if family(key) == "vertebra" and not is_neutral(key)]
    best = chosen(numberings(seen))
    if best is None or not names:
        return None
    variant = variant_of(names)
    lowest = min(names, key=lambda key: place_of(key, variant) or 0)
    return f"The lowest vertebra is named {place_name(lowest)}; by count it is {rivals_in_words(numberings(seen))}: {', '.join(reasons(seen))}."


def _points(labels: Volume, value: int) -> np.ndarray:
    """Places of a label value, RAS mm (N, 3), thinned out evenly."""
    found = np.argwhere(labels.voxels == value)
    return labels.affine.apply_kji(found[:: max(1, len(found) // MOST_POINTS)]) if len(found) else np.zeros((0, 3))


def _lowest_with_ribs(labels: Volume, vertebrae: Mapping[str, np.ndarray], ribs: Iterable[int]) -> str | None:
    trees = {key: cKDTree(points) for key, points in vertebrae.items()}
    variant, bearing = variant_of(vertebrae), []
    for value in ribs:
        points = _points(labels, value)
        if not len(points) or not trees:
            continue
        apart = {key: float(tree.query(points)[0].min()) for key, tree in trees.items()}
        nearest = min(apart, key=lambda key: apart[key])
        if apart[nearest] < RIB_REACH_MM:
            bearing.append(nearest)
    return min(bearing, key=lambda key: place_of(key, variant) or 0) if bearing else None
