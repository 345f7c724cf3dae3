"""The separate pieces of a mask, from a least volume on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.masks import components

LEAST_ML = 0.1
"""Smaller pieces are no foci."""


@dataclass(frozen=True)
class Focus:
    """One piece.

    Attributes:
        mask: its voxels, bool (K, J, I).
        ml: its volume.
        centroid: RAS mm, (3,).
    """

    mask: np.ndarray
    ml: float
    centroid: np.ndarray


def foci(mask: np.ndarray, grid: Grid, least_ml: float = LEAST_ML) -> list[Focus]:
    """The 26-connected pieces of a bool mask (K, J, I) of at least a volume, the largest first."""
    labels, sizes = components(mask)
    numbers = [int(number) for number in np.argsort(-sizes, kind="stable") if sizes[number] > 0]
    kept = [number for number in numbers if sizes[number] * grid.voxel_volume_ml >= least_ml]
    pieces = [(labels == number, float(sizes[number] * grid.voxel_volume_ml)) for number in kept]
    return [Focus(piece, ml, grid.centroid(piece)) for piece, ml in pieces]
