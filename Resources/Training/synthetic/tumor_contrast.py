"""T1c, T1, T2 and FLAIR of one head: four contrasts that share a tissue map.

Ratios to white matter are rough textbook values, chosen so that the z-scores of edema, necrosis and enhancing
tumor inside the brain fall into the ranges measured on real gliomas; every draw spreads them.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from .acquisition import bias_field, gamma, lower_resolution, paint, rician_noise
from .deform import smooth_noise
from .nuclei_contrast import TISSUES
from .tumor import CYST, EDEMA, ENHANCING, ENHANCING_NORMAL, HEMORRHAGE, INFARCT, NECROSIS, NON_ENHANCING, WHITE_MATTER_LESION, among

CHANNELS = ("t1c", "t1", "t2", "flair")
GROUPS = {
    "white": (*TISSUES["white"], *TISSUES["brainstem"], 28, 60),
    "gray": (*TISSUES["gray"], *TISSUES["hippocampus"], 136, 137, 163, 164),
    "deep": (*TISSUES["thalamus"], *TISSUES["caudate"], *TISSUES["putamen"]),
    "pallidum": (*TISSUES["pallidum"], *range(901, 957)),
    "fluid": TISSUES["fluid"],
    "plexus": (30, 31, 62, 63, ENHANCING_NORMAL),
    "scalp": (507, 508),
    "muscle": (509, 511, 512, 514),
    "bone": (502, 515),
    "marrow": (516,),
    "dura": (530,),
    "eye": (506,),
    "edema": (EDEMA,),
    "necrosis": (NECROSIS,),
    "enhancing": (ENHANCING,),
    "non_enhancing": (NON_ENHANCING,),
    "hemorrhage": (HEMORRHAGE,),
    "cyst": (CYST, INFARCT),
    "lesion": (WHITE_MATTER_LESION,),
}
#         white gray deep  pall  fluid plex  scalp musc  bone  marr  dura  eye   edema necr  enh   net   hem   cyst  wml
RATIOS = {
    "t1c": (1.0, 0.78, 0.86, 0.93, 0.35, 1.55, 1.50, 0.75, 0.20, 1.10, 1.20, 0.35, 0.76, 0.52, 1.65, 0.66, 1.20, 0.40, 0.85),
    "t1": (1.00, 0.76, 0.85, 0.93, 0.33, 0.65, 1.50, 0.65, 0.20, 1.10, 0.60, 0.33, 0.75, 0.52, 0.74, 0.66, 1.20, 0.40, 0.83),
    "t2": (1.00, 1.35, 1.22, 0.95, 2.60, 1.70, 1.30, 0.60, 0.20, 0.80, 0.60, 2.50, 1.95, 2.10, 1.60, 1.95, 0.90, 2.60, 1.70),
    "flair": (1.0, 1.25, 1.18, 0.98, 0.40, 1.10, 1.10, 0.70, 0.20, 0.70, 0.60, 0.40, 2.05, 1.30, 1.70, 1.90, 1.00, 0.50, 1.85),
}
#                  relative deviation from draw to draw of the last seven, the lesions
LESION_SPREAD = np.array([0.12, 0.32, 0.16, 0.12, 0.4, 0.2, 0.12])
OUTSIDE = slice(6, 12)


def _means(rng: np.random.Generator, channel: str, contrast: float, shared: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and deviations (1000,) of one channel; ``shared`` are the lesions' own deviations from the table."""
    ratios = np.array(RATIOS[channel])
    ratios = 1 + (ratios - 1) * contrast
    spread = np.full(len(ratios), 0.04)
    spread[OUTSIDE] = 0.35
    spread[5] = 0.25
    factors = np.exp(rng.normal(0, spread))
    factors[-7:] = np.exp(LESION_SPREAD * (0.7 * shared + 0.7 * rng.standard_normal(7)))
    ratios = np.clip(ratios * factors, 0.03, None)
    if channel == "t1c":
        ratios[14] = max(ratios[14], ratios[0] * rng.uniform(1.12, 1.3))
    noise = float(rng.uniform(0.7, 3.5))
    means, deviations = rng.uniform(10, 120, 1000), np.full(1000, noise)
    for group, ratio in zip(GROUPS.values(), ratios):
        means[list(group)] = 100 * ratio
    for group in ("necrosis", "enhancing", "non_enhancing", "edema", "scalp", "muscle", "plexus"):
        deviations[list(GROUPS[group])] = noise + 100 * float(rng.uniform(0.02, 0.14))
    means[0], deviations[0] = rng.choice([0.0, rng.uniform(0, 6)]), rng.uniform(0, 2)
    return means, deviations


def _shifted(image: torch.Tensor, fractions: np.ndarray) -> torch.Tensor:
    """The image moved by fractions (-1 to 1) of a voxel along k, j, i, linearly interpolated."""
    for axis, fraction in enumerate(fractions):
        step = 1 if fraction > 0 else -1
        image = image * float(1 - abs(fraction)) + torch.roll(image, step, axis) * float(abs(fraction))
    return image


def paint_channels(
    rng: np.random.Generator, head: torch.Tensor, tumor: torch.Tensor, change: torch.Tensor, spacing_mm: float
) -> torch.Tensor:
    """The four contrasts of a head with a tumor.

    Args:
        head: labels (K, J, I) without the tumor; ``tumor`` its labels (0: none); ``change`` its share, 0 to 1.

    Returns:
        float32 (4, K, J, I) in the order of ``CHANNELS``; white matter is about 100.
    """
    share = 0.5 * change + 0.5 * F.avg_pool3d(change[None, None], 3, 1, 1)[0, 0] * (change > 0)
    filled = torch.where(tumor > 0, tumor, head)
    shared = rng.standard_normal(7)
    channels = []
    gray = among(head, GROUPS["gray"] + GROUPS["deep"])
    thick_everywhere = rng.random() < 0.25
    for channel in CHANNELS:
        contrast = float(rng.uniform(0.8, 1.2)) if rng.random() < 0.75 else float(rng.uniform(0.5, 1.5))
        means, deviations = _means(rng, channel, contrast, shared)
        image = paint(head, means, deviations, rng)
        image = image * (1 + gray * float(rng.uniform(0, 0.16)) * smooth_noise(rng, tuple(head.shape), 7))
        if bool((tumor > 0).any()):
            image = image + (paint(filled, means, deviations, rng, texture=0.8) - image) * share
        image = 0.5 * image + 0.5 * F.avg_pool3d(image[None, None], 3, 1, 1)[0, 0]
        factors = np.full(3, rng.uniform(1.0, 1.4))
        if thick_everywhere or rng.random() < 0.2:
            factors[int(rng.choice(3, p=(0.7, 0.15, 0.15)))] = rng.uniform(3.0, 7.0) / spacing_mm
        image = lower_resolution(image, tuple(factors))
        image = _shifted(image, rng.uniform(-0.5, 0.5, 3) * (rng.random() < 0.5))
        image = gamma(bias_field(image.clamp_min(0), rng, 0.2, 4), rng, 0.12)
        channels.append(rician_noise(image, rng, float(rng.uniform(0, 3))))
    return torch.stack(channels)
