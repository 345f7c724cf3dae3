"""Where a tumor begins, the ellipsoids it is made of, and how it pushes tissue aside."""

from __future__ import annotations

import numpy as np
import torch

from Training.synthetic.tumor.labels import CORTEX, DEEP, HIND, WHITE, among

PLACES = ((WHITE, 0.70), (CORTEX, 0.15), (DEEP, 0.11), (HIND, 0.04))


def random_start(rng: np.random.Generator, labels: torch.Tensor) -> np.ndarray | None:
    """A voxel (k, j, i) where a lesion begins: mostly in white matter; None if the head holds none of that tissue."""
    place = rng.choice(len(PLACES), p=[chance for _, chance in PLACES])
    where = among(labels, PLACES[place][0]).flatten().nonzero()[:, 0]
    if len(where) == 0:
        return None
    return np.array(np.unravel_index(int(where[int(rng.integers(len(where)))]), tuple(labels.shape)))


def offsets_mm(shape: tuple[int, ...], spacing_mm: float, center: np.ndarray) -> list[torch.Tensor]:
    """Millimeters from ``center`` (k, j, i) along k, j, i, ready for broadcasting."""
    axes = [(torch.arange(n, dtype=torch.float32) - float(c)) * spacing_mm for n, c in zip(shape, center)]
    return [axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]]


def ellipsoid_level(
    rng: np.random.Generator, shape: tuple[int, ...], spacing_mm: float, center: np.ndarray, radius_mm: float
) -> torch.Tensor:
    """Distance from ``center`` in units of a randomly turned ellipsoid's radii; float32 (K, J, I)."""
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    radii = radius_mm * np.exp(rng.normal(0, 0.22, 3))
    k, j, i = offsets_mm(shape, spacing_mm, center)
    return torch.sqrt(sum((k * float(a) + j * float(b) + i * float(c)) ** 2 for a, b, c in turn.T / radii[:, None]))


def pushed_aside(rng: np.random.Generator, labels: torch.Tensor, spacing_mm: float, center: np.ndarray, radius_mm: float) -> torch.Tensor:
    """The label map with tissue displaced outward around ``center``: mass effect."""
    push = float(rng.uniform(0.1, 0.45)) * radius_mm
    reach = float(rng.uniform(1.2, 2.0)) * radius_mm
    offsets = offsets_mm(tuple(labels.shape), spacing_mm, center)
    distance = torch.sqrt(sum(o**2 for o in offsets))
    share = push * torch.exp(-((distance / reach) ** 2)) / distance.clamp_min(1.0)
    index = []
    for axis, offset in enumerate(offsets):
        place = torch.arange(labels.shape[axis], dtype=torch.float32).view([-1 if a == axis else 1 for a in range(3)])
        index.append((place - offset * share / spacing_mm).round_().long().clamp_(0, labels.shape[axis] - 1))
    return labels[index[0], index[1], index[2]]
