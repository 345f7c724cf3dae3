"""Connected components, islands, holes and neighbors of a mask."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage


def components(mask: np.ndarray, neighbors: int = 26) -> tuple[np.ndarray, np.ndarray]:
    """The connected components of a bool mask (K, J, I).

    Args:
        neighbors: 26, or 6 where voxels that touch by an edge or a corner are apart.

    Returns:
        Their numbers from 1, int32 (K, J, I), 0 outside the mask; the voxels of each number, int64 (count + 1,), of which the first is 0.
    """
    labels, count = ndimage.label(mask, structure=ndimage.generate_binary_structure(3, {6: 1, 26: 3}[neighbors]))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    return labels, sizes


def islands_below(mask: np.ndarray, least_voxels: float) -> np.ndarray:
    """The 26-connected components of a bool mask (K, J, I) that have fewer voxels than ``least_voxels``."""
    labels, sizes = components(mask)
    small = sizes < least_voxels
    small[0] = False
    return small[labels]


def largest_component(mask: np.ndarray, neighbors: int = 26) -> np.ndarray:
    """The connected component with the most voxels, the first of equals; bool (K, J, I), empty where the mask is."""
    labels, sizes = components(mask, neighbors)
    return mask & (labels == sizes.argmax())


def all_but_largest(mask: np.ndarray) -> np.ndarray:
    """The voxels of a bool mask (K, J, I) outside its largest 26-connected component."""
    return mask & ~largest_component(mask)


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
