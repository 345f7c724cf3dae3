"""A 3D network over an image larger than it was trained on: windows placed evenly, empty ones left out, their scores blended."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F

OVERLAP = 0.5
BORDER_SIGMA = 0.125
"""The weight of a window's voxel falls off from the middle as a Gaussian of this many window sides, as in nnU-Net and MONAI."""


def starts(length: int, window: int, overlap: float = OVERLAP) -> list[int]:
    """Where windows begin so that they cover ``length`` voxels evenly, each overlapping the next by at least ``overlap`` of itself."""
    if length <= window:
        return [0]
    count = int(np.ceil((length - window) / (window * (1 - overlap)))) + 1
    return np.linspace(0, length - window, count).round().astype(int).tolist()


def blending_weight(window: tuple[int, int, int], device: torch.device) -> torch.Tensor:
    """The weight of each voxel of a window, float32 (K, J, I), 1 in the middle and never 0."""
    sides = []
    for n in window:
        place = (torch.arange(n, dtype=torch.float32, device=device) - (n - 1) / 2) / (BORDER_SIGMA * n)
        sides.append(torch.exp(-0.5 * place**2))
    return (sides[0][:, None, None] * sides[1][:, None] * sides[2]).clamp_min(1e-3)


def occupied(image: torch.Tensor) -> tuple[slice, slice, slice]:
    """The box of (C, K, J, I) that holds every voxel differing from 0 in some channel; the whole image where all are 0."""
    filled = (image != 0).any(0)
    if not bool(filled.any()):
        return tuple(slice(0, n) for n in image.shape[1:])
    box = []
    for axis in range(3):
        places = filled.any(dim=[a for a in range(3) if a != axis]).nonzero()
        box.append(slice(int(places[0]), int(places[-1]) + 1))
    return tuple(box)
