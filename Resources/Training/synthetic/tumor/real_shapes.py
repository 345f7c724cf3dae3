"""Whole heads drawn with tumors of real shapes, to be kept and cut from many times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from Training.synthetic.examples import tumor_glioma
from Training.synthetic.tumor.real_glioma import glioma_shapes, place_glioma

REAL_SHAPES = 0.75


class Heads(tumor_glioma.Examples):
    """Heads of ``tumor_glioma`` at any spacing.

    Args:
        spacing: mm.
        shapes: file of real outlines, see ``synthetic.tumor.real_glioma``; None: every tumor is drawn.
        small: share of the real outlines that become small tumors.
    """

    def __init__(self, spacing: float, shapes: Path | None, small: float = 0.0) -> None:
        super().__init__(None)
        self.spacing, self.small = spacing, small
        self.shapes = () if shapes is None else glioma_shapes(shapes)

    def tumor(self, rng: np.random.Generator, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        if self.shapes and rng.random() < REAL_SHAPES:
            return place_glioma(rng, labels, self.spacing, self.shapes, small=self.small > 0 and rng.random() < self.small)
        return super().tumor(rng, labels)
