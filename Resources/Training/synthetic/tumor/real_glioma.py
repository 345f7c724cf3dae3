"""Gliomas whose shapes experts outlined in patients, put into drawn heads.

The shapes are label maps (1 necrotic or non-enhancing core, 2 edema, 3 enhancing) with their place in BraTS's grid of
240 x 240 x 155 voxels of 1 mm, axes R, A, S.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from Training.synthetic.deform import nearest_at, random_linear, smooth_noise
from Training.synthetic.tumor.labels import CYST, EDEMA, ENHANCING, HEMORRHAGE, NECROSIS, NON_ENHANCING, VENTRICLES, among, brain_mask
from Training.synthetic.tumor.noise import millimeter_noise
from Training.synthetic.tumor.shape import pushed_aside, random_start

BRAIN_CENTER = np.array([119.5, 124.0, 72.0])
"""About the brain's middle in that grid (i, j, k)."""
LEAST_VOXELS = 300
ELSEWHERE = 0.3
SMALL_ML = (0.6, 8.0)
"""Whole volumes of small tumors, each factor between equally likely."""
CORES = {"necrosis": 0.42, "non_enhancing": 0.2, "cyst": 0.22, "mixed": 0.16}
CORES_WITHOUT_ENHANCEMENT = {"necrosis": 0.1, "non_enhancing": 0.55, "cyst": 0.15, "mixed": 0.2}


@dataclass(frozen=True)
class Shape:
    """A glioma: uint8 (K, J, I) of 1 mm, and its middle from the brain's in mm along R, A, S."""

    labels: torch.Tensor
    offset: np.ndarray


@lru_cache(maxsize=1)
def glioma_shapes(path: Path) -> tuple[Shape, ...]:
    """The shapes of a file that holds each as ``NAME`` (i, j, k) and its first voxel as ``NAME_at``."""
    shapes = []
    with np.load(path) as stored:
        for name in sorted(name for name in stored.files if not name.endswith("_at")):
            labels = stored[name]
            middle = stored[f"{name}_at"] + np.array(labels.shape) / 2
            shapes.append(Shape(torch.from_numpy(labels.transpose(2, 1, 0).copy()), middle - BRAIN_CENTER))
    return tuple(shapes)


def smaller(rng: np.random.Generator, shape: Shape) -> float:
    """The factor by which a shape's lengths are scaled to become a small tumor."""
    low, high = np.log(SMALL_ML)
    return float((np.exp(rng.uniform(low, high)) / (int((shape.labels > 0).sum()) / 1000)) ** (1 / 3))


def _core_labels(rng: np.random.Generator, where: torch.Tensor, enhances: bool, spacing_mm: float) -> torch.Tensor:
    """What a core's voxels (bool (K, J, I)) are made of: int16."""
    chances = CORES if enhances else CORES_WITHOUT_ENHANCEMENT
    kind = str(rng.choice(list(chances), p=list(chances.values())))
    shape = tuple(where.shape)
    made = torch.full(
        shape, {"necrosis": NECROSIS, "non_enhancing": NON_ENHANCING, "cyst": CYST, "mixed": NECROSIS}[kind], dtype=torch.int16
    )
    coarse = millimeter_noise(rng, shape, spacing_mm, 16)
    if kind == "mixed":
        made[coarse > float(rng.uniform(-0.7, 0.7))] = NON_ENHANCING
    if rng.random() < 0.12:
        made[coarse < float(rng.uniform(-1.8, -1.0))] = HEMORRHAGE
    return made * where


def place_glioma(
    rng: np.random.Generator, labels: torch.Tensor, spacing_mm: float, shapes: tuple[Shape, ...], small: bool = False
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One of the shapes, turned, scaled and bent, about where it lay in its patient or elsewhere; else as ``tumor.draw_tumor``.

    Args:
        small: whether it is scaled to a volume between ``SMALL_ML``, and lies anywhere.
    """
    none = labels, torch.zeros_like(labels), torch.zeros(labels.shape)
    shape = shapes[int(rng.integers(len(shapes)))]
    brain = ((labels > 0) & (labels < 500)).nonzero().float()
    if not len(brain):
        return none
    side = -1.0 if rng.random() < 0.5 else 1.0
    if small or rng.random() < ELSEWHERE:
        center, linear = random_start(rng, labels), random_linear(rng, degrees=90, scale=0.2)
        if center is None:
            return none
    else:
        offset = shape.offset * np.array([side, 1, 1]) + rng.normal(0, 6, 3)
        center, linear = brain.mean(0).numpy() + offset[::-1] / spacing_mm, random_linear(rng, degrees=15, scale=0.2)
    linear = linear * (scale := smaller(rng, shape) if small else float(rng.uniform(0.8, 1.25))) @ np.diag([side, 1, 1])

    core_ml = scale**3 * float(((shape.labels == 1) | (shape.labels == 3)).sum()) / 1000
    if core_ml > 1 and rng.random() < 0.6:
        labels = pushed_aside(rng, labels, spacing_mm, center, 10 * (0.75 / np.pi * core_ml) ** (1 / 3))
    reach = np.linalg.norm(shape.labels.shape) / 2 * 0.9 / spacing_mm
    box = tuple(slice(max(0, int(c - reach)), max(1, min(n, int(c + reach) + 2))) for c, n in zip(center, labels.shape))
    part = labels[box]
    if not part.numel():
        return none
    inner = tuple(part.shape)
    axes = [(torch.arange(n, dtype=torch.float32) + s.start - float(c)) * spacing_mm for n, s, c in zip(inner, box, center)]
    mm = (axes[2][None, None, :], axes[1][None, :, None], axes[0][:, None, None])
    inverse = np.linalg.inv(linear)
    middle = (np.array(shape.labels.shape[::-1]) - 1) / 2
    bend = float(rng.uniform(0.5, 3.0))  # mm of the shape before it is scaled
    places = [
        sum(m * float(w) for m, w in zip(mm, row)) + smooth_noise(rng, inner, 7) * bend + float(at) for row, at in zip(inverse, middle)
    ]
    found = nearest_at(shape.labels, places)

    soft = brain_mask(part, spacing_mm, 0.0) & (part != 24) & ~(among(part, VENTRICLES) & (found != 3))
    found = found * soft
    if int((found > 0).sum()) * spacing_mm**3 < LEAST_VOXELS:
        return none
    tumor, change = torch.zeros_like(labels), torch.zeros(labels.shape)
    inside = _core_labels(rng, found == 1, bool((found == 3).any()), spacing_mm)
    inside[found == 2], inside[found == 3] = EDEMA, ENHANCING
    tumor[box] = inside
    fading = float(rng.uniform(0.0, 0.5)) * (0.5 + 0.4 * millimeter_noise(rng, inner, spacing_mm, 14)).clamp(0, 1)
    change[box] = torch.where(found == 2, 1 - fading, 1.0) * (found > 0)
    return labels, tumor, change
