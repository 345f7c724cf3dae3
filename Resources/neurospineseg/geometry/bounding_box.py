"""The smallest box around a mask; of numpy alone, so that Slicer's part may use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

Box = tuple[tuple[int, int, int], tuple[int, int, int]]


def bounding_box(mask: np.ndarray | torch.Tensor, margin: int = 0) -> Box | None:
    """The smallest ``(start, stop)`` in ``(k, j, i)`` that holds a bool mask (K, J, I), wider by ``margin`` voxels; None where it is empty."""
    start, stop = [], []
    for axis, count in enumerate(mask.shape):
        places = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)).tolist())
        if not len(places):
            return None
        start.append(max(0, int(places[0]) - margin))
        stop.append(min(count, int(places[-1]) + 1 + margin))
    return tuple(start), tuple(stop)
