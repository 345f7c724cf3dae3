"""Are the scans what their slots say: images, and each another one?"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.images.intensity import subsample
from neurospineseg.images.volume import Volume

SAME_CORRELATION = 0.9999
"""Of two images of which one is the other, rescaled or rounded; two contrasts of one brain reach 0.97."""
MOST_LABELS, FLAT_SHARE = 64, 0.9
"""A label map has at most so many values, and in so many of its voxels the value of the next one."""


def check_distinct(scans: Mapping[str, Volume]) -> None:
    """Raises InputError where two scans are one image, the same or rescaled."""
    for (one, first), (other, second) in combinations(scans.items(), 2):
        if first.shape == second.shape and _same(first.voxels, second.voxels):
            raise InputError(f"The scans {one} and {other} are the same image; give another file for one of them, or leave one out.")


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    first, second = (subsample(voxels).astype(np.float64) for voxels in (one, other))
    if first.std() == 0 or second.std() == 0:
        return False
    return float(np.corrcoef(first, second)[0, 1]) > SAME_CORRELATION


def check_no_label_map(volume: Volume, name: str) -> None:
    """Raises InputError where a scan is a mask: few whole numbers, most of them one after the other, in flat regions."""
    sample = subsample(volume.voxels)
    values = np.unique(sample)
    if len(values) > MOST_LABELS or (values != np.round(values)).any() or not _labels(values):
        return
    middle = volume.voxels[volume.shape[0] // 2 :: max(1, volume.shape[0] // 16)]
    marked = middle[..., :-1] != values[0]
    if not marked.any():
        marked = np.ones_like(marked)
    if float((middle[..., :-1] == middle[..., 1:])[marked].mean()) >= FLAT_SHARE:
        raise InputError(f"{name[0].upper()}{name[1:]} is a mask of {len(values) - 1} labels, not an image; give the scan itself.")


def _labels(values: np.ndarray) -> bool:
    """Whether sorted values count something: there are two of them, or most but the lowest follow another."""
    steps = np.diff(values[1:]) == 1
    following = np.r_[steps, False] | np.r_[False, steps]
    return len(values) == 2 or bool(len(values) > 2 and following.mean() > 0.5)
