"""Where a scan's voxels lie, and grids that hold a whole scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.triple import triple

ORDERS = ([0, 1, 2], [2, 0, 1], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 1, 0])
"""Which array axis runs along R, along A and along S: axial slices, sagittal ones, coronal ones, and the rest."""
AS_NEAR = 0.03
"""Two choices of axes whose cosines differ by less than this in sum are as near to R, A, S as each other: within a degree of 45."""
SHEARED = 1e-3
"""Cosine between two axes from which on they are not at right angles."""


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


def own_axes(source: Grid) -> np.ndarray:
    """The grid's own right, anterior and superior as a rotation, 3x3: of its axes, either way along each, the three nearest to R, A, S.

    Where two choices are about as near, as between axes turned by 45 degrees, an array whose i, j, k run along R, A, S goes first, then
    one whose i, j, k run along A, S, R.
    """
    axes = _at_right_angles(source.affine.axes)
    near = [np.abs(axes[range(3), order]).sum() for order in ORDERS]
    order = next(order for order, sum_of_cosines in zip(ORDERS, near) if sum_of_cosines > max(near) - AS_NEAR)
    own = axes[:, order]
    return own * np.sign(own.diagonal())


def _at_right_angles(axes: np.ndarray) -> np.ndarray:
    """Unit columns with the shear taken out: two that are at right angles stay, k before the others, which a leaning gantry leaves alone."""
    cosines = np.abs(axes.T @ axes)
    kept = min(((2, 0, 1), (2, 1, 0), (0, 1, 2)), key=lambda order: cosines[order[0], order[1]].round(3))
    if cosines[np.triu_indices(3, 1)].max() <= SHEARED:
        return axes
    straight = np.empty((3, 3))
    straight[:, kept] = np.linalg.qr(axes[:, kept])[0]
    return straight


def straight_grid(source: Grid, spacing: np.ndarray) -> Grid:
    """A grid of ``spacing`` (mm along its own right, anterior, superior) that holds the whole of ``source``, along ``own_axes``.

    A scan is planned along the anatomy, so that it lies straight in the scan's own axes however the header turns them; between parallel
    grids resampling is quick too, and the grid is no larger than the scan.
    """
    axes = own_axes(source)
    along = source.corners() @ axes
    return Grid.canonical(axes @ (along.min(0) + along.max(0)) / 2, np.ptp(along, axis=0), spacing, axes)
