"""Cuts boxes of a given size out of volumes, padded with zeros where the volume ends."""

from __future__ import annotations

import numpy as np

from neurospineseg.images.volume import Volume


def bounds(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and one past the last index of a mask's voxels along its axes, shape (3,) each; the whole array where it is empty."""
    spans = [np.flatnonzero(mask.any(axis=tuple(set(range(mask.ndim)) - {axis}))) for axis in range(mask.ndim)]
    if spans[0].size == 0:
        return np.zeros(mask.ndim, int), np.array(mask.shape)
    return np.array([span[0] for span in spans]), np.array([span[-1] + 1 for span in spans])


def box_start(shape: tuple[int, ...], size: tuple[int, ...], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """First index along each axis of the box of ``size`` around the middle of ``low`` to ``high``, in voxels.

    The box stays within the volume where the volume is larger, and holds all of the volume where it is smaller.
    """
    start = np.round((low + high - np.array(size)) / 2).astype(int)
    room = np.array(shape) - size
    return np.clip(start, np.minimum(room, 0), np.maximum(room, 0))


def shifted_to_hold(start: np.ndarray, size: tuple[int, ...], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The box moved just so far that it holds what lies from ``low`` to ``high``; around its middle where that is larger."""
    moved = np.maximum(np.minimum(start, low), high - np.array(size))
    return np.where(high - low <= size, moved, np.round((low + high - np.array(size)) / 2).astype(int))


def crop(volume: Volume, start: np.ndarray, size: tuple[int, ...]) -> Volume:
    """The box of ``size`` voxels (K, J, I) that begins at the index ``start`` (k, j, i), which may lie outside."""
    stop = np.array(start) + size
    low, high = np.maximum(start, 0), np.minimum(stop, volume.shape)
    voxels = np.zeros(size, volume.voxels.dtype)
    target = tuple(slice(a, b) for a, b in zip(low - start, high - start))
    voxels[target] = volume.voxels[tuple(slice(a, b) for a, b in zip(low, high))]
    return Volume(voxels, volume.affine.from_voxel(start))
