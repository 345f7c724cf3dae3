"""T1c, T1, T2 and FLAIR of one head: four contrasts that share a tissue map.

Ratios to white matter are rough textbook values, chosen so that the z-scores of edema, necrosis and enhancing
tumor inside the brain fall into the ranges measured on real gliomas; every draw spreads them.
"""

from __future__ import annotations

import numpy as np
import torch

from neurospineseg.geometry.bounding_box import bounding_slices
from Training.synthetic.acquisition import artifacts, bias_field, gamma, lower_resolution, slices_with_gaps
from Training.synthetic.nuclei.contrast import TISSUES
from Training.synthetic.tumor.labels import (
    BRIGHT_OUTSIDE,
    CYST,
    EDEMA,
    ENHANCING,
    ENHANCING_NORMAL,
    HEMORRHAGE,
    INFARCT,
    NECROSIS,
    NON_ENHANCING,
    WHITE_MATTER_LESION,
    among,
    voxels,
)
from Training.synthetic.tumor.noise import grain, white

CHANNELS = ("t1c", "t1", "t2", "flair")
GROUPS = {
    "white": (*TISSUES["white"], *TISSUES["brainstem"], 28, 60),
    "gray": (*TISSUES["gray"], *TISSUES["hippocampus"], 136, 137, 163, 164),
    "deep": (*TISSUES["thalamus"], *TISSUES["caudate"], *TISSUES["putamen"]),
    "pallidum": (13, 52, *range(901, 958)),
    "fluid": TISSUES["fluid"],
    "plexus": (30, 31, 62, 63, ENHANCING_NORMAL),
    "scalp": (507, 508),
    "muscle": (509, 511, 512, 514),
    "bone": (502, 515),
    "marrow": (516,),
    "dura": (530,),
    "eye": (506,),
    "bright_outside": (BRIGHT_OUTSIDE,),
    "edema": (EDEMA,),
    "necrosis": (NECROSIS,),
    "enhancing": (ENHANCING,),
    "non_enhancing": (NON_ENHANCING,),
    "hemorrhage": (HEMORRHAGE,),
    "cyst": (CYST, INFARCT),
    "lesion": (WHITE_MATTER_LESION,),
}
NUMBER = {name: number for number, name in enumerate(GROUPS)}
#         white gray deep  pall  fluid plex  scalp musc  bone  marr  dura  eye   out   edema necr  enh   net   hem   cyst  wml
RATIOS = {
    "t1c": (1.0, 0.78, 0.86, 0.93, 0.35, 1.55, 1.50, 0.75, 0.20, 1.10, 1.20, 0.35, 1.20, 0.73, 0.58, 1.80, 0.64, 1.20, 0.40, 0.85),
    "t1": (1.00, 0.76, 0.85, 0.93, 0.33, 0.65, 1.50, 0.65, 0.20, 1.10, 0.60, 0.33, 0.75, 0.74, 0.52, 0.74, 0.62, 1.20, 0.40, 0.83),
    "t2": (1.00, 1.35, 1.22, 0.95, 2.80, 1.70, 1.30, 0.60, 0.20, 0.80, 0.60, 2.70, 2.00, 2.00, 2.20, 1.60, 2.15, 0.90, 2.80, 1.70),
    "flair": (1.0, 1.25, 1.18, 0.98, 0.40, 1.10, 1.10, 0.70, 0.20, 0.70, 0.60, 0.40, 1.80, 2.10, 1.70, 1.75, 1.85, 1.00, 0.50, 1.85),
}
FIRST_LESION = NUMBER["edema"]
LESION_SPREAD = np.array([0.12, 0.32, 0.20, 0.12, 0.4, 0.2, 0.12])
"""Relative deviation of the lesions' ratios from draw to draw."""
MISREGISTRATION_MM = 1.0
OUTSIDE = slice(NUMBER["scalp"], FIRST_LESION)


def _means(rng: np.random.Generator, channel: str, contrast: float, shared: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Means and deviations (1000,) of one channel; ``shared`` are the lesions' own deviations from the table."""
    ratios = 1 + (np.array(RATIOS[channel]) - 1) * contrast
    spread = np.full(len(ratios), 0.04)
    spread[OUTSIDE] = 0.35
    spread[NUMBER["plexus"]] = 0.25
    factors = np.exp(rng.normal(0, spread))
    factors[FIRST_LESION:] = np.exp(LESION_SPREAD * (0.7 * shared + 0.7 * rng.standard_normal(len(shared))))
    ratios = np.clip(ratios * factors, 0.03, None)
    if rng.random() < 0.3:
        outside = rng.uniform(0.05, 2.8, OUTSIDE.stop - OUTSIDE.start)
        ratios[OUTSIDE] = outside * np.exp(rng.normal(0, 0.2))
    if channel == "t1c":
        ratios[NUMBER["enhancing"]] = max(ratios[NUMBER["enhancing"]], ratios[0] * rng.uniform(1.15, 1.4))
    noise = float(rng.uniform(0.7, 3.5))
    means, deviations = rng.uniform(10, 120, 1000), np.full(1000, noise)
    for group, ratio in zip(GROUPS.values(), ratios):
        means[list(group)] = 100 * ratio
    for group in ("necrosis", "enhancing", "non_enhancing", "edema", "scalp", "muscle", "plexus", "bright_outside"):
        deviations[list(GROUPS[group])] = noise + 100 * float(rng.uniform(0.02, 0.14))
    means[0], deviations[0] = rng.choice([0.0, rng.uniform(0, 6)]), rng.uniform(0, 2)
    return torch.from_numpy(means.astype(np.float32)), torch.from_numpy(deviations.astype(np.float32))


def shifted(image: torch.Tensor, voxels: np.ndarray) -> torch.Tensor:
    """The image (K, J, I) moved by a few voxels along k, j, i, linearly interpolated; its edges are repeated."""
    for axis, step in enumerate(voxels):
        last = image.shape[axis] - 1
        places = (torch.arange(last + 1, dtype=torch.float32) - float(step)).clamp(0, last)
        low = places.long()
        share = (places - low).view([-1 if a == axis else 1 for a in range(3)])
        image = image.index_select(axis, low) * (1 - share) + image.index_select(axis, (low + 1).clamp_max(last)) * share
    return image


def blurred(image: torch.Tensor, share: float) -> torch.Tensor:
    """The image (K, J, I) mixed along each axis with its two neighbors, which get ``share`` of the weight (0 to 2/3)."""
    for axis in range(3):
        size = image.shape[axis]
        padded = torch.cat([image.narrow(axis, 0, 1), image, image.narrow(axis, size - 1, 1)], axis)
        image = (1 - share) * image + 0.5 * share * (padded.narrow(axis, 0, size) + padded.narrow(axis, 2, size))
    return image


def _around(tumor: torch.Tensor, margin: int = 2) -> tuple[slice, ...]:
    """The part of the head (K, J, I) that holds the tumor and ``margin`` voxels."""
    return bounding_slices(tumor > 0, margin)


def _sampled(rng: np.random.Generator, image: torch.Tensor, thick: bool, spacing_mm: float) -> torch.Tensor:
    """The image at a lower resolution: of slices 3 to 7 mm apart, with or without gaps, or a little coarser."""
    if thick:
        step = float(rng.uniform(3.0, 7.0)) / spacing_mm
        gap = float(rng.choice([0.0, rng.uniform(0, 0.3)])) * step
        if step - gap >= 1:
            return slices_with_gaps(image, int(rng.choice(3, p=(0.7, 0.15, 0.15))), step - gap, gap)
    if rng.random() < 0.5:
        return lower_resolution(image, (float(rng.uniform(1.1, 1.4)),) * 3)
    return image


def paint_channels(
    rng: np.random.Generator,
    head: torch.Tensor,
    tumor: torch.Tensor,
    change: torch.Tensor,
    spacing_mm: float,
    harder: bool = False,
    artifact_share: float = 0.12,
) -> torch.Tensor:
    """The four contrasts of a head with a tumor.

    Args:
        head: labels (K, J, I) without the tumor; ``tumor`` its labels (0: none); ``change`` its share, 0 to 1.
        harder: slices of every contrast thick, shading, noise and artifacts stronger than any model is trained on.
        artifact_share: of each contrast unless ``harder``, see ``acquisition.artifacts``.

    Returns:
        float32 (4, K, J, I) in the order of ``CHANNELS``; white matter is about 100.
    """
    index = head.long()
    shape = tuple(head.shape)
    gray = among(head, GROUPS["gray"] + GROUPS["deep"]).float()
    box = None
    if bool((tumor > 0).any()):
        box = _around(tumor)
        share = 0.5 * (change[box] + blurred(change[box], 0.5) * (change[box] > 0))
        filled = torch.where(tumor[box] > 0, tumor[box].long(), index[box])
        inner = tuple(filled.shape)
    fine, medium, coarse = (max(2, voxels(mm, spacing_mm)) for mm in (6.0, 10.0, 24.0))
    shared = rng.standard_normal(len(LESION_SPREAD))
    thick_everywhere = harder or rng.random() < 0.25
    channels = []
    for channel in CHANNELS:
        contrast = float(rng.uniform(0.8, 1.2)) if rng.random() < 0.75 else float(rng.uniform(0.5, 1.5))
        means, deviations = _means(rng, channel, contrast, shared)
        image = means[index] + deviations[index] * (0.5 * white(rng, shape) + 0.6 * grain(rng, shape, fine))
        image = image * (1 + gray * grain(rng, shape, coarse) * float(rng.uniform(0, 0.12)))
        if box is not None:
            lesion = means[filled] + deviations[filled] * (
                0.2 * white(rng, inner) + 0.9 * grain(rng, inner, int(rng.choice([fine, medium])))
            )
            image[box] += (lesion - image[box]) * share
        image = blurred(image, float(rng.uniform(0.2, 0.5)))
        image = _sampled(rng, image, thick_everywhere or rng.random() < 0.2, spacing_mm)
        image = shifted(image, rng.uniform(-MISREGISTRATION_MM, MISREGISTRATION_MM, 3) / spacing_mm * (rng.random() < 0.5))
        image = gamma(bias_field(image.clamp_min(0), rng, 0.6 if harder else 0.2, 4), rng, 0.12)
        image = artifacts(image, rng, spacing_mm, 0.8 if harder else artifact_share)
        noise = float(rng.uniform(4, 9) if harder else rng.uniform(0, 3))
        channels.append(torch.sqrt((image + noise * white(rng, shape)) ** 2 + (noise * white(rng, shape)) ** 2))
    return torch.stack(channels)
