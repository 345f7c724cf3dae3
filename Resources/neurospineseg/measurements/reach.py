"""How far a mask reaches along directions, finer than its voxels."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.bounding_box import bounding_slices
from neurospineseg.measurements.outline import LEAST_STEP, SMOOTH_VOXELS


def surface_points(mask: np.ndarray, affine: Affine) -> np.ndarray:
    """RAS mm of where the surface of a bool mask (K, J, I) crosses the lines between voxel centers, (N, 3); placed as ``mask_outline`` does."""
    margin = int(np.ceil(4 * SMOOTH_VOXELS))
    box = bounding_slices(mask)
    if box is None:
        return np.zeros((0, 3))
    inside = np.pad(mask[box], margin)
    smooth = ndimage.gaussian_filter(inside.astype(np.float32), SMOOTH_VOXELS)
    field = np.where(inside, np.maximum(smooth, 0.5 + LEAST_STEP), np.minimum(smooth, 0.5 - LEAST_STEP))
    found = []
    for axis in range(3):
        crossed = np.diff(inside, axis=axis)
        voxels = np.argwhere(crossed)
        one = np.eye(3, dtype=int)[axis]
        before, after = field[tuple(voxels.T)], field[tuple((voxels + one).T)]
        found.append(voxels + ((0.5 - before) / (after - before))[:, None] * one)
    start = np.array([part.start for part in box]) - margin
    return affine.apply_kji(np.concatenate(found) + start)
