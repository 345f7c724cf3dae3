"""Gliomas and metastases, drawn into a head's label map.

A lesion is the union of a few noisy ellipsoids with a core of some kind (``tumor_core``), from which edema spreads along
white matter, stopped by fluid, hindered by cortex and by the midline. All is drawn in a box around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from Training.synthetic.tumor.core import KINDS, draw_core
from Training.synthetic.tumor.labels import CORTEX, DEEP, EDEMA, HIND, LEFT, RIGHT, VENTRICLES, WHITE, among, brain_mask, voxels
from Training.synthetic.tumor.noise import millimeter_noise
from Training.synthetic.tumor.shape import ellipsoid_level, pushed_aside, random_start


@dataclass(frozen=True)
class Focus:
    """A core's ellipsoid: its middle (k, j, i) in voxels and its mean radius in mm."""

    center: np.ndarray
    radius_mm: float


def _foci(rng: np.random.Generator, labels: torch.Tensor, kind: str, spacing_mm: float) -> list[Focus]:
    """The ellipsoids of one tumor, the first its largest; none if the head holds no place for it."""
    center = random_start(rng, labels)
    if center is None:
        return []
    metastases = kind == "metastases"
    radius = float(np.clip(np.exp(rng.normal(np.log(8 if metastases else 15), 0.45)), 4, 34))
    foci = [Focus(center, radius)]
    if not metastases:
        for _ in range(int(rng.integers(0, 4))):
            foci.append(Focus(center + rng.normal(0, 0.75 * radius / spacing_mm, 3), radius * float(rng.uniform(0.35, 0.85))))
    others = int(rng.integers(0, 5)) if metastases else int(rng.random() < 0.1)
    for _ in range(others):
        if (far := random_start(rng, labels)) is not None:
            foci.append(Focus(far, max(3.0, radius * float(rng.uniform(0.3, 0.9)))))
    return foci


def _box(foci: list[Focus], margin_mm: float, shape: tuple[int, ...], spacing_mm: float) -> tuple[slice, ...]:
    """The part of the head that holds the foci and ``margin_mm`` around them."""
    reach = np.array([1.6 * focus.radius_mm + margin_mm for focus in foci])[:, None] / spacing_mm
    centers = np.array([focus.center for focus in foci])
    low, high = (centers - reach).min(0), (centers + reach).max(0)
    return tuple(slice(max(0, int(a)), min(n, int(b) + 2)) for a, b, n in zip(low, high, shape))


def _other_side(label: int) -> tuple[int, ...]:
    """The labels on the other side of the midline than ``label``; none for what has no side, as the brainstem."""
    return RIGHT if label in LEFT else LEFT if label in RIGHT else ()


def _ease(rng: np.random.Generator, part: torch.Tensor, beyond: tuple[int, ...], spacing_mm: float) -> torch.Tensor:
    """How readily edema spreads through each voxel, about 1 in white matter, mostly far less in the labels ``beyond`` the midline.

    float32 (K, J, I).
    """
    ease = torch.zeros(1000)
    ease[list(WHITE)] = 1.0
    ease[list(CORTEX)] = float(rng.uniform(0.05, 0.45))
    ease[list(DEEP)] = float(rng.uniform(0.2, 0.8))
    ease[list(HIND)] = 0.4
    ease[torch.tensor(beyond, dtype=torch.long)] *= float(rng.uniform(0.4, 1.0)) if rng.random() < 0.3 else float(rng.uniform(0.0, 0.15))
    shape = tuple(part.shape)
    return ease[part.long()] * (1 + 0.4 * millimeter_noise(rng, shape, spacing_mm, 22) + 0.1 * millimeter_noise(rng, shape, spacing_mm, 8))


def _without_specks(mask: torch.Tensor, spacing_mm: float) -> torch.Tensor:
    """A bool mask (K, J, I) where about half of the voxels within 2 mm are in it."""
    reach = voxels(2.0, spacing_mm)
    return F.avg_pool3d(mask.float()[None, None], 2 * reach + 1, 1, reach)[0, 0] > 0.45


def draw_tumor(rng: np.random.Generator, labels: torch.Tensor, spacing_mm: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One tumor, sometimes of several foci.

    Args:
        labels: int16 (K, J, I), FreeSurfer's numbers, outside the brain 0, 24 or 500 to 899.

    Returns:
        The head's labels after mass effect; the tumor's labels (0 where there is none), both (K, J, I);
        and how far each voxel is changed, float32 0 to 1: fading outward in edema.
    """
    shape = tuple(labels.shape)
    tumor = torch.zeros(shape, dtype=torch.int16)
    change = torch.zeros(shape)
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    foci = _foci(rng, labels, kind, spacing_mm)
    if not foci:
        return labels, tumor, change
    radius = foci[0].radius_mm
    other_side = _other_side(int(labels[tuple(foci[0].center)]))
    if rng.random() < 0.65:
        labels = pushed_aside(rng, labels, spacing_mm, foci[0].center, radius)
    reach = float(rng.uniform(4, 42)) if rng.random() < 0.88 else 0.0
    box = _box(foci, 1.5 * reach, shape, spacing_mm)
    part = labels[box]
    inner = tuple(part.shape)
    corner = np.array([s.start for s in box])
    level, nearest = torch.stack([ellipsoid_level(rng, inner, spacing_mm, f.center - corner, f.radius_mm) for f in foci]).min(0)
    radii = torch.tensor([focus.radius_mm for focus in foci], dtype=torch.float32)[nearest]
    roughness = float(rng.uniform(0.08, 0.3))
    level = level + roughness * (millimeter_noise(rng, inner, spacing_mm, 22) + 0.5 * millimeter_noise(rng, inner, spacing_mm, 9))
    soft = brain_mask(part, spacing_mm, 0.0) & (part != 24) & ~(among(part, VENTRICLES) & (level > 0.75))

    ease = _ease(rng, part, other_side, spacing_mm)
    beyond = (level - 1).clamp_min(0) * radii
    edema = soft & _without_specks(beyond < reach * ease, spacing_mm)
    tumor[box][edema] = EDEMA
    fading = float(rng.uniform(0.0, 0.45))
    change[box][edema] = (1 - fading * (beyond / (reach * ease).clamp_min(0.1)))[edema].clamp(0.3, 1)
    core = draw_core(rng, kind, level, radii, spacing_mm)
    taken = soft & (core > 0)
    tumor[box][taken] = core[taken]
    change[box][taken] = 1.0
    return labels, tumor, change
