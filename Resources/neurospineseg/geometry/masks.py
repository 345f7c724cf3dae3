"""Neighbors and holes of a mask."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage


def filled_planes(mask: np.ndarray, axis: int) -> np.ndarray:
    """``ndimage.binary_fill_holes`` of every plane across an array axis of a bool mask (K, J, I), all of them in one labeling.

    A hole is what the plane's border cannot be reached from by steps to the four neighbors.
    """
    across = np.zeros((3, 3, 3), bool)
    for other in {0, 1, 2} - {axis}:
        across[tuple(slice(None) if a == other else 1 for a in range(3))] = True
    parts, count = ndimage.label(~mask, across)
    open_parts = np.zeros(count + 1, bool)
    for other in {0, 1, 2} - {axis}:
        for end in (0, -1):
            open_parts[np.take(parts, end, other)] = True
    open_parts[0] = False
    return ~open_parts[parts]


def with_neighbors(mask: torch.Tensor) -> torch.Tensor:
    """A bool mask (K, J, I) and its 26 neighbors."""
    for axis in range(3):
        wide = mask.clone()
        count = mask.shape[axis] - 1
        wide.narrow(axis, 0, count).logical_or_(mask.narrow(axis, 1, count))
        wide.narrow(axis, 1, count).logical_or_(mask.narrow(axis, 0, count))
        mask = wide
    return mask
