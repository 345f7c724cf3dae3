"""A 2D network that segments the deep nuclei slice by slice in the located 60 mm cube.

A cube is drawn from a head with the atlas's nuclei in it, or from a procedural one, and several
axial slices are taken from it, so that drawing does not hold up training.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid
from neurospineseg.images.intensity import normalize
from neurospineseg.inference.head_pose import REGION_CENTER_MNI
from neurospineseg.models.bundle import ModelSpec
from Training.synthetic.acquisition import bias_field, gamma, lower_resolution, paint, rician_noise
from Training.synthetic.brain.head_pool import HeadPool
from Training.synthetic.deform import draw_labels, random_linear, smooth_noise
from Training.synthetic.nuclei.contrast import random_contrast
from Training.synthetic.nuclei.heads import NUCLEI, cached_heads, class_lookup, combined, mirrored
from Training.training.partial_labels import only

SPACING, SIZE, SLICES, DIVISOR = 0.5, 120, 5, 32
PROCEDURAL_SHARE, PROCEDURAL_POOL = 0.2, 5
CUBE_POOL, EXAMPLES_PER_CUBE = 8, 10


class Examples:
    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        heads = [form for head in map(combined, cached_heads("deep")) for form in (head, mirrored(head))]
        low, high = (tuple(np.array(REGION_CENTER_MNI) + side * 42) for side in (-1, 1))
        self.heads = HeadPool(heads, PROCEDURAL_SHARE, PROCEDURAL_POOL, 0.15, 0.75, low, high)
        self.lookup = class_lookup(NUCLEI)
        self.cubes: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.taken = 0

    def cube(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Normalized image and classes, both (SIZE, SIZE, SIZE), with the locator's errors of pose."""
        head, procedural = self.heads.take(rng)
        middle = np.array(REGION_CENTER_MNI) if procedural else Grid(tuple(head.labels.shape), head.ijk_to_ras).center
        axes = Affine(head.ijk_to_ras).axes
        center = middle + axes @ rng.uniform(-4, 4, 3)
        grid = Grid.canonical(center, np.full(3, SIZE * SPACING), np.full(3, SPACING), axes)
        linear = axes @ random_linear(rng, degrees=8, scale=0.12) @ axes.T
        labels = draw_labels(head.labels, head.ijk_to_ras, grid.shape, grid.ijk_to_ras, rng, linear=linear, field_mm=1.3, field_lattice=5)
        classes = self.lookup[labels.long()]
        if rng.random() < 0.6:
            peduncle = smooth_noise(rng, tuple(labels.shape), 6) > float(rng.uniform(-0.3, 1.0))
            labels = labels.masked_fill(peduncle & ((labels == 28) | (labels == 60)), 2)
        image = paint(labels, *random_contrast(rng, physical=0.8), rng)
        image = lower_resolution(image, self.resolution(rng))
        image = rician_noise(gamma(bias_field(image, rng, 0.4, 3), rng, 0.25), rng, float(rng.uniform(0, 4)))
        if rng.random() < 0.5:
            image = lower_resolution(image, (float(rng.uniform(1.0, 1.6)),) * 3)
        return normalize(image[None], self.spec.normalization)[0], classes

    @staticmethod
    def resolution(rng: np.random.Generator) -> tuple[float, float, float]:
        """Voxel size over the cube's along (k, j, i): 0.5-1.2 mm, or slices of up to 3 mm along one axis."""
        factors = np.full(3, rng.uniform(1.0, 2.4))
        if rng.random() < 0.4:
            factors = np.full(3, rng.uniform(1.0, 2.0))
            factors[int(rng.choice(3, p=(0.6, 0.2, 0.2)))] = rng.uniform(2.0, 6.0)
        return tuple(factors)

    def example(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """``SLICES`` neighboring axial slices (SLICES, J, I) and the bit mask (J, I) of the middle one, padded as ``predict`` pads."""
        if len(self.cubes) < CUBE_POOL or self.taken % EXAMPLES_PER_CUBE == 0:
            self.cubes = [*self.cubes, self.cube(rng)][-CUBE_POOL:]
        self.taken += 1
        image, classes = self.cubes[int(rng.integers(len(self.cubes)))]
        middle = int(np.clip(rng.normal(52, 12), 0, SIZE - 1)) if rng.random() < 0.65 else int(rng.integers(SIZE))
        reach = SLICES // 2
        slices = image[np.clip(np.arange(middle - reach, middle + reach + 1), 0, SIZE - 1)]
        padding = (0, -SIZE % DIVISOR, 0, -SIZE % DIVISOR)
        anything = (1 << len(self.spec.classes)) - 1
        return F.pad(slices, padding), F.pad(only(classes[middle]), padding, value=anything)
