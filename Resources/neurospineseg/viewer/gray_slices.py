"""What the page is sent of a slice: gray values in 16 bits and label values, pixel by pixel; never a whole volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from neurospineseg.geometry.affine import Affine
from neurospineseg.images.volume import Volume
from neurospineseg.pages.slice_pictures import gray_window
from neurospineseg.viewer.slice_planes import SlicePlane

LEVELS = 65535
FACE = 0.5 + 1e-6
"""Half a voxel: where a grid ends beyond the centers of its outer voxels."""


@dataclass(frozen=True)
class GrayLevels:
    """How gray values are packed: ``low + step * number``, and the black and white level to begin with."""

    low: float
    step: float
    window: tuple[float, float]

    def packed(self, values: np.ndarray) -> np.ndarray:
        """As uint16 numbers; NaN is the lowest."""
        numbers = (np.nan_to_num(values.astype(np.float32), nan=self.low, posinf=self.low, neginf=self.low) - self.low) / self.step
        return np.clip(np.rint(numbers), 0, LEVELS).astype("<u2")

    def as_json(self) -> dict[str, Any]:
        return {"low": self.low, "step": self.step, "window": self.window}


def gray_levels(scan: Volume) -> GrayLevels:
    """Whole numbers stay what they are where their range fits."""
    low, high = np.inf, -np.inf
    for layer in scan.voxels:
        finite = layer if layer.dtype.kind in "iu" else layer[np.isfinite(layer)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if not np.isfinite([low, high]).all():
        return GrayLevels(0.0, 1.0, (0.0, 1.0))
    whole = scan.voxels.dtype.kind in "iu" and high - low <= LEVELS
    step = 1.0 if whole or high == low else (high - low) / LEVELS
    black, white = gray_window(scan)
    return GrayLevels(low, step, (black, white if white > black else black + step))


def gray_slice(plane: SlicePlane, index: int, scan: Volume, levels: GrayLevels, own: bool) -> np.ndarray:
    """uint16 (rows, columns) of a slice of a grid.

    Args:
        own: whether the scan lies on the grid itself; otherwise it is interpolated at the slice's pixels, and the lowest value outside it.

    Raises:
        IndexError: there is no such slice.
    """
    if own:
        return levels.packed(plane.of(scan.voxels, index))
    kji = places_of(plane, index, scan.affine)
    values = ndimage.map_coordinates(scan.voxels, kji, output=np.float32, order=1, mode="nearest", prefilter=False)
    values[~_inside(kji, scan.shape)] = levels.low
    return levels.packed(values)


def label_slice(plane: SlicePlane, index: int, labels: Volume, own: bool) -> np.ndarray:
    """uint16 (rows, columns): the label at each pixel of a slice of a grid, of a mask on another grid that of the nearest voxel; 0 outside.

    Raises:
        IndexError: there is no such slice.
    """
    if own:
        return plane.of(labels.voxels, index).astype("<u2")
    kji = places_of(plane, index, labels.affine)
    nearest = np.floor(kji + 0.5).astype(np.int64)
    inside = _inside(kji, labels.shape)
    clipped = [np.clip(part, 0, count - 1) for part, count in zip(nearest, labels.shape)]
    return np.where(inside, labels.voxels[tuple(clipped)], 0).astype("<u2")


def places_of(plane: SlicePlane, index: int, affine: Affine) -> np.ndarray:
    """Where the pixels of a slice lie in an array of another grid: [k, j, i], (3, rows, columns).

    Raises:
        IndexError: there is no such slice.
    """
    if not 0 <= index < plane.size[2]:
        raise IndexError(f"there is no slice {index} of {plane.size[2]}")
    to_other = affine.inverse @ plane.to_ras
    x, y = np.arange(plane.size[0]), np.arange(plane.size[1])[:, None]
    start = to_other.apply(np.array([0.0, 0.0, float(index)]))
    return np.stack([start[row] + to_other.linear[row, 0] * x + to_other.linear[row, 1] * y for row in (2, 1, 0)])


def _inside(kji: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    inside = np.ones(kji.shape[1:], bool)
    for part, count in zip(kji, shape):
        inside &= (part >= -FACE) & (part <= count - 1 + FACE)
    return inside
