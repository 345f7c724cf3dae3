"""Where the head is in the scans, so that no tumor is found in the air.

Not for the spine: there a surface coil leaves much of the patient as dark as air.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from scipy import ndimage

from neurospineseg.geometry.grid import Grid, covering_grid, straight_grid
from neurospineseg.geometry.masks import components, filled_planes
from neurospineseg.geometry.region import Region
from neurospineseg.geometry.resample import resample
from neurospineseg.images.intensity import quantile, subsample
from neurospineseg.images.volume import Volume

TISSUE_SPACING_MM = 4.0
LEAST_CONTRAST = 0.07
"""Share of the 99th percentile's distance from the background value above which a voxel is taken for tissue."""


FINEST_MM = 2.0
"""The mask is made of voxels at least as large, so that gaps are as wide and the work as small at every resolution."""


def head_mask(scans: Mapping[str, Volume], wanted: Grid) -> np.ndarray:
    """The head, or the brain alone, on a grid: what differs from the background in any scan, gaps closed and holes filled.

    Pieces under a fiftieth of the largest are left out; bool (K, J, I).
    """
    grid = straight_grid(wanted, np.maximum(wanted.spacing, FINEST_MM))
    tissue = np.zeros(grid.shape, bool)
    for volume in scans.values():
        background = volume.background
        image = (resample(volume.tensor[None], volume.grid, grid, fill=background, antialias=False)[0] - background).abs()
        sample = subsample(image)
        tissue |= (image > LEAST_CONTRAST * quantile(sample, 0.99)).numpy()
    opened = ndimage.binary_opening(tissue, iterations=1)
    labels, sizes = components(opened, 6)
    if len(sizes) == 1:
        return np.ones(wanted.shape, bool)
    kept = (sizes > 0.02 * sizes.max())[labels]
    grown = ndimage.binary_dilation(kept, iterations=3)
    for axis in range(3):
        grown = filled_planes(grown, axis)
    head = torch.from_numpy(ndimage.binary_erosion(grown, iterations=1, border_value=1))
    return resample(head[None], grid, wanted, mode="nearest")[0].numpy()


def tissue_region(name: str, scan: Volume) -> Region:
    """The box along a scan's grid of all that is not air, seen at ``TISSUE_SPACING_MM``; ``name`` is the scan's channel."""
    coarse = covering_grid(scan.grid, np.full(3, TISSUE_SPACING_MM))
    tissue = np.argwhere(head_mask({name: scan}, coarse))
    low, high = np.maximum(tissue.min(0) - 2, 0), np.minimum(tissue.max(0) + 3, coarse.shape)
    return Region.around(coarse.crop(tuple(low), tuple(high)))
