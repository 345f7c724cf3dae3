"""The smallest box around a mask; of numpy alone, so that Slicer's part may use it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from neurospineseg.geometry.triple import triple

if TYPE_CHECKING:
    import torch

Corner = tuple[int, int, int]


def bounding_box(mask: np.ndarray | torch.Tensor, margin: int | Sequence[int] | np.ndarray = 0) -> tuple[Corner, Corner] | None:
    """The smallest ``(start, stop)`` in ``(k, j, i)`` that holds a bool mask (K, J, I); None where it is empty.

    Args:
        margin: by how many voxels the box is wider, on every side or along k, j, i; it ends where the array ends.
    """
    slabs = _places(_any(mask, 2, 1))
    if not len(slabs):
        return None
    plane = _any(mask[int(slabs[0]) : int(slabs[-1]) + 1], 0)
    ends = [(int(places[0]), int(places[-1]) + 1) for places in (slabs, _places(_any(plane, 1)), _places(_any(plane, 0)))]
    wider = np.broadcast_to(margin, 3).tolist()
    start = triple(max(0, low - more) for (low, _), more in zip(ends, wider))
    return start, triple(min(count, high + more) for (_, high), more, count in zip(ends, wider, mask.shape))


def _any(mask: Any, *axes: int) -> Any:
    """Whether any voxel is set along axes, the last first."""
    for axis in axes:
        mask = mask.any(axis)
    return mask


def _places(line: Any) -> np.ndarray:
    return np.flatnonzero(line.tolist())


def bounding_slices(mask: np.ndarray | torch.Tensor, margin: int | Sequence[int] | np.ndarray = 0) -> tuple[slice, slice, slice] | None:
    """``bounding_box`` as slices that cut it out."""
    box = bounding_box(mask, margin)
    return None if box is None else triple(slice(low, high) for low, high in zip(*box))
