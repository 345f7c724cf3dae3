"""Heads to draw from: labeled ones, and procedural ones from a small pool that is slowly renewed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from Training.synthetic.brain.procedural import procedural_head
from Training.synthetic.nuclei.heads import Head

Corner = tuple[float, float, float]


class HeadPool:
    """Gives heads at random; all procedural where no labeled ones are prepared.

    Args:
        labeled: heads from label maps.
        share: of procedural heads among all.
        size: of the pool of procedural heads.
        renewal: chance that a procedural head is drawn anew.
        spacing_mm, low, high: of procedural heads, see ``procedural_head``.
    """

    def __init__(
        self,
        labeled: Sequence[Head],
        share: float,
        size: int,
        renewal: float,
        spacing_mm: float,
        low: Corner | None = None,
        high: Corner | None = None,
    ) -> None:
        self.labeled = labeled
        self.share = share if labeled else 1.0
        self.size, self.renewal, self.box = size, renewal, (spacing_mm, low, high)
        self.procedural: list[Head] = []

    def take(self, rng: np.random.Generator) -> tuple[Head, bool]:
        """A head, and whether it is procedural."""
        if rng.random() >= self.share:
            return self.labeled[int(rng.integers(len(self.labeled)))], False
        if len(self.procedural) < self.size or rng.random() < self.renewal:
            labels, ijk_to_ras = procedural_head(rng, *self.box)
            self.procedural = [*self.procedural, Head(torch.from_numpy(labels), ijk_to_ras)][-self.size :]
        return self.procedural[int(rng.integers(len(self.procedural)))], True
