"""The surface of a structure: smooth, closed, and around as much as the mask holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from neurospineseg.errors import InputError
from neurospineseg.exports.optional_package import need
from neurospineseg.geometry.bounding_box import bounding_slices
from neurospineseg.geometry.grid import Grid

if TYPE_CHECKING:
    import trimesh

SMOOTH_VOXELS = 0.8
"""Standard deviation of the Gaussian that places the surface between voxels' centers."""
LEAST_STEP = 0.02
"""What is inside stays this far above the surface's value and what is outside below, so that no thin part is lost."""
TAUBIN_STEPS = 12
"""Of smoothing without shrinking (Taubin 1995)."""
VOLUME_STEPS = 4
FARTHEST = 0.25
"""Of the smallest voxel width: so far at most is the surface moved in a step to hold the mask's volume."""


def need_surfaces() -> None:
    """
    Raises:
        InputError: a package that makes them is not installed.
    """
    need("scikit-image", "Making surfaces", "skimage")
    need("trimesh", "Making surfaces")


def surface_of(mask: np.ndarray, grid: Grid) -> trimesh.Trimesh:
    """The surface of a bool mask (K, J, I), RAS mm, faces outward; closed also where the mask ends at the edge of the scan.

    Raises:
        InputError: the mask is empty, or a package is missing.
    """
    need_surfaces()
    import trimesh
    from skimage.measure import marching_cubes

    box = bounding_slices(mask)
    if box is None:
        raise InputError("A structure without a voxel has no surface.")
    margin = int(np.ceil(4 * SMOOTH_VOXELS))
    inside = np.pad(mask[box], margin)
    smooth = ndimage.gaussian_filter(inside.astype(np.float32), SMOOTH_VOXELS)
    field = np.where(inside, np.maximum(smooth, 0.5 + LEAST_STEP), np.minimum(smooth, 0.5 - LEAST_STEP))
    kji, faces, _, _ = marching_cubes(field, 0.5)
    ras = grid.affine.apply_kji(kji + [part.start - margin for part in box])
    made = trimesh.Trimesh(ras, faces, process=True)
    if made.volume < 0:
        made.invert()
    trimesh.smoothing.filter_taubin(made, iterations=TAUBIN_STEPS)
    _hold_volume(made, 1000 * grid.voxel_volume_ml * np.count_nonzero(mask), FARTHEST * float(grid.spacing.min()))
    return made


def _hold_volume(surface: trimesh.Trimesh, mm3: float, farthest: float) -> None:
    """Moves a surface evenly outward or inward until it is around a volume."""
    for _ in range(VOLUME_STEPS):
        step = np.clip((mm3 - surface.volume) / surface.area, -farthest, farthest)
        surface.vertices = surface.vertices + step * surface.vertex_normals
