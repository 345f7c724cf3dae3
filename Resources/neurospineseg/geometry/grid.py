"""Where a scan's voxels lie, and grids that hold a whole scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.triple import triple

MOST_TILT_DEGREES = 20.0
"""So far from R, A, S the axes of a scan may be turned for a network to look along them; the networks saw anatomy turned by some 15 degrees."""


@dataclass(frozen=True, init=False, eq=False)
class Grid:
    """Voxels in patient space, without values.

    Attributes:
        shape: number of voxels ``(K, J, I)``.
        affine: from ``(i, j, k)`` to RAS mm; any orientation, shear or handedness.
    """

    shape: tuple[int, int, int]
    affine: Affine

    def __init__(self, shape: tuple[int, int, int], ijk_to_ras: np.ndarray | Affine) -> None:
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", Affine(ijk_to_ras))

    @property
    def ijk_to_ras(self) -> np.ndarray:
        """4x4 float64; takes homogeneous ``(i, j, k, 1)`` to RAS mm."""
        return self.affine.matrix

    @property
    def spacing(self) -> np.ndarray:
        """Voxel size along i, j, k in mm, shape (3,)."""
        return self.affine.spacing

    @property
    def spacing_kji(self) -> np.ndarray:
        """Voxel size along the array's axes k, j, i in mm, shape (3,)."""
        return self.affine.spacing[::-1]

    @property
    def size_mm(self) -> np.ndarray:
        """Length along i, j, k in mm, voxel faces included, shape (3,)."""
        return self.spacing * np.array(self.shape[::-1])

    @property
    def voxel_volume_ml(self) -> float:
        return self.affine.voxel_volume_ml

    @property
    def center(self) -> np.ndarray:
        """RAS mm of the middle of the grid, shape (3,)."""
        middle = (np.array(self.shape[::-1], float) - 1) / 2
        return self.affine.apply(middle)

    def centroid(self, mask: np.ndarray) -> np.ndarray:
        """RAS mm of the middle of a mask's voxels, bool (K, J, I), of which there must be any; shape (3,)."""
        return self.affine.apply_kji(np.argwhere(mask).mean(0))

    def corners(self) -> np.ndarray:
        """RAS mm of the eight outer corners (voxel faces, not centers), shape (8, 3)."""
        upper = np.array(self.shape[::-1], float) - 0.5
        ijk = np.array([[x, y, z] for x in (-0.5, upper[0]) for y in (-0.5, upper[1]) for z in (-0.5, upper[2])])
        return self.affine.apply(ijk)

    def crop(self, start: tuple[int, int, int], stop: tuple[int, int, int]) -> Grid:
        """The part ``[start, stop)`` of the grid; both are ``(k, j, i)``."""
        return Grid(triple(int(b - a) for a, b in zip(start, stop)), self.affine.from_voxel(start))

    def index_box(self, ras_points: np.ndarray) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """The smallest ``(start, stop)`` in ``(k, j, i)`` that holds RAS points (N, 3), clipped to the grid."""
        kji = self.affine.kji_of(ras_points)
        start = np.clip(np.floor(kji.min(0) + 0.5), 0, self.shape).astype(int)
        stop = np.clip(np.ceil(kji.max(0) + 0.5), 0, self.shape).astype(int)
        stop = np.maximum(start, stop)
        return triple(int(v) for v in start), triple(int(v) for v in stop)

    def holds(self, other: Grid) -> np.ndarray:
        """Which voxel centers of another grid lie inside this one's outer faces, bool (K', J', I')."""
        to_own = (self.affine.inverse @ other.affine).matrix
        along = [np.arange(n) for n in other.shape[::-1]]
        inside = np.ones(other.shape, bool)
        for row, count in enumerate(self.shape[::-1]):
            i, j, k = (to_own[row, axis] * steps for axis, steps in enumerate(along))
            place = k[:, None, None] + j[:, None] + i + to_own[row, 3]
            inside &= (place >= -0.5 - 1e-5) & (place <= count - 0.5 + 1e-5)
        return inside

    def same_as(self, other: Grid, tolerance_mm: float = 1e-4) -> bool:
        """Whether both grids hold the same voxels: their corners agree to ``tolerance_mm``."""
        return self.shape == other.shape and bool(np.abs(self.corners() - other.corners()).max() <= tolerance_mm)

    @staticmethod
    def canonical(center_ras: np.ndarray, size_mm: np.ndarray, spacing: np.ndarray, axes: np.ndarray | None = None) -> Grid:
        """A grid with i, j, k along R, A, S (or along the columns of ``axes``), around a center.

        Args:
            center_ras: mm, shape (3,).
            size_mm: least extent along i, j, k in mm, shape (3,).
            spacing: voxel size along i, j, k in mm, shape (3,).
            axes: optional 3x3 whose unit columns are the directions of i, j, k in RAS.
        """
        spacing = np.asarray(spacing, float)
        counts = np.maximum(1, np.ceil(np.asarray(size_mm, float) / spacing - 1e-6)).astype(int)
        linear = (np.eye(3) if axes is None else axes) @ np.diag(spacing)
        offset = np.asarray(center_ras, float) - linear @ ((counts - 1) / 2)
        return Grid(triple(int(n) for n in counts[::-1]), Affine.of(linear, offset))


def covering_grid(source: Grid, spacing: np.ndarray, margin_mm: float = 0.0) -> Grid:
    """An R, A, S aligned grid of ``spacing`` (mm along R, A, S) that holds the whole of ``source``."""
    corners = source.corners()
    low, high = corners.min(0) - margin_mm, corners.max(0) + margin_mm
    return Grid.canonical((low + high) / 2, high - low, spacing)


def near_upright_axes(source: Grid) -> np.ndarray | None:
    """The grid's own axes as 3x3 unit columns, those nearest to R, A and S, each pointing there.

    None where one is turned by more than ``MOST_TILT_DEGREES`` away, or two are not at right angles.
    """
    axes = source.affine.axes
    order = np.abs(axes).argmax(1)
    if len(set(order.tolist())) < 3 or np.abs(axes.T @ axes - np.eye(3)).max() > 1e-3:
        return None
    axes = axes[:, order] * np.sign(axes[range(3), order])
    return axes if axes.diagonal().min() >= np.cos(np.radians(MOST_TILT_DEGREES)) else None


def straight_grid(source: Grid, spacing: np.ndarray) -> Grid:
    """A grid of ``spacing`` (mm along R, A, S) that holds the whole of ``source``, along its own axes where they are near R, A, S.

    A scan is planned along the anatomy, so that it lies straight in the scan's own axes; between parallel grids resampling is quick too,
    and the grid is no larger than the scan.
    """
    axes = near_upright_axes(source)
    if axes is None:
        return covering_grid(source, spacing)
    along = source.corners() @ np.linalg.inv(axes).T
    return Grid.canonical(axes @ (along.min(0) + along.max(0)) / 2, np.ptp(along, axis=0), spacing, axes)
