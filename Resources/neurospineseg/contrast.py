"""Which contrast a head scan has, from how bright its parts are in the head's own frame."""

from __future__ import annotations

import numpy as np
import torch

from neurospineseg.bundle import Bundle
from neurospineseg.grid import Grid, resample
from neurospineseg.locate import Pose

BRAIN_CENTER, BRAIN_SEMI_AXES = np.array((0.0, -18.0, 8.0)), np.array((66.0, 84.0, 62.0))
"""The brain in MNI152 as an ellipsoid, RAS mm."""
VIEW_MM = np.array((144.0, 192.0, 144.0))
"""Size of the box around the brain that is looked at, along R, A, S."""
SPREAD = (0.1, 0.9)
LARGEST = 4.0


def pose_matrix(pose: Pose) -> np.ndarray:
    """4x4 from MNI152's RAS to the scan's, mm."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = pose.scale * pose.axes, pose.offset
    return matrix


def view_grid(spacing_mm: float, pose: Pose) -> Grid:
    """The lattice around the brain in the head's own frame; its i runs along the head's right and is symmetric about the midline."""
    upright = Grid.canonical(BRAIN_CENTER, VIEW_MM, np.full(3, spacing_mm))
    return Grid(upright.shape, pose_matrix(pose) @ upright.ijk_to_ras)


def voxel_places(grid: Grid) -> np.ndarray:
    """RAS mm of every voxel, (N, 3)."""
    k, j, i = np.indices(grid.shape).reshape(3, -1)
    return np.stack([i, j, k], 1) @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]


def in_brain(ras: np.ndarray, pose: Pose) -> np.ndarray:
    """Which places (N, 3), RAS mm, lie in the brain's ellipsoid."""
    local = (ras - pose.offset) @ pose.axes / pose.scale
    return (((local - BRAIN_CENTER) / BRAIN_SEMI_AXES) ** 2).sum(1) <= 1


def features(image: torch.Tensor, grid: Grid, pose: Pose, spacing_mm: float) -> torch.Tensor:
    """How bright each part of a head is, beside the middle and the spread of its brain; the same for any gain and offset.

    Args:
        image: float32 (K, J, I) on ``grid``, about 4 mm.
        spacing_mm: of the lattice in the head's frame.

    Returns:
        float32 (N,): one half of the head, averaged with its mirror image.
    """
    view = view_grid(spacing_mm, pose)
    seen = resample(image[None], grid, view, fill=float(image.min()))[0]
    brain = seen.flatten()[torch.from_numpy(in_brain(voxel_places(view), pose))]
    low, high = (torch.quantile(brain, share) for share in SPREAD)
    scaled = ((seen - brain.median()) / (high - low).clamp_min(1e-6)).clamp(-LARGEST, LARGEST)
    return (0.5 * (scaled + scaled.flip(2)))[..., : view.shape[2] // 2].flatten()


def contrast_shares(network: torch.nn.Module, bundle: Bundle, image: torch.Tensor, grid: Grid, pose: Pose) -> dict[str, float]:
    """Probability of each of the bundle's classes.

    Args:
        network: the bundle's, in evaluation mode; takes ``features``.
        image: float32 (K, J, I) on ``grid``.
    """
    with torch.inference_mode():
        shares = torch.softmax(network(features(image, grid, pose, bundle.spec.spacing[0])[None]), 1)[0]
    return {name: float(share) for name, share in zip(bundle.spec.classes, shares)}
