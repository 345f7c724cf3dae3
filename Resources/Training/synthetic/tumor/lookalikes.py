"""What a network may take for a tumor and is none: vessels, dura, plexus, white-matter lesions, infarcts, bright tissue outside."""

from __future__ import annotations

import numpy as np
import torch

from Training.synthetic.tumor.labels import (
    BRIGHT_OUTSIDE,
    CORTEX,
    DEEP,
    ENHANCING_NORMAL,
    INFARCT,
    SOFT_OUTSIDE,
    VENTRICLES,
    WHITE,
    WHITE_MATTER_LESION,
    among,
    brain_mask,
    grown,
    voxels,
)
from Training.synthetic.tumor.noise import millimeter_noise
from Training.synthetic.tumor.shape import ellipsoid_level, random_start


def narrowed_sulci(rng: np.random.Generator, labels: torch.Tensor, spacing_mm: float) -> torch.Tensor:
    """The label map (K, J, I) with sulci narrowed by 2 mm on each side, in part of the brain or all of it.

    Cortex and fluid then share voxels, as in most scans at 2 mm; wide sulci alone make a network take such cortex for edema.
    """
    if rng.random() < 0.3:
        return labels
    labels = labels.clone()
    open_places = (labels == 24) & (millimeter_noise(rng, tuple(labels.shape), spacing_mm, 30) > float(rng.uniform(-2.5, 0.5)))
    reach = voxels(2.0, spacing_mm)
    for cortex in CORTEX:
        labels[grown(labels == cortex, reach) & open_places] = cortex
    return labels


def add_lookalikes(rng: np.random.Generator, labels: torch.Tensor, spacing_mm: float) -> torch.Tensor:
    """The label map (K, J, I) with enhancing normal structures, white-matter lesions, infarcts and bright soft tissue, all background."""
    labels = labels.clone()
    shape = tuple(labels.shape)

    def noise(step_mm: float) -> torch.Tensor:
        return millimeter_noise(rng, shape, spacing_mm, step_mm)

    ventricles, white = among(labels, VENTRICLES), among(labels, WHITE)
    if rng.random() < 0.8:
        width, step = float(rng.uniform(0.08, 0.2)), float(rng.uniform(12, 22))
        curve = (noise(step).abs() < width) & (noise(step).abs() < width)
        labels[curve & among(labels, (24, *CORTEX, *WHITE))] = ENHANCING_NORMAL
    if rng.random() < 0.6:
        near = grown((labels >= 500) & (labels < 900), voxels(2.0, spacing_mm))
        labels[near & (labels == 24) & (noise(35) > float(rng.uniform(-1, 1.5)))] = ENHANCING_NORMAL
    if rng.random() < 0.5:
        labels[ventricles & (noise(12) > float(rng.uniform(1.0, 1.8)))] = ENHANCING_NORMAL
    if rng.random() < 0.45:
        rim = grown(ventricles, voxels(2.0 * int(rng.integers(1, 3)), spacing_mm))
        labels[white & rim & (noise(14) > float(rng.uniform(-0.3, 1.5)))] = WHITE_MATTER_LESION
        labels[white & (noise(7) > float(rng.uniform(2.4, 3.4)))] = WHITE_MATTER_LESION
    if rng.random() < 0.1 and (center := random_start(rng, labels)) is not None:
        level = ellipsoid_level(rng, shape, spacing_mm, center, float(rng.uniform(5, 16))) + 0.2 * noise(10)
        tissue = among(labels, (*WHITE, *CORTEX, *DEEP))
        labels[tissue & (level < 1.25)] = WHITE_MATTER_LESION
        labels[tissue & (level < 1)] = INFARCT
    if rng.random() < 0.5:
        labels[among(labels, SOFT_OUTSIDE) & (noise(float(rng.uniform(12, 35))) > float(rng.uniform(0.3, 1.6)))] = BRIGHT_OUTSIDE
    return labels


def stripped(rng: np.random.Generator, labels: torch.Tensor, spacing_mm: float) -> torch.Tensor:
    """What skull stripping leaves: the brain, in a third of the cases with pieces of eyes, dura or skull; bool (K, J, I)."""
    mask = brain_mask(labels, spacing_mm, 2.0 * int(rng.integers(0, 3)))
    if rng.random() < 0.35:
        pieces = millimeter_noise(rng, tuple(labels.shape), spacing_mm, 20) > float(rng.uniform(0.8, 2.2))
        mask = mask | (grown(mask, voxels(8.0, spacing_mm)) & pieces)
    return mask
