"""A 3D network that segments the deep gray matter of one half of the brain, as if it were the right one, at 1 mm.

A region is drawn from a head with the atlas's nuclei in it, or from a procedural one, with the errors of the locator's pose;
both its halves teach, the left one mirrored. Several examples are taken from each, so that drawing does not hold up training.
"""

from __future__ import annotations

import numpy as np
import torch

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid
from neurospineseg.images.intensity import normalize
from neurospineseg.inference.head_pose import REGION_CENTER_MNI
from neurospineseg.inference.predict import with_coordinates
from neurospineseg.models.bundle import ModelSpec
from Training.synthetic.brain.head_pool import HeadPool
from Training.synthetic.deform import random_linear
from Training.synthetic.nuclei.contrast import random_contrast
from Training.synthetic.nuclei.heads import DEEP_GRAY, LABELS, cached_heads
from Training.synthetic.nuclei.scan import drawn_head, scanned, tissue_image
from Training.training.partial_labels import only

SPACING, PATCH = 1.0, (72, 88, 48)
REGION_MM = (80.0, 88.0, 72.0)
PROCEDURAL_POOL = 4
PROCEDURAL_REACH_MM = (58, 62, 54)
REGION_POOL, EXAMPLES_PER_REGION = 12, 5


def one_sided(side: int) -> torch.Tensor:
    """int64 (LABELS,): the class of every label where side 0 (left) or 1 (right) alone counts."""
    lookup = torch.zeros(LABELS, dtype=torch.int64)
    for number, labels in enumerate(DEEP_GRAY.values(), 1):
        lookup[labels[side]] = number
    return lookup


class Examples:
    """Halves of regions.

    Args:
        procedural_share: of heads that come from no label map.
        physical: share of contrasts near real ones, see ``random_contrast``.
        artifact_share: see ``scanned``.
        atlases: how far several atlases' ideas of the small nuclei's places are drawn, see ``drawn_head``.
    """

    def __init__(
        self,
        spec: ModelSpec,
        procedural_share: float = 0.1,
        physical: float = 0.75,
        artifact_share: float = 0.1,
        atlases: float = 1.0,
    ) -> None:
        self.spec, self.atlases = spec, atlases
        low, high = (tuple(np.array(REGION_CENTER_MNI) + side * np.array(PROCEDURAL_REACH_MM)) for side in (-1, 1))
        self.heads = HeadPool(cached_heads("deep"), procedural_share, PROCEDURAL_POOL, 0.1, 1.0, low, high)
        self.lookups = (one_sided(0), one_sided(1))
        self.regions: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self.taken = 0
        self.physical, self.thickest_mm, self.artifact_share, self.noise = physical, 3.5, artifact_share, 5.0

    def region(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Normalized image, labels and field of view, all (K, J, I) of the whole region, with the locator's errors of pose."""
        head, procedural = self.heads.take(rng)
        middle = np.array(REGION_CENTER_MNI) if procedural else Grid(tuple(head.labels.shape), head.ijk_to_ras).center
        axes = Affine(head.ijk_to_ras).axes
        center = middle + axes @ (rng.normal(0, 1.7, 3).clip(-4, 4))
        grid = Grid.canonical(center, np.array(REGION_MM), np.full(3, SPACING), axes)
        linear = axes @ random_linear(rng, degrees=9, scale=0.05) @ axes.T * rng.uniform(0.87, 1.13)
        labels, lateral_mm = drawn_head(head, grid, rng, linear=linear, atlases=self.atlases)
        shown = labels.masked_fill((labels >= 500) & (labels < 900), 0) if rng.random() < 0.3 else labels
        image = tissue_image(shown, lateral_mm, random_contrast(rng, self.physical), rng)
        image, seen = scanned(image, grid, rng, thickest_mm=self.thickest_mm, share=self.artifact_share, noise=self.noise)
        return normalize(image[None], self.spec.normalization)[0], labels, seen

    def half(self, region: tuple[torch.Tensor, torch.Tensor, torch.Tensor], side: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Image, classes and field of view of the right half (``side`` 1) or of the left one mirrored (0), each ``PATCH``."""
        image, labels, seen = (part if side else part.flip(2) for part in region)
        outer = slice(image.shape[2] - PATCH[2], None)
        return image[..., outer], self.lookups[side][labels[..., outer].long()], seen[..., outer]

    def example(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Image (1, K, J, I), with coordinates if the model takes them, and bit mask (K, J, I) on ``PATCH``; anything goes outside the field of view."""
        if len(self.regions) < 2 or self.taken % EXAMPLES_PER_REGION == 0:
            self.regions = [*self.regions, self.region(rng)][-REGION_POOL:]
        self.taken += 1
        image, classes, seen = self.half(self.regions[int(rng.integers(len(self.regions)))], int(rng.integers(2)))
        noise = torch.from_numpy(rng.standard_normal(PATCH, dtype=np.float32))
        image = image * float(rng.uniform(0.9, 1.1)) + float(rng.uniform(-0.15, 0.15)) + float(rng.uniform(0, 0.08)) * noise
        anything = (1 << len(self.spec.network_classes)) - 1
        image = with_coordinates(image[None]) if self.spec.coordinates else image[None]
        return image, only(classes).masked_fill(~seen, anything)
