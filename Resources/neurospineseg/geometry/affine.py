"""Matrices from voxel indices to RAS, checked."""

from __future__ import annotations

import numpy as np

from neurospineseg.errors import InputError


def lps_to_ras(direction: np.ndarray, spacing: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """The 4x4 ijk to RAS of ITK's direction (3x3), spacing (mm) and origin (mm, LPS).

    Raises:
        InputError: a spacing is zero, negative or not a number.
    """
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise InputError("The image states a voxel spacing that is zero, negative or not a number; correct the file's header.")
    affine = np.eye(4)
    affine[:3, :3] = direction * spacing
    affine[:3, 3] = origin
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def checked_affine(ijk_to_ras: np.ndarray) -> np.ndarray:
    """A float64 copy of a 4x4 ijk to RAS matrix.

    Raises:
        InputError: it holds NaN or infinity, an axis has no length, or it is singular.
    """
    affine = np.array(ijk_to_ras, dtype=np.float64)
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise InputError("The image's direction matrix holds values that are not numbers; correct the file's header.")
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if (lengths < 1e-6).any():
        raise InputError("The image states a voxel spacing of zero; correct the file's header.")
    if abs(np.linalg.det(affine[:3, :3] / lengths)) < 1e-3:
        raise InputError("The image's direction matrix is singular (two axes point the same way); correct the file's header.")
    return affine
