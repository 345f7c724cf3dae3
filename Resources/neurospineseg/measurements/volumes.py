"""The volume of a mask and how far one voxel's width changes it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from neurospineseg.geometry.bounding_box import bounding_slices
from neurospineseg.geometry.grid import Grid
from neurospineseg.measurements.measurement import spread

LEVELS = (0.3, 0.5, 0.7)
"""Of probabilities, at which what is measured on a mask is measured again for its error bar."""


def volume_ml(mask: np.ndarray, grid: Grid) -> float:
    """Voxels times their volume: unbiased, since as many voxels are counted that are mostly outside as are left out that are mostly inside."""
    return float(np.count_nonzero(mask) * grid.voxel_volume_ml)


def rim_ml(mask: np.ndarray, grid: Grid) -> float:
    """By how much the volume grows where the surface moves outward by half a voxel.

    Voxel faces around a mask have 1.5 times its surface (Cauchy's formula, over all directions), half a voxel before each is a third of that.
    """
    box = bounding_slices(mask)
    padded = np.pad(mask[box] if box else mask, 1)
    faces = sum(np.count_nonzero(np.diff(padded, axis=axis)) for axis in range(3))
    return float(faces * grid.voxel_volume_ml / 3)


def volume_bar(mask: np.ndarray, grid: Grid, probabilities: np.ndarray | None) -> tuple[float, float]:
    """The error bar of a mask's volume in mL.

    Args:
        probabilities: (K, J, I); the volume where they exceed .3, .5 and .7 then tells how sure it is, otherwise half a voxel's width does.
    """
    value = volume_ml(mask, grid)
    if probabilities is None:
        rim = rim_ml(mask, grid)
        return max(0.0, value - rim), value + rim
    others: Iterable[float] = [volume_ml(probabilities > level, grid) for level in LEVELS]
    return spread(value, others)
