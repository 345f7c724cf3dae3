"""Is each scan another image than the others?"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.images.intensity import subsample
from neurospineseg.images.volume import Volume

SAME_CORRELATION = 0.9999
"""Of two images of which one is the other, rescaled or rounded; two contrasts of one brain reach 0.97."""


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
