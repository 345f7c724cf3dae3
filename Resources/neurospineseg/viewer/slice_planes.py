"""The three directions in which a scan is shown slice by slice: its own planes of voxels, turned as a radiologist expects them.

Nothing is interpolated between voxels: a slice is a plane of the scan's voxels, flipped and transposed so that axial and coronal slices show
the patient's right on the viewer's left and sagittal slices anterior on the left, whatever the order and handedness of the array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid, own_axes
from neurospineseg.pages.slice_pictures import PLANES, Plane

LEANING = 0.26
"""Share of a direction along a second axis from which on its letter stands beside the first: 15 degrees."""
ENDS = ("LR", "PA", "IS")
"""Letters at the low and the high end of R, A, S."""


@dataclass(frozen=True)
class VoxelAxis:
    """An axis of the array, counted as i, j, k, and whether it is walked from its last voxel."""

    axis: int
    backward: bool


@dataclass(frozen=True, eq=False)
class SlicePlane:
    """One way of slicing a grid.

    Attributes:
        name: ``Axial``, ``Coronal`` or ``Sagittal``, by what it is nearest to.
        columns, rows, slices: the axes of the array that run to the viewer's right, downward, and from slice to slice (toward S, A or R).
        size: pixels across, pixels down, slices.
        to_ras: from (x, y, slice), all counted from 0 at pixel centers, to RAS mm.
        letters: at the left, right, top and bottom; two of them where a direction leans toward a second axis.
    """

    name: str
    columns: VoxelAxis
    rows: VoxelAxis
    slices: VoxelAxis
    size: tuple[int, int, int]
    to_ras: Affine
    letters: tuple[str, str, str, str]

    def of(self, voxels: np.ndarray, index: int) -> np.ndarray:
        """A slice (rows, columns) of an array (K, J, I) of the grid; a view.

        Raises:
            IndexError: there is no such slice.
        """
        if not 0 <= index < self.size[2]:
            raise IndexError(f"there is no slice {index} of {self.size[2]}")
        number = self.size[2] - 1 - index if self.slices.backward else index
        whole: list[int | slice] = [slice(None)] * 3
        whole[2 - self.slices.axis] = number
        plane = voxels[tuple(whole)]
        if self.rows.axis < self.columns.axis:
            plane = plane.T
        return plane[:: -1 if self.rows.backward else 1, :: -1 if self.columns.backward else 1]

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "size": self.size, "toRas": self.to_ras.matrix.tolist(), "letters": self.letters}


def slice_planes(grid: Grid) -> tuple[SlicePlane, ...]:
    """The axial, the coronal and the sagittal way of slicing a grid of any orientation, shear or handedness."""
    toward = _axes_toward(grid)
    return tuple(_plane(grid, plane, toward) for plane in PLANES)


def _axes_toward(grid: Grid) -> tuple[tuple[int, int], ...]:
    """For R, A and S the axis of the array (i, j, k) that runs nearest to it among the grid's own directions, and 1 or -1 for which way."""
    cosines = own_axes(grid).T @ grid.affine.axes
    order = max(permutations(range(3)), key=lambda axes: sum(abs(cosines[row, axis]) for row, axis in enumerate(axes)))
    return tuple((axis, 1 if cosines[row, axis] > 0 else -1) for row, axis in enumerate(order))


def _plane(grid: Grid, plane: Plane, toward: Sequence[tuple[int, int]]) -> SlicePlane:
    def walked(patient_axis: int, sign: int) -> VoxelAxis:
        axis, way = toward[patient_axis]
        return VoxelAxis(axis, way * sign < 0)

    columns, rows = walked(*plane.across), walked(plane.up[0], -plane.up[1])
    axes = (columns, rows, walked(plane.normal, 1))
    counts = grid.shape[::-1]
    size = (counts[axes[0].axis], counts[axes[1].axis], counts[axes[2].axis])
    linear, offset = np.zeros((3, 3)), np.zeros(3)
    for number, each in enumerate(axes):
        linear[each.axis, number] = -1 if each.backward else 1
        offset[each.axis] = counts[each.axis] - 1 if each.backward else 0
    to_ras = grid.affine @ Affine.of(linear, offset)
    right, down = to_ras.axes[:, 0], to_ras.axes[:, 1]
    letters = (letters_of(-right), letters_of(right), letters_of(-down), letters_of(down))
    return SlicePlane(plane.name, *axes, size, to_ras, letters)


def letters_of(direction: np.ndarray) -> str:
    """Where a direction (3,) in RAS points: ``R``, or ``RA`` where it leans by 15 degrees and more; the nearest first.

    >>> letters_of(np.array([0.0, 0.0, -1.0])), letters_of(np.array([0.8, -0.6, 0.1]))
    ('I', 'RP')
    """
    unit = direction / np.linalg.norm(direction)
    order = sorted(range(3), key=lambda axis: -abs(unit[axis]))
    return "".join(ENDS[axis][int(unit[axis] > 0)] for axis in order if axis == order[0] or abs(unit[axis]) > LEANING)
