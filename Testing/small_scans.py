"""Small scans, drawn in a moment."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np


def ball(shape: tuple[int, int, int] = (24, 26, 28), seed: int = 0) -> np.ndarray:
    """int16 (K, J, I): a bright, noisy ball on black."""
    k, j, i = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    noise = np.random.default_rng(seed).normal(0, 20, shape)
    return np.where(k**2 + j**2 + i**2 < 0.8, 400 + noise, 0).astype(np.int16)


def oblique_affine(spacing: float = 5.0, offset: tuple[float, float, float] = (-60.0, -55.0, -50.0)) -> np.ndarray:
    """4x4 ijk to RAS: turned by 20 degrees about S."""
    c, s = np.cos(np.radians(20)), np.sin(np.radians(20))
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) * spacing
    matrix[:3, 3] = offset
    return matrix


def write_nifti(path: Path, voxels: np.ndarray, affine: np.ndarray | None = None) -> Path:
    """Writes an array indexed [k, j, i] (or [t, k, j, i]) as NIfTI."""
    nib.save(nib.Nifti1Image(np.asarray(voxels).T, oblique_affine() if affine is None else affine), path)
    return path
