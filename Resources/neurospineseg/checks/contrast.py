"""Which contrast a head scan has, from how bright its parts are in the head's own frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.resample import resample
from neurospineseg.images.intensity import quantile
from neurospineseg.inference.head_pose import Pose
from neurospineseg.models.bundle import Bundle

BRAIN_CENTER, BRAIN_SEMI_AXES = np.array((0.0, -18.0, 8.0)), np.array((66.0, 84.0, 62.0))
"""The brain in MNI152 as an ellipsoid, RAS mm."""
VIEW_MM = np.array((144.0, 192.0, 144.0))
"""Size of the box around the brain that is looked at, along R, A, S."""
SPREAD = (0.1, 0.9)
LARGEST = 4.0
LEAST_SEEN = 0.5


@cache
def upright_view(spacing_mm: float) -> tuple[Grid, np.ndarray]:
    """The box that is looked at on a grid in MNI152, and which of its voxels lie in the brain's ellipsoid, bool (K, J, I)."""
    grid = Grid.canonical(BRAIN_CENTER, VIEW_MM, np.full(3, spacing_mm))
    ras = grid.affine.apply_kji(np.moveaxis(np.indices(grid.shape), 0, -1))
    return grid, (((ras - BRAIN_CENTER) / BRAIN_SEMI_AXES) ** 2).sum(-1) <= 1


@dataclass(frozen=True)
class HeadView:
    """A scan in a head's own frame.

    Attributes:
        image: float32 (K, J, I); i runs along the head's right and is symmetric about the midline.
        brain: its voxels inside the brain's ellipsoid and inside the scan, float32 (N,).
    """

    image: torch.Tensor
    brain: torch.Tensor


def head_view(image: torch.Tensor, grid: Grid, pose: Pose, spacing_mm: float) -> HeadView | None:
    """A coarse scan (K, J, I) on ``grid`` in the head's frame; None where less than half of the brain lies inside it, or all is flat."""
    upright, brain = upright_view(spacing_mm)
    view = Grid(upright.shape, pose.mni_to_ras @ upright.affine)
    seen_brain = brain & grid.holds(view)
    if seen_brain.sum() < LEAST_SEEN * brain.sum():
        return None
    seen = resample(image[None], grid, view, fill=float(image.min()))[0]
    values = seen[torch.from_numpy(seen_brain)]
    return HeadView(seen, values) if float(values.max()) > float(values.min()) else None


def features(view: HeadView) -> torch.Tensor:
    """How bright each part of a head is, beside the middle and the spread of its brain; the same for any gain and offset.

    Returns:
        float32 (N,): one half of the head, averaged with its mirror image.
    """
    low, high = (quantile(view.brain, share) for share in SPREAD)
    scaled = ((view.image - view.brain.median()) / (high - low).clamp_min(1e-6)).clamp(-LARGEST, LARGEST)
    return (0.5 * (scaled + scaled.flip(2)))[..., : view.image.shape[2] // 2].flatten()


def bone_contrast(view: HeadView) -> float:
    """How far the brightest hundredth of a head lies above its brain, in interquartile ranges of the brain."""
    low, high = quantile(view.brain, 0.25), quantile(view.brain, 0.75)
    top = quantile(view.image[view.image > view.image.min()], 0.99)
    return float((top - view.brain.median()) / (high - low).clamp_min(1e-6))


def contrast_shares(network: torch.nn.Module, bundle: Bundle, view: HeadView) -> dict[str, float]:
    """Probability of each of the bundle's classes.

    Args:
        network: the bundle's, in evaluation mode; takes ``features``.
    """
    with torch.inference_mode():
        shares = torch.softmax(network(features(view)[None]), 1)[0]
    return {name: float(share) for name, share in zip(bundle.spec.classes, shares)}
