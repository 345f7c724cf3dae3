"""MR and CT contrasts of a drawn spine: near the usual ones or random, with what a surface coil does to them.

The MR values are rough textbook ones relative to 100, the CT values Hounsfield units; every draw spreads them.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from Training.synthetic.acquisition import artifacts, bias_field, gamma, lower_resolution, paint, rician_noise
from Training.synthetic.deform import smooth_noise
from Training.synthetic.spine.canvas import AIR, ANNULUS, GAS, NUCLEUS, TISSUES
from Training.synthetic.spine.ct import ct_noise, with_contents

#        air    fat  musc orgA orgB vess gas   csf  cord root epid cort marr nucl annu bone ligam
CONTRASTS = {
    "t2": (0, 190, 45, 95, 60, 25, 8, 240, 105, 130, 170, 22, 100, 150, 40, 100, 20),
    "t2_fat_saturated": (0, 25, 60, 110, 80, 35, 8, 250, 115, 140, 40, 20, 40, 150, 45, 40, 20),
    "t1": (0, 230, 80, 90, 70, 40, 8, 40, 85, 70, 190, 25, 125, 75, 62, 125, 30),
    "ffe": (0, 120, 90, 100, 80, 130, 10, 150, 110, 110, 110, 20, 55, 130, 80, 55, 30),
    "ct": (-1000, -100, 55, 40, 70, 45, -700, 10, 35, 25, -60, 560, 200, 85, 90, 220, 40),
}
CHANCES = {"t2": 0.34, "t1": 0.18, "t2_fat_saturated": 0.09, "ffe": 0.09, "ct": 0.3}


def _near(rng: np.random.Generator, name: str) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(CONTRASTS[name], float)
    if name == "ct":
        means = table + rng.normal(0, 12, TISSUES)
        means[[AIR, GAS]] = rng.uniform(-1024, -950), rng.uniform(-950, -500)
        means[11] = rng.uniform(400, 1200)
        means[12] = rng.uniform(20, 280)
        means[15] = means[12] + rng.uniform(50, 550)
        return means, rng.uniform(8, 45) + rng.uniform(0.1, 0.4) * np.abs(table) * (table > 100)
    means = table * np.exp(rng.normal(0, 0.16, TISSUES))
    means[NUCLEUS] = max(means[ANNULUS], means[NUCLEUS] * rng.uniform(0.35, 1.25))
    means[15] = means[12] * rng.uniform(0.85, 1.15)
    means[AIR] = rng.choice([0.0, rng.uniform(0, 8)])
    deviations = rng.uniform(2, 9) + means * rng.uniform(0.02, 0.12)
    deviations[AIR] = rng.uniform(0, 2)
    return means, deviations


def paint_spine(
    rng: np.random.Generator,
    tissue: np.ndarray,
    spacing: tuple[float, float, float],
    contrast: str | None = None,
    artifact_share: float = 0.15,
) -> torch.Tensor:
    """A scan of a drawn spine.

    Args:
        tissue: (K, J, I) of ``synthetic.spine.canvas`` with i, j, k along R, A, S; ``spacing`` in mm along R, A, S.
        contrast: a key of ``CONTRASTS``; None for one at random, a fifth of them unlike any.
        artifact_share: of MR scans, see ``acquisition.artifacts``.

    Returns:
        float32 (K, J, I); MR of about 0 to 300, or HU.
    """
    labels = torch.from_numpy(tissue.astype(np.int64))
    if contrast is None and rng.random() < 0.2:
        means, deviations = rng.uniform(5, 230, TISSUES), rng.uniform(2, 20, TISSUES)
        means[11], means[AIR], means[GAS] = rng.uniform(0, 60), 0, rng.uniform(0, 30)
        means[15] = means[12] * rng.uniform(0.85, 1.15)
        name = "random"
    else:
        name = contrast or str(rng.choice(list(CHANCES), p=list(CHANCES.values())))
        means, deviations = _near(rng, name)
    image = paint(labels, means, deviations, rng, texture=float(rng.uniform(0.4, 0.8)))
    image = 0.45 * image + 0.55 * F.avg_pool3d(image[None, None], 3, 1, 1)[0, 0]
    inside = labels != AIR
    if name == "ct":
        image = with_contents(rng, image, tissue, spacing)
    else:
        image = image * (1 + 0.25 * float(rng.random()) * smooth_noise(rng, tuple(labels.shape), 8) * inside)
        if rng.random() < 0.75:
            image = image * _coil(rng, tuple(labels.shape), spacing)
        image = gamma(bias_field(image.clamp_min(0), rng, 0.3, 4), rng, 0.15)
    image = lower_resolution(image, _resolution(rng, spacing, name == "ct"))
    if name == "ct":
        return ct_noise(rng, image)
    return rician_noise(artifacts(image, rng, spacing[::-1], artifact_share), rng, float(rng.uniform(0, 7)))


def _coil(rng: np.random.Generator, shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> torch.Tensor:
    """Brightness that falls forward from a coil behind the back and toward the ends of it; broadcasts to ``shape``."""
    j = torch.arange(shape[1], dtype=torch.float32) * spacing[1]
    k = (torch.arange(shape[0], dtype=torch.float32) - shape[0] / 2) * spacing[2]
    forward = torch.exp(-j / float(rng.uniform(60, 260)))[None, :, None]
    ends = torch.exp(-((k / float(rng.uniform(120, 400))) ** 2))[:, None, None]
    return forward * ends * 1.6


def _resolution(rng: np.random.Generator, spacing: tuple[float, float, float], ct: bool) -> tuple[float, float, float]:
    """Factors of ``lower_resolution`` along (k, j, i): sagittal slices of 3-5 mm for most MR, axial ones of up to 4 mm for CT."""
    factors = np.full(3, rng.uniform(1.0, 1.3))
    if ct and rng.random() < 0.5:
        factors[0] = rng.uniform(1, 4) / spacing[2]
    elif not ct and rng.random() < 0.75:
        factors[2] = rng.uniform(2.5, 5.0) / spacing[0]
    elif rng.random() < 0.2:
        factors[0] = rng.uniform(2, 5) / spacing[2]
    return tuple(np.maximum(factors, 1.0))
