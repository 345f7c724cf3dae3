"""A wholly procedural whole-head MR that looks like T2, for demonstrations and tests."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from neurospineseg.geometry.affine import Affine
from neurospineseg.tasks.anatomy import structure
from Training.synthetic.acquisition import bias_field, paint, rician_noise
from Training.synthetic.brain.procedural import procedural_head
from Training.synthetic.deform import random_linear
from Training.synthetic.nuclei.contrast import CONTRASTS, TISSUES
from Training.synthetic.nuclei.heads import LABELS, NUCLEI

OUTSIDE = {506: 230.0, 507: 60.0, 508: 110.0, 511: 55.0, 515: 12.0, 516: 70.0, 530: 60.0}
"""T2-like means of what lies outside the brain (eye, scalp, fat, muscle, skull, marrow, dura); white matter is 100."""


def subcortical_phantom(seed: int, spacing_mm: float = 1.0, oblique_degrees: float = 12.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws a T2-like head in an oblique frame.

    Args:
        seed: decides anatomy, noise and pose.
        spacing_mm: voxel size, isotropic.
        oblique_degrees: the head is turned by up to this about each axis, by its matrix; 0 for none.

    Returns:
        image float32 (K, J, I), its 4x4 ijk to RAS in mm, and labels int16 (K, J, I) with FreeSurfer's
        numbers and those of ``nuclei.NUCLEI``.
    """
    rng = np.random.default_rng(seed)
    labels, ijk_to_ras = procedural_head(rng, spacing_mm)
    means, deviations = np.full(LABELS, 60.0), np.full(LABELS, 3.0)
    for values, ratio in zip(TISSUES.values(), CONTRASTS["t2"]):
        means[list(values)] = 100 * ratio
    for value, mean in OUTSIDE.items():
        means[value] = mean
    means[0] = deviations[0] = 0
    image = paint(torch.from_numpy(labels), means, deviations, rng)
    image = F.avg_pool3d(image[None, None], 3, stride=1, padding=1)[0, 0] * 0.5 + image * 0.5
    image = rician_noise(bias_field(image, rng, 0.2), rng, 2.5)
    turn = Affine.of(random_linear(rng, oblique_degrees, scale=0.0, shear=0.0)).matrix
    return image.round().numpy().astype(np.float32), turn @ ijk_to_ras, labels


def labeled_phantom(seed: int, spacing_mm: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``subcortical_phantom`` with the label values of ``neurospineseg.tasks`` for ``NUCLEI``, and 0 elsewhere; uint16 (K, J, I)."""
    image, ijk_to_ras, numbers = subcortical_phantom(seed, spacing_mm)
    labels = np.zeros(numbers.shape, np.uint16)
    for name, pair in NUCLEI.items():
        for side, number in zip(("left", "right"), pair):
            labels[numbers == number] = structure(f"{side}_{name}").label
    return image, ijk_to_ras, labels
