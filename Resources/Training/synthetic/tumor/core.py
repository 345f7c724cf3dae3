"""What the core of a tumor is made of, by its kind."""

from __future__ import annotations

import numpy as np
import torch

from Training.synthetic.tumor.labels import CYST, ENHANCING, HEMORRHAGE, NECROSIS, NON_ENHANCING
from Training.synthetic.tumor.noise import millimeter_noise

KINDS = {"ring": 0.40, "solid": 0.14, "non_enhancing": 0.17, "mixed": 0.10, "cyst": 0.05, "metastases": 0.14}


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def draw_core(rng: np.random.Generator, kind: str, level: torch.Tensor, radius_mm: torch.Tensor, spacing_mm: float) -> torch.Tensor:
    """Labels where ``level`` < 1, 0 elsewhere.

    Args:
        kind: one of ``KINDS``.
        level: float32 (K, J, I), the distance from the core's middle in radii.
        radius_mm: float32 (K, J, I), the mean radius of the part that each voxel belongs to.

    Returns:
        int16 (K, J, I).
    """
    shape = tuple(level.shape)
    depth = (1 - level) * radius_mm
    coarse, fine = (millimeter_noise(rng, shape, spacing_mm, step) for step in (16, 7))
    inside = level < 1
    core = torch.zeros(shape, dtype=torch.int16)
    if kind == "metastases":
        kind = "ring" if rng.random() < 0.5 else "solid"
    if kind == "ring":
        rim = _log_uniform(rng, 1.4, 7.0) * torch.exp(float(rng.uniform(0.1, 0.6)) * coarse)
        core[inside] = NECROSIS
        core[inside & (depth < rim) & (fine > float(rng.uniform(-3.0, -1.0)))] = ENHANCING
        core[inside & (fine > float(rng.uniform(1.2, 3.0)))] = ENHANCING
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
    if rng.random() < 0.12:
        core[inside & (coarse < float(rng.uniform(-1.6, -0.8))) & (core != ENHANCING)] = HEMORRHAGE
    return core
