"""Gliomas and what resembles them, drawn into a head's label map.

A lesion is the union of a few noisy ellipsoids: its core is built as a ring, a solid mass, a non-enhancing
mass or a cyst, and edema spreads from it along white matter. Lookalikes (enhancing vessels, dura and
choroid plexus, white-matter lesions, old infarcts) are drawn as background.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from .deform import smooth_noise

NECROSIS, EDEMA, ENHANCING, NON_ENHANCING, HEMORRHAGE, CYST = range(990, 996)
WHITE_MATTER_LESION, ENHANCING_NORMAL, INFARCT = range(996, 999)
CLASSES = {NECROSIS: 1, NON_ENHANCING: 1, HEMORRHAGE: 1, CYST: 1, EDEMA: 2, ENHANCING: 3}
"""Label drawn here: class of the network (1 necrotic core, 2 edema, 3 enhancing tumor)."""
WHITE = (2, 41)
CORTEX = (3, 42)
DEEP = (10, 11, 12, 13, 17, 18, 26, 28, 49, 50, 51, 52, 53, 54, 58, 60, *range(901, 957))
HIND = (7, 8, 16, 46, 47)
VENTRICLES = (4, 5, 14, 15, 43, 44)
KINDS = {"ring": 0.40, "solid": 0.14, "non_enhancing": 0.24, "mixed": 0.17, "cyst": 0.05}


def among(labels: torch.Tensor, values: tuple[int, ...]) -> torch.Tensor:
    """Where an integer label map holds one of ``values``."""
    table = torch.zeros(1000, dtype=torch.bool)
    table[list(values)] = True
    return table[labels.long()]


def brain_mask(labels: torch.Tensor, margin: int = 1) -> torch.Tensor:
    """Brain with its sulci, grown by ``margin`` voxels (0 to 2); bool (K, J, I)."""
    tissue = ((labels > 0) & (labels < 500) & (labels != 24)) | (labels >= 900)
    grown = F.max_pool3d(tissue.float()[None, None], 5, 1, 2)
    shrink = 2 * (2 - margin) + 1
    return (-F.max_pool3d(-grown, shrink, 1, shrink // 2) if shrink > 1 else grown)[0, 0] > 0


def stripped(rng: np.random.Generator, labels: torch.Tensor, spacing_mm: float) -> torch.Tensor:
    """What skull stripping leaves: the brain, in a third of the cases with pieces of eyes, dura or skull; bool (K, J, I)."""
    mask = brain_mask(labels, int(rng.integers(0, 3)))
    if rng.random() < 0.35:
        near = F.max_pool3d(mask.float()[None, None], 9, 1, 4)[0, 0] > 0
        mask = mask | (near & (_noise(rng, tuple(labels.shape), spacing_mm, 20) > float(rng.uniform(0.8, 2.2))))
    return mask


def _lattice(shape: tuple[int, ...], spacing_mm: float, step_mm: float) -> tuple[int, ...]:
    return tuple(max(3, int(round(n * spacing_mm / step_mm))) for n in shape)


def _noise(rng: np.random.Generator, shape: tuple[int, ...], spacing_mm: float, step_mm: float) -> torch.Tensor:
    return smooth_noise(rng, shape, _lattice(shape, spacing_mm, step_mm)) * 1.5


def _offsets(shape: tuple[int, ...], spacing_mm: float, center: np.ndarray) -> list[torch.Tensor]:
    """Millimeters from ``center`` (k, j, i) along k, j, i, ready for broadcasting."""
    axes = [(torch.arange(n, dtype=torch.float32) - float(c)) * spacing_mm for n, c in zip(shape, center)]
    return [axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]]


def _ellipsoid(rng: np.random.Generator, shape: tuple[int, ...], spacing_mm: float, center: np.ndarray, radius_mm: float) -> torch.Tensor:
    """Distance from ``center`` in units of a randomly turned ellipsoid's radii."""
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    radii = radius_mm * np.exp(rng.normal(0, 0.22, 3))
    k, j, i = _offsets(shape, spacing_mm, center)
    return torch.sqrt(sum((k * float(a) + j * float(b) + i * float(c)) ** 2 for a, b, c in turn.T / radii[:, None]))


def pushed_aside(rng: np.random.Generator, labels: torch.Tensor, spacing_mm: float, center: np.ndarray, radius_mm: float) -> torch.Tensor:
    """The label map with tissue displaced outward around ``center``: mass effect."""
    push = float(rng.uniform(0.1, 0.45)) * radius_mm
    reach = float(rng.uniform(1.2, 2.0)) * radius_mm
    offsets = _offsets(tuple(labels.shape), spacing_mm, center)
    distance = torch.sqrt(sum(o**2 for o in offsets))
    share = push * torch.exp(-((distance / reach) ** 2)) / distance.clamp_min(1.0)
    index = []
    for axis, offset in enumerate(offsets):
        place = torch.arange(labels.shape[axis], dtype=torch.float32).view([-1 if a == axis else 1 for a in range(3)])
        index.append((place - offset * share / spacing_mm).round_().long().clamp_(0, labels.shape[axis] - 1))
    return labels[index[0], index[1], index[2]]


def _core(rng: np.random.Generator, kind: str, level: torch.Tensor, radius_mm: float, spacing_mm: float) -> torch.Tensor:
    """Labels within ``level`` < 1, 0 elsewhere; ``level`` is the distance in radii."""
    shape = tuple(level.shape)
    depth = (1 - level) * radius_mm
    coarse, fine = _noise(rng, shape, spacing_mm, 16), _noise(rng, shape, spacing_mm, 7)
    inside = level < 1
    core = torch.zeros(shape, dtype=torch.int16)
    if kind == "ring":
        rim = float(rng.uniform(2.0, 7.0)) * torch.exp(0.45 * coarse)
        core[inside] = NECROSIS
        core[inside & (depth < rim) & (fine > float(rng.uniform(-2.6, -1.0)))] = ENHANCING
        core[inside & (fine > float(rng.uniform(1.2, 2.8)))] = ENHANCING
    elif kind == "solid":
        core[inside] = ENHANCING
        core[inside & (depth > 3) & (coarse + 0.5 * fine > float(rng.uniform(0.7, 2.2)))] = NECROSIS
    elif kind == "non_enhancing":
        core[inside] = NON_ENHANCING
        if rng.random() < 0.4:
            core[inside & (coarse + 0.4 * fine > float(rng.uniform(1.3, 2.2)))] = ENHANCING
    elif kind == "mixed":
        core[inside] = NON_ENHANCING
        inner = float(rng.uniform(0.6, 0.95)) + 0.12 * coarse
        core[level < inner] = ENHANCING
        core[(level < inner - float(rng.uniform(2, 6)) / radius_mm) & (fine < 1.2)] = NECROSIS
    else:
        core[inside] = CYST
        core[inside & (depth < float(rng.uniform(1.5, 3.0))) & (coarse > float(rng.uniform(-1, 1)))] = ENHANCING
    if rng.random() < 0.08:
        core[inside & (coarse < -1.2)] = HEMORRHAGE
    return core


def _start(rng: np.random.Generator, labels: torch.Tensor) -> np.ndarray | None:
    """A voxel (k, j, i) where a tumor begins: mostly in white matter."""
    place = rng.choice(4, p=(0.70, 0.15, 0.11, 0.04))
    where = among(labels, (WHITE, CORTEX, DEEP, HIND)[place]).flatten().nonzero()[:, 0]
    if len(where) == 0:
        return None
    return np.array(np.unravel_index(int(where[int(rng.integers(len(where)))]), tuple(labels.shape)))


def draw_tumor(rng: np.random.Generator, labels: torch.Tensor, spacing_mm: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One glioma, sometimes of several foci.

    Args:
        labels: int16 (K, J, I), FreeSurfer's numbers, outside the brain 0, 24 or 500 to 899.

    Returns:
        The head's labels after mass effect; the tumor's labels (0 where there is none), both (K, J, I);
        and how far each voxel is changed, float32 0 to 1: fading outward in edema.
    """
    shape = tuple(labels.shape)
    tumor = torch.zeros(shape, dtype=torch.int16)
    change = torch.zeros(shape)
    center = _start(rng, labels)
    if center is None:
        return labels, tumor, change
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    radius = float(np.clip(np.exp(rng.normal(np.log(15), 0.45)), 4, 34))
    if rng.random() < 0.65:
        labels = pushed_aside(rng, labels, spacing_mm, center, radius)
    level = _ellipsoid(rng, shape, spacing_mm, center, radius)
    for _ in range(int(rng.integers(0, 4))):
        other = center + rng.normal(0, 0.75 * radius / spacing_mm, 3)
        level = torch.minimum(level, _ellipsoid(rng, shape, spacing_mm, other, radius * float(rng.uniform(0.35, 0.85))))
    if rng.random() < 0.12 and (far := _start(rng, labels)) is not None:
        level = torch.minimum(level, _ellipsoid(rng, shape, spacing_mm, far, radius * float(rng.uniform(0.3, 0.7))))
    roughness = float(rng.uniform(0.08, 0.3))
    level = level + roughness * (_noise(rng, shape, spacing_mm, 22) + 0.5 * _noise(rng, shape, spacing_mm, 9))
    brain = brain_mask(labels, 0)
    soft = brain & (labels != 24) & ~(among(labels, VENTRICLES) & (level > 0.75))

    reach = float(rng.uniform(4, 42)) if rng.random() < 0.88 else 0.0
    ease = torch.full((1000,), 0.0)
    ease[list(WHITE)] = 1.0
    ease[list(CORTEX)] = float(rng.uniform(0.05, 0.45))
    ease[list(DEEP)] = float(rng.uniform(0.2, 0.8))
    ease[list(HIND)] = 0.4
    ease = ease[labels.long()] * (1 + 0.5 * _noise(rng, shape, spacing_mm, 20) + 0.2 * _noise(rng, shape, spacing_mm, 8))
    left = int(among(labels, (2, 3))[tuple(center)])
    ease = torch.where(among(labels, (41, 42) if left else (2, 3)), ease * float(rng.uniform(0.2, 1.0)), ease)
    beyond = (level - 1).clamp_min(0) * radius
    edema = soft & (beyond < reach * ease)
    tumor[edema] = EDEMA
    fading = float(rng.uniform(0.0, 0.45))
    change[edema] = (1 - fading * (beyond / (reach * ease).clamp_min(0.1)))[edema].clamp(0.3, 1)
    core = _core(rng, kind, level, radius, spacing_mm)
    taken = soft & (core > 0)
    tumor[taken], change[taken] = core[taken], 1.0
    return labels, tumor, change


def add_lookalikes(rng: np.random.Generator, labels: torch.Tensor, spacing_mm: float) -> torch.Tensor:
    """The label map (K, J, I) with enhancing normal structures, white-matter lesions and infarcts, all background."""
    labels = labels.clone()
    shape = tuple(labels.shape)
    ventricles, white = among(labels, VENTRICLES), among(labels, WHITE)
    if rng.random() < 0.8:
        width = float(rng.uniform(0.08, 0.2))
        step = float(rng.uniform(12, 22))
        curve = (_noise(rng, shape, spacing_mm, step).abs() < width) & (_noise(rng, shape, spacing_mm, step).abs() < width)
        labels[curve & among(labels, (24, *CORTEX, *WHITE))] = ENHANCING_NORMAL
    if rng.random() < 0.6:
        outside = (labels >= 500) & (labels < 900)
        near = F.max_pool3d(outside.float()[None, None], 3, 1, 1)[0, 0] > 0
        labels[near & (labels == 24) & (_noise(rng, shape, spacing_mm, 35) > float(rng.uniform(-1, 1.5)))] = ENHANCING_NORMAL
    if rng.random() < 0.5:
        labels[ventricles & (_noise(rng, shape, spacing_mm, 12) > float(rng.uniform(1.0, 1.8)))] = ENHANCING_NORMAL
    if rng.random() < 0.45:
        rim = F.max_pool3d(ventricles.float()[None, None], 5, 1, 2)[0, 0] > 0
        labels[white & rim & (_noise(rng, shape, spacing_mm, 14) > float(rng.uniform(-0.3, 1.5)))] = WHITE_MATTER_LESION
        labels[white & (_noise(rng, shape, spacing_mm, 7) > float(rng.uniform(2.4, 3.4)))] = WHITE_MATTER_LESION
    if rng.random() < 0.07 and (center := _start(rng, labels)) is not None:
        level = _ellipsoid(rng, shape, spacing_mm, center, float(rng.uniform(5, 16))) + 0.2 * _noise(rng, shape, spacing_mm, 10)
        tissue = among(labels, (*WHITE, *CORTEX, *DEEP))
        labels[tissue & (level < 1.25)] = WHITE_MATTER_LESION
        labels[tissue & (level < 1)] = INFARCT
    return labels
