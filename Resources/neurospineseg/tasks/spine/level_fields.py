"""At which level every voxel of a spine lies; the borders between levels bend as arches do."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from neurospineseg.geometry.grid import Grid
from neurospineseg.tasks.spine.column import Column

BEHIND_MM = (16.0, 24.0, 32.0, 40.0, 48.0, 56.0)
MIDLINE_BORDER = (0.08, -0.02, -0.2, -0.26, -0.32, -0.34)
SIDE_BORDER = (0.08, 0.14, 0.28, 0.24, 0.24, 0.24)
SIDE_MM = (10.0, 18.0)
"""Where the border between two levels' arches lies, in steps between their bodies above the middle between them, by the
distance behind the bodies' middles: laminae and spinous processes hang down in the midline, while joint and transverse processes
rise at the sides; between ``SIDE_MM`` from the midline one passes into the other. Measured at 34 borders from C3 to L5 (four VerSe
masks, panoptica's MR label map) as the heights that part two vertebrae with the fewest wrong voxels."""


def _coordinates(grid: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """RAS mm of every voxel, three float32 arrays (K, J, I)."""
    k, j, i = (np.arange(n, dtype=np.float32) for n in grid.shape)
    matrix = grid.ijk_to_ras.astype(np.float32)
    rows = []
    for row in range(3):
        rows.append(matrix[row, 0] * i[None, None] + matrix[row, 1] * j[None, :, None] + matrix[row, 2] * k[:, None, None] + matrix[row, 3])
    return rows[0], rows[1], rows[2]


def _above(points: tuple[np.ndarray, ...], place: np.ndarray, upward: np.ndarray, step: float) -> np.ndarray:
    """Where voxels lie above the border between two levels ``step`` mm apart; a plane where ``step`` is 0; bool (K, J, I)."""
    offsets = [points[a] - np.float32(place[a]) for a in range(3)]
    height = np.asarray(sum(np.float32(upward[a]) * offsets[a] for a in range(3)))
    if step == 0:
        return height > 0
    doubtful = np.abs(height) < 0.4 * step
    axis = np.array([0.0, -1.0, 0.0] if abs(upward[1]) < 0.99 else [0.0, 0.0, 1.0])
    backward = axis - (axis @ upward) * upward
    backward = backward / np.linalg.norm(backward)
    sideward = np.cross(upward, backward)
    near = [offset[doubtful] for offset in offsets]
    behind = np.asarray(sum(np.float32(backward[a]) * near[a] for a in range(3)))
    aside = np.abs(sum(np.float32(sideward[a]) * near[a] for a in range(3)))
    share = np.interp(aside, SIDE_MM, (0.0, 1.0))
    border = (1 - share) * np.interp(behind, BEHIND_MM, MIDLINE_BORDER) + share * np.interp(behind, BEHIND_MM, SIDE_BORDER)
    above = height > 0
    above[doubtful] = height[doubtful] > border * step
    return above


def _planes(column: Column) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middle, upward direction and step of every border between neighboring instances, (N - 1, ...)."""
    steps = np.diff(column.centers, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    return (column.centers[:-1] + column.centers[1:]) / 2, steps / lengths[:, None], lengths


def label_fields(column: Column, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """For every voxel the instance (from 0) whose level it lies at, and the number of body middles below it; int16 (K, J, I).

    The second counts from 0, below the lowest middle, and so numbers the gaps between bodies.
    """
    points = _coordinates(grid)
    instance, gap = np.zeros(grid.shape, np.int16), np.zeros(grid.shape, np.int16)
    for place, upward, length in zip(*_planes(column)):
        instance += _above(points, place, upward, length)
    for place, upward in zip(column.centers, column.directions()):
        gap += _above(points, place, upward, 0.0)
    near = ndimage.distance_transform_edt(column.bodies == 0, sampling=grid.spacing_kji, return_indices=True)
    distance, index = near
    own = column.bodies[tuple(index)].astype(np.int16) - 1
    return np.where(distance <= 3.0, own, instance), gap
