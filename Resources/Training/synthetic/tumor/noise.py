"""Noise for whole heads, cut at random from a stock drawn once: much cheaper than drawing it anew for each contrast."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from Training.synthetic.deform import smooth_noise

STOCK = 2**22
SIDE = 176


@lru_cache(maxsize=1)
def _white_stock() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(2026).standard_normal(STOCK, dtype=np.float32))


@lru_cache(maxsize=4)
def _grain_stock(step: int) -> torch.Tensor:
    """Noise of unit deviation, smooth over ``step`` voxels, over a cube of ``SIDE``."""
    noise = smooth_noise(np.random.default_rng([2026, step]), (SIDE, SIDE, SIDE), max(2, SIDE // step))
    return noise / noise.std()


def white(rng: np.random.Generator, shape: tuple[int, ...]) -> torch.Tensor:
    """White Gaussian noise of unit deviation, float32 of ``shape``."""
    count = int(np.prod(shape))
    if count > STOCK // 2:
        return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
    start = int(rng.integers(STOCK - count))
    return _white_stock()[start : start + count].view(shape)


def grain(rng: np.random.Generator, shape: tuple[int, ...], step: int) -> torch.Tensor:
    """Noise of unit deviation, smooth over ``step`` voxels, float32 (K, J, I) of ``shape``."""
    if max(shape) > SIDE:
        return smooth_noise(rng, shape, tuple(max(2, n // step) for n in shape)) * 1.5
    corner = [int(rng.integers(SIDE - n + 1)) for n in shape]
    part = _grain_stock(step)[tuple(slice(c, c + n) for c, n in zip(corner, shape))]
    return part.flip([axis for axis in range(3) if rng.random() < 0.5])


def millimeter_noise(rng: np.random.Generator, shape: tuple[int, ...], spacing_mm: float, step_mm: float) -> torch.Tensor:
    """Noise of about unit deviation whose control points lie ``step_mm`` apart, float32 (K, J, I)."""
    return smooth_noise(rng, shape, tuple(max(3, int(round(n * spacing_mm / step_mm))) for n in shape)) * 1.5
