"""A drawn head with a glioma in four MR contrasts, for demonstrations and tests."""

from __future__ import annotations

import numpy as np
import torch

from neurospineseg.geometry.affine import Affine
from Training.synthetic.brain.procedural import procedural_head
from Training.synthetic.deform import random_linear
from Training.synthetic.tumor.contrast import CHANNELS, paint_channels
from Training.synthetic.tumor.labels import CLASSES, brain_mask
from Training.synthetic.tumor.lesions import draw_tumor

LEAST_ML = 15.0


def tumor_phantom(
    seed: int, spacing_mm: float = 1.5, oblique_degrees: float = 10.0, stripped: bool = True
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Draws a procedural head with one tumor that has an enhancing part and edema, of 15 mL at least.

    Args:
        seed: decides anatomy, tumor, noise and pose.
        spacing_mm: voxel size, isotropic.
        oblique_degrees: the head is turned by up to this about each axis, by its matrix; 0 for none.
        stripped: whether what lies outside the brain is taken away.

    Returns:
        The contrasts ``t1c``, ``t1``, ``t2`` and ``flair``, each float32 (K, J, I); their 4x4 ijk to RAS in mm; and
        labels uint8 (K, J, I): 1 necrotic core, 2 edema, 3 enhancing tumor.
    """
    rng = np.random.default_rng([seed, 4])
    head, ijk_to_ras = procedural_head(rng, spacing_mm)
    clean = torch.from_numpy(head)
    classes = torch.zeros(1000, dtype=torch.uint8)
    for label, value in CLASSES.items():
        classes[label] = value
    while True:
        labels, tumor, change = draw_tumor(rng, clean, spacing_mm)
        found = torch.bincount(classes[tumor.long()].flatten(), minlength=4) * spacing_mm**3 / 1000
        if found[1:].sum() > LEAST_ML and found[2] > 2 and found[3] > 2:
            break
    image = paint_channels(rng, labels, tumor, change, spacing_mm)
    if stripped:
        image = image * (brain_mask(labels, spacing_mm) | (tumor > 0))
    turn = Affine.of(random_linear(rng, oblique_degrees, scale=0.0, shear=0.0)).matrix
    images = {name: channel.round().numpy().astype(np.float32) for name, channel in zip(CHANNELS, image)}
    return images, turn @ ijk_to_ras, classes[tumor.long()].numpy()
