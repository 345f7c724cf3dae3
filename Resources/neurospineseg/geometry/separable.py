"""Resampling between grids whose axes are parallel: along each axis, one small matrix smooths and interpolates at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log, sqrt

import numpy as np
import torch

from neurospineseg.geometry.affine import Affine

BLOCK = 32
"""How many places along an axis one matrix product computes; it needs only the stretch of the image around them."""
STRAY_VOXELS = 1e-4
"""How far, in source voxels, a target axis may stray over its whole length from the source axis it is parallel to."""


@dataclass(frozen=True)
class AxisPlaces:
    """Where a target grid's voxels lie along one array axis of a source.

    Attributes:
        target: the target's array axis that is parallel to it.
        places: in source voxels, float64 (N,), rising or falling.
        step: distance between neighboring places in source voxels.
    """

    target: int
    places: np.ndarray
    step: float

    def beyond(self, count: int) -> np.ndarray:
        """Which places lie outside an axis of ``count`` voxels, bool (N,)."""
        margin = 0.5 + 0.5e-5 * count
        return (self.places < -margin) | (self.places > count - 1 + margin)


def parallel_axes(target_to_source: Affine, shape: tuple[int, int, int]) -> list[AxisPlaces] | None:
    """For the source's array axes k, j, i the target's voxels along them; None where the grids are turned against each other.

    Args:
        target_to_source: between (i, j, k).
        shape: (K, J, I) of the target.
    """
    linear, sizes = target_to_source.linear, np.array(shape[::-1])
    partner = np.abs(linear).argmax(1)
    strays = np.abs(linear) * (sizes - 1)
    strays[range(3), partner] = 0
    if len(set(partner.tolist())) < 3 or strays.sum(1).max() > STRAY_VOXELS:
        return None
    rows = ((row, int(partner[row])) for row in (2, 1, 0))
    return [
        AxisPlaces(
            2 - column, target_to_source.offset[row] + linear[row, column] * np.arange(sizes[column]), abs(float(linear[row, column]))
        )
        for row, column in rows
    ]


def gaussian(step: float, count: int) -> np.ndarray:
    """Weights (odd number, sum 1) that smooth an axis of ``count`` voxels before it is sampled every ``step``; a single 1 where it does not shrink."""
    if step <= 1.01:
        return np.ones(1)
    sigma = sqrt((step**2 - 1) / (8 * log(2)))
    radius = max(1, min(ceil(2.5 * sigma), count - 1))
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return weights / weights.sum()


def sample_axis(image: torch.Tensor, axis: int, places: np.ndarray, smoothing: np.ndarray, level: float = 0.0) -> torch.Tensor:
    """Smooths along one array axis and interpolates linearly; beyond the ends the outermost voxel goes on.

    Args:
        image: of numbers of any kind; whole ones become float32 stretch by stretch.
        places: (N,) in voxels along the axis, rising or falling.
        smoothing: see ``gaussian``.
        level: is subtracted from every voxel beforehand.

    Returns:
        float32, with N voxels along the axis.
    """
    count = image.shape[axis]
    if len(smoothing) == 1 and np.array_equal(places, np.arange(count)):
        return lowered(image, level)
    places = np.clip(places, 0, count - 1)
    low = np.floor(places).astype(int)
    share = (places - low)[:, None]
    radius = len(smoothing) // 2
    reached = np.clip(low[:, None] + np.arange(-radius, radius + 2), 0, count - 1)
    weights = (1 - share) * np.append(smoothing, 0) + share * np.insert(smoothing, 0, 0)

    outer, inner = int(np.prod(image.shape[:axis])), int(np.prod(image.shape[axis + 1 :]))
    source = image.reshape(outer, count, inner)
    result = torch.empty(outer, len(places), inner, device=image.device)
    for start in range(0, len(places), BLOCK):
        stop = min(start + BLOCK, len(places))
        first, last = int(reached[start:stop].min()), int(reached[start:stop].max()) + 1
        block = np.zeros((stop - start, last - first), np.float32)
        np.add.at(block, (np.arange(stop - start)[:, None], reached[start:stop] - first), weights[start:stop])
        matrix = torch.from_numpy(block).to(image.device)
        stretch = lowered(source[:, first:last], level)
        if inner == 1:
            result[:, start:stop, 0] = stretch[..., 0] @ matrix.T
        else:
            result[:, start:stop] = matrix @ stretch
    return result.view(*image.shape[:axis], len(places), *image.shape[axis + 1 :])


def lowered(image: torch.Tensor, level: float) -> torch.Tensor:
    """The image as float32, less ``level``; itself where that changes nothing."""
    return image.float() - level if level else image.float()


def pick_axis(image: torch.Tensor, axis: int, places: np.ndarray) -> torch.Tensor:
    """The voxels nearest to ``places`` along one array axis; beyond the ends the outermost one."""
    nearest = np.clip(np.round(places), 0, image.shape[axis] - 1).astype(np.int64)
    return image.index_select(axis, torch.from_numpy(nearest).to(image.device))


def resample_parallel(
    image: torch.Tensor, axes: Sequence[AxisPlaces], mode: str, fill: float, antialias: bool, level: float = 0.0
) -> torch.Tensor:
    """What ``resample.resample`` does, for grids whose axes are parallel.

    Args:
        image: (C, K, J, I).
        axes: from ``parallel_axes``.
    """
    counts = image.shape[1:]
    for axis in sorted(range(3), key=lambda a: len(axes[a].places) / counts[a]):
        if mode == "nearest":
            image = pick_axis(image, axis + 1, axes[axis].places)
        else:
            smoothing = gaussian(axes[axis].step if antialias else 1.0, counts[axis])
            image, level = sample_axis(image, axis + 1, axes[axis].places, smoothing, level), 0.0
    for axis, along in enumerate(axes):
        beyond = torch.from_numpy(along.beyond(counts[axis]).nonzero()[0])
        if len(beyond):
            image = image.index_fill(axis + 1, beyond.to(image.device), fill)
    order = sorted(range(3), key=lambda a: axes[a].target)
    return image.permute(0, *(axis + 1 for axis in order)).contiguous()
