"""Turns label maps into images: random tissue intensities, bias, noise, resolution.

The recipe is SynthSeg's (Billot et al., Medical Image Analysis 2023); each
function takes and returns float32 tensors (K, J, I).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from .deform import smooth_noise


def paint(labels: torch.Tensor, means: np.ndarray, deviations: np.ndarray, rng: np.random.Generator, texture: float = 0.5) -> torch.Tensor:
    """Gaussian intensities per label.

    Args:
        labels: integer tensor of values below ``len(means)``.
        means, deviations: one entry per label value.
        texture: share of the deviation that is smooth over a few voxels rather than white.
    """
    means_t = torch.from_numpy(np.asarray(means, np.float32))
    deviations_t = torch.from_numpy(np.asarray(deviations, np.float32))
    index = labels.long()
    white = torch.from_numpy(rng.standard_normal(tuple(labels.shape), dtype=np.float32))
    coarse = tuple(max(2, n // 3) for n in labels.shape)
    grain = smooth_noise(rng, tuple(labels.shape), coarse) * 1.6
    return means_t[index] + deviations_t[index] * ((1 - texture) * white + texture * grain)


def bias_field(image: torch.Tensor, rng: np.random.Generator, strength: float = 0.3, lattice: int = 4) -> torch.Tensor:
    """Multiplies by the exponential of a smooth random field of deviation up to ``strength``."""
    return image * torch.exp(smooth_noise(rng, tuple(image.shape), lattice) * float(rng.uniform(0, strength)))


def gamma(image: torch.Tensor, rng: np.random.Generator, deviation: float = 0.3) -> torch.Tensor:
    """Raises the image, scaled to [0, 1], to a random power exp(N(0, deviation)); scale is restored."""
    low, high = image.min(), image.max()
    span = (high - low).clamp_min(1e-6)
    return ((image - low) / span) ** float(np.exp(rng.normal(0, deviation))) * span + low


def lower_resolution(image: torch.Tensor, factors: tuple[float, float, float]) -> torch.Tensor:
    """Samples the image ``factors`` times more coarsely along (k, j, i), averaging, and back to its size."""
    small = [max(2, int(round(n / max(1.0, f)))) for n, f in zip(image.shape, factors)]
    if tuple(small) == tuple(image.shape):
        return image
    coarse = F.interpolate(image[None, None], size=small, mode="area")
    return F.interpolate(coarse, size=tuple(image.shape), mode="trilinear", align_corners=False)[0, 0]


def rician_noise(image: torch.Tensor, rng: np.random.Generator, deviation: float) -> torch.Tensor:
    """The magnitude of the image with complex Gaussian noise of ``deviation``."""
    real, imaginary = (torch.from_numpy(rng.standard_normal(tuple(image.shape), dtype=np.float32)) * deviation for _ in range(2))
    return torch.sqrt((image + real) ** 2 + imaginary**2)


def thick_slices(
    spacing: tuple[float, float, float], rng: np.random.Generator, thickest_mm: float = 7.0, chance: float = 0.5
) -> tuple[float, float, float]:
    """Random ``factors`` for ``lower_resolution``: one axis up to ``thickest_mm``, or all of them a little."""
    factors = [1.0, 1.0, 1.0]
    if rng.random() < chance:
        axis = int(rng.integers(3))
        factors[axis] = float(rng.uniform(spacing[axis], thickest_mm)) / spacing[axis]
    else:
        factors = [float(rng.uniform(1.0, 1.6))] * 3
    return tuple(factors)
