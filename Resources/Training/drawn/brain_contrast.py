"""A coarse 3D network that tells which contrast a brain scan has: each brain voxel's class is the scan's contrast.

Heads with and without tumors are drawn at 4 mm as T1 after contrast, T1, T2, FLAIR and proton density, and as CT in any window.
"""

from __future__ import annotations

import numpy as np
import torch

from neurospineseg.bundle import ModelSpec
from neurospineseg.grid import Grid
from neurospineseg.intensity import normalize
from partial_labels import only
from synthetic.acquisition import artifacts, bias_field, field_of_view, gamma, lower_resolution, paint, rician_noise, thick_slices
from synthetic.deform import draw_labels, random_linear
from synthetic.nuclei import LABELS, cached_heads, mirrored
from synthetic.tumor import add_lookalikes, brain_mask, draw_tumor, stripped
from synthetic.tumor_contrast import CHANNELS, GROUPS, paint_channels

SPACING, PATCH = 4.0, (48, 56, 48)
CONTRASTS = (*CHANNELS, "pd", "ct")
POOL, EXAMPLES_PER_HEAD = 10, 12
#      white gray deep  pall  fluid plex  scalp musc  bone  marr dura eye   edema necr  enh   net   hem  cyst  wml
PROTON_DENSITY = (1.0, 1.18, 1.12, 1.0, 1.15, 1.2, 1.3, 1.0, 0.2, 0.9, 0.9, 1.1, 1.3, 1.25, 1.25, 1.25, 1.0, 1.15, 1.25)
HOUNSFIELD = (28, 36, 37, 40, 6, 45, -60, 55, 900, 300, 60, 10, 20, 15, 45, 25, 65, 8, 22)


class Examples:
    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.heads = [form for head in cached_heads("whole") for form in (head, mirrored(head))]
        self.drawn: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.taken = 0

    def scans(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """One head in each of ``CONTRASTS``, float32 (contrasts, K, J, I), not normalized, and its brain, bool (K, J, I)."""
        head = self.heads[int(rng.integers(len(self.heads)))]
        brain = ((head.labels > 0) & (head.labels < 500)).nonzero().float().mean(0).numpy()[::-1]
        middle = head.ijk_to_ras[:3, :3] @ brain + head.ijk_to_ras[:3, 3] + rng.uniform(-15, 15, 3)
        patch = Grid.canonical(middle, np.array(PATCH[::-1]) * SPACING, np.full(3, SPACING))
        pose = random_linear(rng, degrees=20, scale=0.12)
        labels = draw_labels(head.labels, head.ijk_to_ras, PATCH, patch.ijk_to_ras, rng, linear=pose, field_mm=3.0).to(torch.int16)
        labels = add_lookalikes(rng, labels, SPACING)
        tumor, change = torch.zeros_like(labels), torch.zeros(labels.shape)
        if rng.random() < 0.6:
            labels, tumor, change = draw_tumor(rng, labels, SPACING)
        whole = torch.where(tumor > 0, tumor, labels)
        images = [*paint_channels(rng, labels, tumor, change, SPACING), self._proton_density(rng, whole), self._ct(rng, whole)]
        if rng.random() < 0.5:
            mask = stripped(rng, labels, SPACING) | (tumor > 0)
            images = [(image - image.min()) * mask for image in images]
        return torch.stack(images), brain_mask(labels, 0) | (tumor > 0)

    @staticmethod
    def _painted(rng: np.random.Generator, labels: torch.Tensor, values: np.ndarray, air: float, noise: float) -> torch.Tensor:
        means, deviations = np.full(LABELS, values[0]), np.full(LABELS, noise)
        for group, value in zip(GROUPS.values(), values):
            means[list(group)] = value
        means[0] = air
        image = paint(labels, means, deviations, rng)
        return lower_resolution(image, thick_slices((SPACING,) * 3, rng, 7.0, 0.3))

    def _proton_density(self, rng: np.random.Generator, labels: torch.Tensor) -> torch.Tensor:
        values = 100 * np.array(PROTON_DENSITY) * np.exp(rng.normal(0, 0.04, len(GROUPS)))
        image = self._painted(rng, labels, values, 0.0, float(rng.uniform(1, 5)))
        return rician_noise(gamma(bias_field(image.clamp_min(0), rng, 0.2), rng, 0.12), rng, float(rng.uniform(0, 3)))

    def _ct(self, rng: np.random.Generator, labels: torch.Tensor) -> torch.Tensor:
        """In HU, or in a window as a picture would show it."""
        values = np.array(HOUNSFIELD) + rng.normal(0, 2, len(GROUPS))
        image = self._painted(rng, labels, values, -1000.0, float(rng.uniform(2, 12)))
        if rng.random() < 0.6:
            low = float(rng.uniform(-120, 0))
            image = image.clamp(low, float(rng.choice([rng.uniform(70, 150), rng.uniform(300, 1500)])))
        return image

    def example(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Image (1, K, J, I) on ``PATCH`` and bit masks (K, J, I) that give every brain voxel the scan's contrast."""
        if len(self.drawn) < POOL or self.taken % EXAMPLES_PER_HEAD == 0:
            self.drawn = [*self.drawn[-POOL + 1 :], self.scans(rng)]
        self.taken += 1
        images, brain = self.drawn[int(rng.integers(len(self.drawn)))]
        contrast = int(rng.integers(len(CONTRASTS)))
        image = artifacts(images[contrast], rng, SPACING, 0.15)
        if rng.random() < 0.5:
            image, brain = image.flip(-1), brain.flip(-1)
        seen = torch.zeros(image.shape, dtype=torch.bool)
        seen[field_of_view(tuple(image.shape), rng, 0.2)] = True
        image = torch.where(seen, image, image.min())
        return normalize(image[None], self.spec.normalization), only((1 + contrast) * (brain & seen).long())
