"""The outline of a mask in one slice, finer than its voxels: marching squares (Lorensen and Cline's cubes in the plane).

Of probabilities it lies where they reach the level. Of a mask it goes between the centers of voxels inside and outside: midway where the edge is
flat, nearer to the last one inside where that stands out, as the tip of a round thing does. So a diameter is neither short by a voxel, as
between voxel centers, nor long, as between voxel corners or the farthest of many midway points.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

SMOOTH_VOXELS = 0.8
"""Standard deviation of the Gaussian that tells how far a voxel at the edge of a mask stands out. Of 100 drawn ellipsoids the mean error of the
longest diameter was 0.41 voxels without it, 0.22 at 0.6, 0.07 at 0.8 and -0.04 at 1."""
LEAST_STEP = 0.02
"""What is inside stays this far above the level and what is outside below, so that the outline parts the same voxels as the mask does."""
_SIDES = ((0, 1), (1, 2), (2, 3), (3, 0))
"""Corners of a cell, counted around it from (0, 0) by (0, 1), (1, 1) and (1, 0), at the ends of each of its sides."""
_CORNERS = np.array([(0, 0), (0, 1), (1, 1), (1, 0)], float)


def outline(field: np.ndarray, level: float = 0.5) -> np.ndarray:
    """Where a plane's values reach a level, as segments (N, 2 ends, 2: row and column); what lies beyond the array counts as 0.

    Args:
        field: bool, or values from 0 to 1, shape (rows, columns).

    >>> square = np.zeros((4, 4))
    >>> square[1:3, 1:3] = 1
    >>> segments = outline(square)
    >>> segments.min(), segments.max()
    (np.float64(0.5), np.float64(2.5))
    """
    padded = np.pad(np.asarray(field, float), 1)
    corners = np.stack([padded[:-1, :-1], padded[:-1, 1:], padded[1:, 1:], padded[1:, :-1]], -1)
    inside = corners >= level
    cells = np.argwhere(inside.any(-1) & ~inside.all(-1))
    corners, inside = corners[tuple(cells.T)], inside[tuple(cells.T)]
    crossings = np.stack([_crossing(corners, a, b, level) for a, b in _SIDES], 1) + cells[:, None] - 1
    crossed = np.stack([inside[:, a] != inside[:, b] for a, b in _SIDES], 1)
    two, four = crossed.sum(1) == 2, crossed.sum(1) == 4
    plain = crossings[two][crossed[two]].reshape(-1, 2, 2)
    around_first = inside[four, 0] == (corners[four].mean(1) < level)
    saddles = np.where(around_first[:, None], (3, 0, 1, 2), (0, 1, 2, 3))
    return np.concatenate([plain, np.take_along_axis(crossings[four], saddles[..., None], 1).reshape(-1, 2, 2)])


def mask_outline(mask: np.ndarray, around: np.ndarray) -> np.ndarray:
    """The outline of a plane's mask, as ``outline`` gives it.

    Args:
        mask: bool (rows, columns).
        around: bool (rows, columns), what the mask is a part of, or the mask itself; its edge tells what stands out, so that a thin rim is as
            wide as what it encloses.
    """
    margin = int(np.ceil(4 * SMOOTH_VOXELS))
    inside = np.pad(mask, margin)
    smooth = ndimage.gaussian_filter(np.pad(around.astype(float), margin), SMOOTH_VOXELS)
    return outline(np.where(inside, np.maximum(smooth, 0.5 + LEAST_STEP), np.minimum(smooth, 0.5 - LEAST_STEP))) - margin


def _crossing(corners: np.ndarray, a: int, b: int, level: float) -> np.ndarray:
    """Where the level lies between two corners of each cell, (cells, 2), meaningless where it does not."""
    rise = corners[:, b] - corners[:, a]
    part = np.clip((level - corners[:, a]) / np.where(rise == 0, 1, rise), 0, 1)
    return _CORNERS[a] + part[:, None] * (_CORNERS[b] - _CORNERS[a])
