"""A case on another grid: the scan linearly, its labels by the nearest voxel, both where they were in the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import nibabel as nib
import numpy as np
import torch

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.resample import resample
from neurospineseg.images.volume import Volume
from Training.datasets.preparing import LoadedCase


def straight(grid: Grid) -> Grid:
    """The same voxels with i, j, k along the axes nearest to R, A, S: turned and flipped, never interpolated."""
    size = grid.shape[::-1]
    turn = nib.orientations.io_orientation(grid.ijk_to_ras)
    turned = [0, 0, 0]
    for axis, (target, _) in enumerate(turn):
        turned[int(target)] = size[axis]
    return Grid(tuple(turned[::-1]), grid.ijk_to_ras @ nib.orientations.inv_ornt_aff(turn, size))


def of_size(grid: Grid, size: Sequence[int]) -> Grid:
    """The straightened grid's field of view cut into ``size`` voxels along S, A, R."""
    grid = straight(grid)
    return _along_axes(grid, grid.center, grid.spacing * grid.shape[::-1] / np.array(size[::-1]), grid.size_mm)


def of_spacing(grid: Grid, spacing: Sequence[float]) -> Grid:
    """The straightened grid's field of view in voxels of ``spacing`` mm along S, A, R."""
    grid = straight(grid)
    return _along_axes(grid, grid.center, np.array(spacing[::-1], float), grid.size_mm)


def cube(grid: Grid, center: np.ndarray, side: int, spacing: float) -> Grid:
    """A cube of ``side`` voxels of ``spacing`` mm around ``center`` (RAS mm), along the straightened axes."""
    return _along_axes(straight(grid), center, np.full(3, float(spacing)), np.full(3, side * spacing))


def _along_axes(grid: Grid, center: np.ndarray, spacing: np.ndarray, extent: np.ndarray) -> Grid:
    return Grid.canonical(center, extent, spacing, grid.affine.axes)


def labeled_center(labels: Volume) -> np.ndarray:
    """RAS mm of the middle of the box around all labeled voxels, shape (3,); of the whole volume where none is."""
    places = np.argwhere(labels.voxels > 0)
    if not len(places):
        return labels.grid.center
    return labels.affine.apply_kji((places.min(0) + places.max(0)) / 2)


def onto(case: LoadedCase, target: Grid, inverse: np.ndarray | None = None) -> LoadedCase:
    """A case, all on one grid, on ``target``; what lies outside is the scan's least value and background.

    Args:
        target: grid to sample at.
        inverse: 4x4, RAS to RAS in mm: where each point of ``target`` is taken from. None for its own place.
    """
    source = case.labels.grid
    places = target if inverse is None else Grid(target.shape, inverse @ target.ijk_to_ras)

    def sampled(volume: Volume, mode: str, fill: float) -> Volume:
        voxels = torch.from_numpy(np.ascontiguousarray(volume.voxels, dtype=np.float32))[None]
        return Volume(resample(voxels, source, places, mode=mode, fill=fill)[0].numpy(), target.ijk_to_ras)

    scans = {name: sampled(scan, "bilinear", float(scan.voxels.min())) for name, scan in case.scans.items()}
    labels = sampled(case.labels, "nearest", 0.0)
    return replace(case, scans=scans, labels=Volume(labels.voxels.astype(case.labels.voxels.dtype), target.ijk_to_ras))


def cut(case: LoadedCase, start: Sequence[int], stop: Sequence[int]) -> LoadedCase:
    """The part ``[start, stop)`` (k, j, i) of a case's voxels."""
    part = tuple(slice(a, b) for a, b in zip(start, stop))
    matrix = case.labels.grid.crop(tuple(start), tuple(stop)).ijk_to_ras
    scans = {name: Volume(scan.voxels[part], matrix) for name, scan in case.scans.items()}
    return replace(case, scans=scans, labels=Volume(case.labels.voxels[part], matrix))
