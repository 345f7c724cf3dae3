"""What a model says of a case, before anatomy's rules."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from neurospineseg.geometry.grid import Grid
from neurospineseg.images.volume import Volume
from neurospineseg.inference.from_model_grid import to_scan_grid
from neurospineseg.tasks.class_scores import OutputChannel


@dataclass(frozen=True)
class ClassProbabilities:
    """Probabilities of a model's classes and where they lie.

    Attributes:
        values: float32 (C, K, J, I) on ``grid``; a channel is the model's class of that number, background first.
        grid: the working grid, whose i, j, k run along the scan's own right, anterior, superior, or the head's.
        scan_grid: the reference scan's own.
    """

    values: torch.Tensor
    grid: Grid
    scan_grid: Grid

    @classmethod
    def of_nothing(cls, classes: int, grid: Grid, scan_grid: Grid) -> ClassProbabilities:
        """Background everywhere."""
        values = torch.zeros(classes, *grid.shape)
        values[0] = 1
        return cls(values, grid, scan_grid)

    def class_map(self) -> Volume:
        """Where each class is the likeliest: uint16 numbers of classes on the scan's grid."""
        channels = [OutputChannel(number) for number in range(len(self.values))]
        return Volume(to_scan_grid(self.values, channels, self.grid, self.scan_grid), self.scan_grid.ijk_to_ras)
