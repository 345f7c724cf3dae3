"""A coarse 3D network that finds the landmarks from which the deep nuclei's region is placed.

Images are drawn from SynthSeg's label maps and from procedural heads: any contrast, with or
without skull, whole or cropped, in any pose within 30 degrees.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid
from neurospineseg.images.intensity import background_value, normalize
from neurospineseg.models.bundle import ModelSpec
from Training.synthetic.acquisition import bias_field, gamma, lower_resolution, paint, rician_noise, thick_slices
from Training.synthetic.brain.head_pool import HeadPool
from Training.synthetic.deform import draw_labels, random_linear
from Training.synthetic.nuclei.contrast import random_contrast
from Training.synthetic.nuclei.heads import LANDMARKS, cached_heads, class_lookup, mirrored
from Training.training.partial_labels import only

PATCH = (48, 56, 48)
SPACING = 4.0
PROCEDURAL_SHARE = 0.25
PROCEDURAL_POOL = 6


class Examples:
    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        heads = [form for head in cached_heads("whole") for form in (head, mirrored(head))]
        self.heads = HeadPool(heads, PROCEDURAL_SHARE, PROCEDURAL_POOL, 0.05, 2.0)
        self.lookup = class_lookup(LANDMARKS)

    def example(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Image (1, K, J, I) and bit mask (K, J, I) on ``PATCH``."""
        head, _ = self.heads.take(rng)
        fine = tuple(2 * n for n in PATCH)
        places = torch.nonzero(self.lookup[head.labels.long()] > 0).float().mean(0).numpy()
        center = Affine(head.ijk_to_ras).apply_kji(places)
        patch = Grid.canonical(center + rng.uniform(-25, 25, 3), np.array(fine[::-1]) * SPACING / 2, np.full(3, SPACING / 2))
        pose = random_linear(rng, degrees=32 if rng.random() < 0.5 else 15, scale=0.12)
        labels = draw_labels(head.labels, head.ijk_to_ras, fine, patch.ijk_to_ras, rng, linear=pose, field_mm=2.5, field_lattice=7)
        if rng.random() < 0.3:
            labels = labels.masked_fill((labels >= 500) & (labels < 900), 0)
        image = paint(labels, *random_contrast(rng, physical=0.8), rng)
        image = lower_resolution(image, thick_slices((2.0, 2.0, 2.0), rng, 7.0, 0.4))
        image = rician_noise(gamma(bias_field(image, rng, 0.5), rng), rng, float(rng.uniform(0, 6)))
        if rng.random() < 0.3:
            image = image.masked_fill(labels == 0, 0.0)
        image = F.avg_pool3d(image[None, None], 2)[0, 0]
        classes = self.lookup[labels.long()]
        shares = torch.stack([F.avg_pool3d((classes == c).float()[None, None], 2)[0, 0] for c in range(len(self.spec.classes))])
        image, seen = self.cropped(image, rng)
        return normalize(image[None], self.spec.normalization), only(shares.argmax(0) * seen)

    def cropped(self, image: torch.Tensor, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """The image outside a random field of view filled with its background, as the pipeline does; and what is seen."""
        seen = torch.zeros(image.shape, dtype=torch.bool)
        low = [int(rng.uniform(0, 0.28) * n) if rng.random() < 0.35 else 0 for n in image.shape]
        high = [n - (int(rng.uniform(0, 0.28) * n) if rng.random() < 0.35 else 0) for n in image.shape]
        box = tuple(slice(a, b) for a, b in zip(low, high))
        seen[box] = True
        return torch.where(seen, image, torch.tensor(background_value(image[box]))), seen
