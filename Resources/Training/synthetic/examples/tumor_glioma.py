"""A 3D network that segments gliomas at 2 mm from any of T1c, T1, T2 and FLAIR, with or without the skull.

A whole head is drawn and normalized as a scan would be; several patches are taken from it.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid
from neurospineseg.images.intensity import background_value
from neurospineseg.models.bundle import ModelSpec
from Training.synthetic.acquisition import field_of_view
from Training.synthetic.brain.head_pool import HeadPool
from Training.synthetic.deform import likeliest_at, nearest_at, random_linear, source_places
from Training.synthetic.nuclei.heads import cached_heads, mirrored
from Training.synthetic.tumor.contrast import blurred, paint_channels
from Training.synthetic.tumor.labels import CLASSES, WHITE, among
from Training.synthetic.tumor.lesions import draw_tumor
from Training.synthetic.tumor.lookalikes import add_lookalikes, narrowed_sulci, stripped
from Training.training.partial_labels import only

SPACING, PATCH = 2.0, (64, 80, 64)
FIELD_MM = (168.0, 208.0, 184.0)
PROCEDURAL_POOL = 6
HEAD_POOL, EXAMPLES_PER_HEAD = 12, 2
NO_TUMOR, STRIPPED, CLEAN_AIR, CUT = 0.25, 0.6, 0.4, 0.3
USUAL = ((1, 0, 0, 1), (1, 0, 1, 1), (1, 1, 0, 1), (1, 1, 1, 0), (1, 0, 0, 0), (0, 0, 1, 0))
"""Usual sets of T1c, T1, T2 and FLAIR."""
CLASS_OF = torch.zeros(1000, dtype=torch.int64)
CLASS_OF[list(CLASSES)] = torch.tensor(list(CLASSES.values()))


def with_air(rng: np.random.Generator, image: torch.Tensor, classes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A scan with up to 24 voxels more on each side, of air or of the 0 that stands for no scan; image (4, K, J, I), classes (K, J, I)."""
    padding = rng.integers(0, 25, 6).tolist()
    air = image[:, :1, 0, 0] * float(rng.random() < 0.5)
    padded = torch.cat([F.pad(channel[None] - value, padding) + value for channel, value in zip(image, air)])
    return padded, F.pad(classes, padding)


def normalized(image: torch.Tensor) -> torch.Tensor:
    """What ``neurospineseg.images.intensity.normalize`` makes of an image (C, K, J, I) by z-score, measured on an eighth of its voxels."""
    channels = []
    for channel in image:
        shifted = channel - background_value(channel)
        sample = shifted[::2, ::2, ::2]
        top = sample[sample != 0].abs()
        foreground = sample[sample.abs() > 0.1 * torch.quantile(top, 0.99)]
        scaled = ((shifted - foreground.mean()) / foreground.std()).clamp_(-5.0, 5.0)
        channels.append(scaled.masked_fill_(shifted == 0, 0.0))
    return torch.stack(channels)


class Examples:
    """Patches of drawn heads.

    Attributes:
        spacing: mm; ``patch``: size (K, J, I) in voxels.
        pool: heads kept to cut patches from; ``per_head``: patches taken until the oldest is replaced.

    Args:
        procedural_share: of heads that come from no label map.
        artifact_share: see ``paint_channels``.
        lookalikes: whether heads hold what resembles a tumor, 0 or 1.
    """

    spacing, patch = SPACING, PATCH
    pool, per_head = HEAD_POOL, EXAMPLES_PER_HEAD

    def __init__(self, spec: ModelSpec, procedural_share: float = 0.2, artifact_share: float = 0.12, lookalikes: float = 1.0) -> None:
        self.spec, self.artifact_share, self.lookalikes = spec, artifact_share, lookalikes
        heads = [form for head in cached_heads("whole") for form in (head, mirrored(head))]
        self.heads = HeadPool(heads, procedural_share, PROCEDURAL_POOL, 0.1, SPACING)
        self.drawn: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.taken = 0

    def head(self, rng: np.random.Generator, harder: bool = False) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
        """A whole head as it leaves a scanner; ``harder`` than in training for evaluation.

        Returns:
            Four channels, float32 (4, K, J, I); classes (K, J, I); 4x4 from (i, j, k) to RAS mm.
        """
        head, _ = self.heads.take(rng)
        voxel = among(head.labels, WHITE).nonzero().float().mean(0).numpy()
        middle = Affine(head.ijk_to_ras).apply_kji(voxel)
        grid = Grid.canonical(middle + rng.uniform(-10, 10, 3), np.array(FIELD_MM), np.full(3, self.spacing))
        linear = random_linear(rng, degrees=15, scale=0.12)
        places = source_places(head.ijk_to_ras, grid.shape, grid.ijk_to_ras, rng, linear=linear, field_mm=3.0)
        finer = self.spacing < 0.75 * np.linalg.norm(head.ijk_to_ras[:3, 0])
        labels = (likeliest_at if finer else nearest_at)(head.labels, places).to(torch.int16)
        labels = narrowed_sulci(rng, labels, self.spacing)
        if self.lookalikes:
            labels = add_lookalikes(rng, labels, self.spacing)
        tumor, change = torch.zeros_like(labels), torch.zeros(labels.shape)
        if rng.random() > NO_TUMOR:
            labels, tumor, change = self.tumor(rng, labels)
        image = paint_channels(rng, labels, tumor, change, self.spacing, harder, self.artifact_share)
        if rng.random() < STRIPPED:
            mask = (stripped(rng, labels, self.spacing) | (tumor > 0)).float()
            image = image * (blurred(mask, 0.4) if rng.random() < 0.5 else mask)
        elif rng.random() < CLEAN_AIR:
            image = image * (labels > 0)
        classes, affine = CLASS_OF[tumor.long()], grid.affine
        if rng.random() < CUT:
            view = field_of_view(tuple(classes.shape), rng, chance=0.3, most=0.2)
            image, classes = image[(slice(None), *view)], classes[view]
            affine = affine.from_voxel([side.start for side in view])
        return image, classes, affine.matrix

    def tumor(self, rng: np.random.Generator, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """A tumor in a head, see ``draw_tumor``."""
        return draw_tumor(rng, labels, self.spacing)

    def scan(self, rng: np.random.Generator, harder: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """The four channels of a head, normalized (4, K, J, I), and its classes (K, J, I)."""
        image, classes, _ = self.head(rng, harder)
        return normalized(image), classes

    @staticmethod
    def given(rng: np.random.Generator, all_share: float = 0.25) -> torch.Tensor:
        """Which channels are there: all in ``all_share`` of the cases, else a usual few or any subset with one at least; float (4, 1, 1, 1)."""
        chance = rng.random()
        if chance < all_share:
            chosen = (1, 1, 1, 1)
        elif chance < all_share + (1 - all_share) / 3:
            chosen = USUAL[rng.integers(len(USUAL))]
        else:
            bits = int(rng.integers(1, 16))
            chosen = [bits >> channel & 1 for channel in range(4)]
        return torch.tensor(chosen, dtype=torch.float32).view(4, 1, 1, 1)

    def example(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """A patch of four channels (4, *patch), absent ones zero, and its bit masks (*patch)."""
        if len(self.drawn) < self.pool or self.taken % self.per_head == 0:
            self.drawn = [*self.drawn, self.scan(rng)][-self.pool :]
        self.taken += 1
        image, classes = self.drawn[int(rng.integers(len(self.drawn)))]
        if rng.random() < 0.3:
            image, classes = with_air(rng, image, classes)
        lacking = [(0, max(0, p - n)) for p, n in zip(self.patch, classes.shape)][::-1]
        lacking = [end for pair in lacking for end in pair]
        image, classes = F.pad(image, lacking), F.pad(classes, lacking)
        size, patch = np.array(classes.shape), np.array(self.patch)
        start = rng.integers(0, size - patch + 1)
        places = classes.nonzero()
        if len(places) and rng.random() < 0.75:
            place = places[int(rng.integers(len(places)))].numpy()
            start = np.clip(place - rng.uniform(0.25, 0.75, 3) * patch, 0, size - patch).astype(int)
        where = tuple(slice(a, a + n) for a, n in zip(start, patch))
        image, classes = image[(slice(None), *where)], classes[where]
        if rng.random() < 0.5:
            image, classes = image.flip(-1), classes.flip(-1)
        return (image * self.given(rng)).contiguous(), only(classes)
