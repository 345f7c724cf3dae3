"""The frame that a scan's own axes span, in which a run works, so that the same voxels give the same mask however their header turns them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid, own_axes
from neurospineseg.geometry.region import Region
from neurospineseg.geometry.triple import triple
from neurospineseg.images.volume import Volume
from neurospineseg.inference.uncertainty import UncertainRegion

STRAIGHT = 1e-4
"""Axes that stray less, in any of their cosines, from R, A and S are left as they are."""


@dataclass(frozen=True)
class ScanFrame:
    """A frame whose axes are a scan's own right, anterior and superior, and whose origin is the scan's middle where these are not RAS.

    Attributes:
        to_ras: from mm in the frame to RAS mm, without scaling.

    >>> turned = Grid((9, 9, 9), [[0.8, -0.6, 0, 0], [0.6, 0.8, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    >>> frame = ScanFrame.of(turned)
    >>> frame.affine_within(turned.affine).axes.round(6).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """

    to_ras: Affine = Affine(np.eye(4))

    @staticmethod
    def of(scan: Grid) -> ScanFrame:
        axes = own_axes(scan)
        return ScanFrame() if np.abs(axes - np.eye(3)).max() < STRAIGHT else ScanFrame(Affine.of(axes, scan.center))

    @property
    def is_ras(self) -> bool:
        """Whether its axes are R, A and S."""
        return bool((self.to_ras.matrix == np.eye(4)).all())

    def affine_within(self, affine: Affine) -> Affine:
        """An ijk to RAS as it lies in the frame, to 1e-11 mm, so that it is the same number for every turn of one scan."""
        return affine if self.is_ras else Affine((self.to_ras.inverse @ affine).matrix.round(11) + 0.0)

    def within(self, scans: Mapping[str, Volume]) -> dict[str, Volume]:
        """Scans as they lie in the frame; the voxels are the same."""
        return dict(scans) if self.is_ras else {name: Volume(scan.voxels, self.affine_within(scan.affine)) for name, scan in scans.items()}

    def region_within(self, region: Region) -> Region:
        return region if self.is_ras else moved_region(region, self.to_ras.inverse)

    def grid_in_ras(self, grid: Grid) -> Grid:
        return grid if self.is_ras else Grid(grid.shape, self.to_ras @ grid.affine)

    def region_in_ras(self, region: Region) -> Region:
        return region if self.is_ras else moved_region(region, self.to_ras)

    def uncertain_in_ras(self, place: UncertainRegion) -> UncertainRegion:
        return place if self.is_ras else replace(place, ras=triple(round(float(x), 2) for x in self.to_ras.apply(place.ras)))


def moved_region(region: Region, rigid: Affine) -> Region:
    """A box taken elsewhere by a map that keeps lengths."""
    axes = rigid.linear @ np.array(region.axes)
    return Region(triple(rigid.apply(region.center).tolist()), region.size, triple(triple(row) for row in axes.tolist()))
