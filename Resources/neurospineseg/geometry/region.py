"""A box in patient space, as a markups ROI gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.triple import triple

if TYPE_CHECKING:
    from neurospineseg.geometry.grid import Grid


@dataclass(frozen=True)
class Region:
    """A box of ``size`` mm around ``center`` (RAS mm), along the columns of ``axes`` (3x3, unit columns).

    >>> Region.from_bounds((-10, 10, -20, 20, 0, 30)).center
    (0.0, 0.0, 15.0)
    """

    center: tuple[float, float, float]
    size: tuple[float, float, float]
    axes: tuple[tuple[float, float, float], ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

    @staticmethod
    def from_bounds(bounds: tuple[float, ...]) -> Region:
        """The box between R low, R high, A low, A high, S low, S high in mm.

        Raises:
            InputError: there are not six numbers, or a low bound is not below its high one.
        """
        if len(bounds) != 6 or not np.isfinite(bounds).all() or any(bounds[n] >= bounds[n + 1] for n in (0, 2, 4)):
            raise InputError("A region needs six numbers in mm, low before high: R low, R high, A low, A high, S low, S high.")
        low, high = np.array(bounds[::2], float), np.array(bounds[1::2], float)
        return Region(triple(((low + high) / 2).tolist()), triple((high - low).tolist()))

    @staticmethod
    def around(grid: Grid) -> Region:
        """The box that a grid without shear fills, voxel faces included."""
        axes, size = grid.affine.axes, grid.size_mm
        return Region(triple(grid.center.tolist()), triple(size.tolist()), triple(triple(row) for row in axes.tolist()))

    def contains(self, grid: Grid) -> np.ndarray:
        """bool (K, J, I): whether each voxel center lies in the box."""
        to_unit = np.linalg.inv(np.array(self.axes) @ np.diag(self.size))
        to_box = Affine.of(to_unit, -to_unit @ np.array(self.center)) @ grid.affine
        inside = np.ones(grid.shape, bool)
        _, j, i = (np.arange(n) for n in grid.shape)
        for k, plane in enumerate(inside):
            for row in to_box.matrix[:3]:
                place = (row[2] * k + row[3] + row[1] * j)[:, None] + row[0] * i
                plane &= np.abs(place) <= 0.5
        return inside

    def part_of(self, grid: Grid, margin_mm: float) -> Grid:
        """The smallest crop of a grid that holds the box and a margin around it.

        Raises:
            InputError: the box lies outside the grid.
        """
        half = np.array(self.size) / 2
        signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
        axes = np.array(self.axes)
        center = np.array(self.center)
        start, stop = grid.index_box(center + (signs * half) @ axes.T)
        if any(a >= b for a, b in zip(start, stop)):
            raise InputError("The region of interest lies outside the scan; move it onto the anatomy.")
        start, stop = grid.index_box(center + (signs * (half + margin_mm)) @ axes.T)
        return grid.crop(start, stop)

    def as_lists(self) -> dict[str, list]:
        return {"center_ras_mm": list(self.center), "size_mm": list(self.size), "axes": [list(row) for row in self.axes]}

    @staticmethod
    def from_lists(lists: dict[str, list]) -> Region:
        """The inverse of ``as_lists``.

        Raises:
            InputError: a number or list is missing or not finite, a side is not positive or the axes do not span space.
        """
        try:
            center, size = (triple(float(x) for x in lists[key]) for key in ("center_ras_mm", "size_mm"))
            axes = triple(triple(float(x) for x in row) for row in lists["axes"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("The region is malformed; it needs center_ras_mm and size_mm of three numbers, and three axes.") from error
        if not np.isfinite([center, size, *axes]).all():
            raise InputError("The region of interest holds numbers that are not finite; draw it again around the anatomy.")
        if min(size) <= 0 or abs(np.linalg.det(np.array(axes))) < 0.5:
            raise InputError("The region of interest is empty; draw it again around the anatomy.")
        return Region(center, size, axes)
