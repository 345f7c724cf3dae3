"""What a scan shows, as far as it can be told before anything is segmented: a mask, a CT, a head in some contrast, or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from neurospineseg.bundle import Bundle, find_bundle
from neurospineseg.grid import Grid, covering_grid
from neurospineseg.locate import LEAST_LANDMARKS, SCALES, Pose, fit_pose, landmarks
from neurospineseg.passage import bring_in
from neurospineseg.volume import Volume

Predict = Callable[[Bundle, torch.Tensor], torch.Tensor]
CONTRAST_BUNDLE = "brain_contrast"
LARGEST_RESIDUAL_MM = 4.5
"""Of 31 head scans of several public data sets none had over 2.6 mm and none fewer than 8 landmarks; of 24 spines, none had both 6
landmarks and under 4.9 mm."""
FEWEST_VALUES = 12
"""A scan of 8 bits shows some 200 different values; masks and label maps of one task, a few."""
AIR_HU, AIR_SHARE = -500.0, 0.02
BRAIN_CENTER, BRAIN_SEMI_AXES = np.array((0.0, -18.0, 8.0)), np.array((66.0, 84.0, 62.0))
"""The brain in MNI152 as an ellipsoid, RAS mm."""
NAMES = {"t1c": "T1 with contrast agent", "t1": "T1", "t2": "T2", "flair": "FLAIR", "pd": "proton density", "ct": "CT"}


@dataclass(frozen=True)
class Head:
    """A head found in a scan.

    Attributes:
        pose: where it lies.
        contrasts: probability of each contrast of ``NAMES``; empty where that was not asked.
        brain_seen: share of the brain (an ellipsoid in MNI152) inside the scan's field of view.
    """

    pose: Pose
    contrasts: dict[str, float]
    brain_seen: float


def is_mask(volume: Volume) -> bool:
    """Whether the voxels hold so few different values that they are a mask or label map."""
    sample = volume.voxels.ravel()[:: max(1, volume.voxels.size // 500_000)]
    return len(np.unique(sample)) <= FEWEST_VALUES


def is_hounsfield(volume: Volume) -> bool:
    """Whether the values look like Hounsfield units: much air far below zero, in whole numbers."""
    sample = volume.voxels.ravel()[:: max(1, volume.voxels.size // 500_000)]
    return bool((sample < AIR_HU).mean() > AIR_SHARE and sample.min() >= -3100 and np.allclose(sample, np.round(sample), atol=1e-2))


def find_head(volume: Volume, locator: Bundle, predict: Predict, contrast: bool = True) -> Head | None:
    """Looks for a head.

    Args:
        locator: the bundle whose classes are landmarks of ``neurospineseg.locate``.
        predict: gives a bundle's probabilities (C, K, J, I) of an image on its working grid.
        contrast: whether its contrast is recognized too.
    """
    grid = covering_grid(volume.grid, np.array(locator.spec.spacing))
    image = bring_in({locator.spec.channels[0]: volume}, grid, locator.spec)
    places = landmarks(predict(locator, image), grid, locator.spec)
    if len(places) < LEAST_LANDMARKS:
        return None
    pose = fit_pose(places)
    if pose.residual_mm > LARGEST_RESIDUAL_MM or not SCALES[0] <= pose.scale <= SCALES[1]:
        return None
    return Head(pose, contrasts(volume, pose, predict) if contrast else {}, brain_seen(volume.grid, pose))


def contrasts(volume: Volume, pose: Pose, predict: Predict) -> dict[str, float]:
    """Probability of each contrast: the mean over the brain's voxels, which the pose gives."""
    bundle = find_bundle(CONTRAST_BUNDLE)
    grid = covering_grid(volume.grid, np.array(bundle.spec.spacing))
    image = bring_in({bundle.spec.channels[0]: volume}, grid, bundle.spec)
    probabilities = predict(bundle, image)[1:]
    inside = torch.from_numpy(_in_brain(_voxel_places(grid), pose).reshape(grid.shape)) & (image[0] != image[0].min())
    weights = probabilities[:, inside].double()
    share = weights.sum(1) / weights.sum().clamp_min(1e-9)
    return {name: float(value) for name, value in zip(bundle.spec.classes[1:], share)}


def brain_seen(grid: Grid, pose: Pose) -> float:
    """Share of the brain's ellipsoid that lies inside a scan's field of view."""
    steps = np.linspace(-1, 1, 21)
    unit = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    unit = unit[(unit**2).sum(1) <= 1]
    ras = pose.scale * (unit * BRAIN_SEMI_AXES + BRAIN_CENTER) @ pose.axes.T + pose.offset
    ijk = ras @ grid.ras_to_ijk[:3, :3].T + grid.ras_to_ijk[:3, 3]
    return float(((ijk >= -0.5) & (ijk <= np.array(grid.shape[::-1]) - 0.5)).all(1).mean())


def _voxel_places(grid: Grid) -> np.ndarray:
    k, j, i = np.indices(grid.shape).reshape(3, -1)
    return np.stack([i, j, k], 1) @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]


def _in_brain(ras: np.ndarray, pose: Pose) -> np.ndarray:
    local = (ras - pose.offset) @ pose.axes / pose.scale
    return (((local - BRAIN_CENTER) / BRAIN_SEMI_AXES) ** 2).sum(1) <= 1
