"""nnU-Net's resampling (its ``resample_data_or_seg_to_shape``), to the same values: splines of SciPy between voxels' outer faces.

Where voxels are much longer along one axis, splines are taken in the slices alone and slices are chosen along it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

from neurospineseg.models.recipe import Resampling

ANISOTROPIC = 3.0
"""How many times as long as the shortest side of a voxel its longest is where one axis is treated apart."""


def new_shape(shape: Sequence[int], spacing: Sequence[float], wanted: Sequence[float]) -> tuple[int, ...]:
    """How many voxels of the wanted spacing an array has."""
    return tuple(int(round(old / new * count)) for old, new, count in zip(spacing, wanted, shape))


def coarse_axis(spacing: Sequence[float], wanted: Sequence[float], how: Resampling) -> int | None:
    """The axis that is treated apart; None for none."""
    if how.force_separate_z is False:
        return None
    if how.force_separate_z:
        sides = spacing
    else:
        sides = next((each for each in (spacing, wanted) if max(each) / min(each) > ANISOTROPIC), ())
    longest = np.where(max(sides) / np.array(sides) == 1)[0] if len(sides) else np.array([])
    return int(longest[0]) if len(longest) == 1 else None


def resized(values: np.ndarray, shape: Sequence[int], order: int) -> np.ndarray:
    """An array of floats with another number of voxels, within its own range."""
    result = ndimage.zoom(values, [new / old for new, old in zip(shape, values.shape)], order=order, mode="nearest", grid_mode=True)
    return np.clip(result, values.min(), values.max(), out=result) if order > 0 else result


def resized_labels(labels: np.ndarray, shape: Sequence[int], order: int) -> np.ndarray:
    """Of labels: the label whose indicator is highest, of equal ones the nearest voxel's."""
    nearest = resized(labels.astype(float), shape, 0)
    if order == 0:
        return nearest.astype(labels.dtype)
    best, result = np.full(shape, -np.inf), np.zeros(shape, labels.dtype)
    for value in np.unique(labels):
        score = resized((labels == value).astype(float), shape, order)
        better = (score > best) | ((score == best) & (score > 0) & (nearest == value))
        result[better] = value
        best = np.maximum(best, score)
    return result


def resample_channels(
    data: np.ndarray, shape: Sequence[int], spacing: Sequence[float], wanted: Sequence[float], how: Resampling, labels: bool = False
) -> np.ndarray:
    """Channels (C, *axes) with ``shape`` voxels, of the same type.

    Args:
        spacing, wanted: mm along the axes, before and after.
        labels: whether they are labels.
    """
    if tuple(data.shape[1:]) == tuple(shape):
        return data
    axis = coarse_axis(spacing, wanted, how)
    resize = resized_labels if labels else resized
    result = np.zeros((len(data), *shape), data.dtype)
    for channel, values in zip(result, data):
        values = values if labels else values.astype(float)
        channel[:] = resize(values, shape, how.order) if axis is None else _in_slices(values, shape, axis, how, resize, labels)
    return result


def _in_slices(
    values: np.ndarray, shape: Sequence[int], axis: int, how: Resampling, resize: Callable[..., np.ndarray], labels: bool
) -> np.ndarray:
    """Each slice across ``axis`` by itself, then along it."""
    plane = [count for other, count in enumerate(shape) if other != axis]
    slices = np.stack([resize(each, plane, how.order) for each in np.moveaxis(values, axis, 0)], axis)
    if slices.shape[axis] == shape[axis]:
        return slices
    scale = slices.shape[axis] / shape[axis]
    places = list(np.mgrid[tuple(slice(count) for count in shape)].astype(float))
    places[axis] = scale * (places[axis] + 0.5) - 0.5
    if not labels or how.order_z == 0:
        return ndimage.map_coordinates(slices.astype(float), np.array(places), order=how.order_z, mode="nearest")
    result = np.zeros(shape, values.dtype)
    for value in np.unique(slices):
        result[ndimage.map_coordinates((slices == value).astype(float), np.array(places), order=how.order_z, mode="nearest") > 0.5] = value
    return result
