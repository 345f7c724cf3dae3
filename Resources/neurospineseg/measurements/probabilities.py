"""Probabilities on the grid of a mask."""

from __future__ import annotations

import numpy as np

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.resample import resample
from neurospineseg.images.volume import Volume


def probability_on(probability: Volume, grid: Grid) -> np.ndarray:
    """A structure's probability, 0 to 1, float32 (K, J, I) on a grid in the same space; 0 outside its own."""
    if probability.grid.same_as(grid):
        return np.asarray(probability.voxels, np.float32)
    return resample(probability.tensor[None].float(), probability.grid, grid, fill=0.0)[0].numpy()
