"""The map from voxel indices to patient space, and the one step between the order of arrays and that of coordinates.

Arrays are indexed (k, j, i), coordinates are written (i, j, k) and RAS (right, anterior, superior, in mm); ITK and DICOM write LPS.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from neurospineseg.errors import InputError

LPS_AND_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Takes LPS to RAS, and RAS to LPS."""


@dataclass(frozen=True, init=False, eq=False)
class Affine:
    """Takes (i, j, k) to RAS mm, or to the (i, j, k) of another grid, or RAS mm to RAS mm.

    Attributes:
        matrix: 4x4 float64 between homogeneous columns; read-only.

    >>> scan = Affine.of(np.diag([1.0, 1.0, 3.0]), [-90, -120, 0])
    >>> scan.apply([10, 20, 30]).tolist()
    [-80.0, -100.0, 90.0]
    >>> scan.apply_kji([30, 20, 10]).tolist()
    [-80.0, -100.0, 90.0]
    >>> (scan.inverse @ scan).matrix.diagonal().tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    matrix: np.ndarray

    def __init__(self, matrix: ArrayLike | Affine) -> None:
        own = matrix.matrix if isinstance(matrix, Affine) else np.array(matrix, np.float64)
        own.setflags(write=False)
        object.__setattr__(self, "matrix", own)

    @staticmethod
    def of(linear: ArrayLike, offset: ArrayLike = (0.0, 0.0, 0.0)) -> Affine:
        """From the 3x3 part and the place (3,) of the origin."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = linear, offset
        return Affine(matrix)

    @staticmethod
    def about(linear: np.ndarray, center: np.ndarray) -> Affine:
        """A linear map (3x3) that leaves a point (3,) where it is."""
        return Affine.of(linear, center - linear @ center)

    @staticmethod
    def from_lps(direction: np.ndarray, spacing: np.ndarray, origin: np.ndarray) -> Affine:
        """Of ITK's direction (3x3), spacing (mm) and origin (mm, LPS).

        Raises:
            InputError: a spacing is zero, negative or not a number.
        """
        if not (np.isfinite(spacing).all() and (spacing > 0).all()):
            raise InputError("The image states a voxel spacing that is zero, negative or not a number; correct the file's header.")
        return Affine(LPS_AND_RAS @ Affine.of(direction * spacing, origin).matrix)

    @staticmethod
    def checked(matrix: ArrayLike | Affine) -> Affine:
        """An ijk to RAS as it was read.

        Raises:
            InputError: it is not 4x4, holds NaN or infinity, an axis has no length, or it is singular.
        """
        affine = Affine(matrix)
        if affine.matrix.shape != (4, 4) or not np.isfinite(affine.matrix).all():
            raise InputError("The image's direction matrix holds values that are not numbers; correct the file's header.")
        if (affine.spacing < 1e-6).any():
            raise InputError("The image states a voxel spacing of zero; correct the file's header.")
        if abs(np.linalg.det(affine.axes)) < 1e-3:
            raise InputError("The image's direction matrix is singular (two axes point the same way); correct the file's header.")
        return affine

    @property
    def linear(self) -> np.ndarray:
        """The 3x3 part."""
        return self.matrix[:3, :3]

    @property
    def offset(self) -> np.ndarray:
        """Where the origin is taken, shape (3,)."""
        return self.matrix[:3, 3]

    @property
    def spacing(self) -> np.ndarray:
        """Length of a step along i, j, k, shape (3,)."""
        return np.linalg.norm(self.linear, axis=0)

    @property
    def axes(self) -> np.ndarray:
        """3x3, the directions of i, j, k as unit columns."""
        return self.linear / self.spacing

    @property
    def voxel_volume_ml(self) -> float:
        return abs(float(np.linalg.det(self.linear))) / 1000.0

    @cached_property
    def inverse(self) -> Affine:
        return Affine(np.linalg.inv(self.matrix))

    def __matmul__(self, other: Affine) -> Affine:
        """First ``other``, then this one."""
        return Affine(self.matrix @ other.matrix)

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.matrix, dtype, copy=copy)

    def apply(self, points: ArrayLike) -> np.ndarray:
        """Points (..., 3) taken there, float64 (..., 3)."""
        given = np.asarray(points)
        if given.ndim == 1:
            return self.linear @ given + self.offset
        return given @ self.linear.T + self.offset

    def apply_kji(self, kji: ArrayLike) -> np.ndarray:
        """Array indices (..., 3), which may be fractions, taken to coordinates (..., 3)."""
        return self.apply(np.asarray(kji)[..., ::-1])

    def kji_of(self, points: ArrayLike) -> np.ndarray:
        """The array indices, as fractions (..., 3), that ``apply_kji`` takes to these coordinates (..., 3)."""
        return self.inverse.apply(points)[..., ::-1]

    def voxel_at(self, point: ArrayLike) -> tuple[int, int, int]:
        """The voxel (k, j, i), inside an array or not, whose center is nearest to a point (3,)."""
        k, j, i = (int(n) for n in np.floor(self.kji_of(point) + 0.5))
        return k, j, i

    def from_voxel(self, kji: tuple[int, int, int]) -> Affine:
        """The affine of the part of an array that begins at a voxel (k, j, i)."""
        moved = self.matrix.copy()
        moved[:3, 3] += moved[:3, :3] @ np.array(kji[::-1], float)
        return Affine(moved)
