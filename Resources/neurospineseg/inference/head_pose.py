"""Finds the deep nuclei's region: the place and the axes of the head from a few large structures.

The pose is the similarity that takes the structures' mean places in the MNI152 frame to
those found, by least squares (Umeyama, IEEE PAMI 1991).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid, covering_grid
from neurospineseg.images.volume import Volume
from neurospineseg.inference.onto_model_grid import to_model_grid
from neurospineseg.models.bundle import ModelSpec
from neurospineseg.tasks.class_scores import argmax

MNI_PLACES = {
    "thalamus": (12.4, -17.6, 6.8),
    "caudate": (15.0, 10.4, 8.7),
    "lentiform": (24.5, 0.1, -1.1),
    "ventral_dc": (10.7, -16.4, -8.9),
}
"""Mean centroid of the right structure, RAS mm in MNI152NLin2009b, over 20 labeled heads (SynthSeg's); the left mirrors R."""
REGION_CENTER_MNI = (0.0, -12.0, -3.0)
LEAST_LANDMARKS = 6
LEAST_SHARE = 0.25
SCALES = (0.7, 1.35)
MOST_TURNS, SETTLED_DEGREES = 3, 4.0
LARGEST_RESIDUAL_MM = 4.5
"""Of 31 head scans of several public data sets none had over 2.6 mm; of 24 spines, one had 6 landmarks and less than this (3.3 mm)."""
FIRST_RESIDUAL_MM = 7.0
"""Allowed before a head is straightened: of 100 turned by up to 30 degrees about each axis, two had 4.8 and 5.3 mm, and less than 2 mm afterwards.
Of 35 spines those with 6 landmarks or more had over 12 mm, but one (4.9 mm), of which 5 landmarks were left afterwards."""
NOT_FOUND = (
    "The deep nuclei were not found in this scan; it must be a brain MR whose field of view holds both thalami and the basal ganglia."
)


@dataclass(frozen=True)
class Pose:
    """Where a head lies.

    Attributes:
        axes: 3x3, unit columns: the head's right, anterior and superior in RAS.
        offset: RAS mm of the MNI origin, shape (3,).
        scale: size of the head's middle relative to MNI152.
        residual_mm: root mean square distance of the landmarks from their fitted places.
        landmarks: how many these are, of twice ``MNI_PLACES``; 0 where a pose was not found but given.
    """

    axes: np.ndarray
    offset: np.ndarray
    scale: float
    residual_mm: float
    landmarks: int = 0

    @property
    def mni_to_ras(self) -> Affine:
        """From RAS mm in MNI152 to RAS mm of the scan."""
        return Affine.of(self.scale * self.axes, self.offset)


def mni_place(name: str) -> np.ndarray:
    """RAS mm in MNI152 of a landmark, ``left_`` or ``right_`` + a key of ``MNI_PLACES``."""
    side, structure = name.split("_", 1)
    return np.array(MNI_PLACES[structure]) * ((-1 if side == "left" else 1), 1, 1)


def fit_pose(places: Mapping[str, np.ndarray]) -> Pose:
    """The pose that explains landmark places (RAS mm) best; at least three, not on one line."""
    reference = np.array([mni_place(name) for name in places])
    seen = np.array([places[name] for name in places], float)
    reference_middle, seen_middle = reference.mean(0), seen.mean(0)
    a, b = reference - reference_middle, seen - seen_middle
    left, singular, right = np.linalg.svd(b.T @ a / len(a))
    signs = np.array([1, 1, np.sign(np.linalg.det(left @ right))])
    axes = left @ np.diag(signs) @ right
    scale = float((singular * signs).sum() / (a**2).sum(1).mean())
    offset = seen_middle - scale * axes @ reference_middle
    error = seen - (scale * reference @ axes.T + offset)
    return Pose(axes, offset, scale, float(np.sqrt((error**2).sum(1).mean())), len(places))


def region_center(pose: Pose) -> np.ndarray:
    """RAS mm of the middle of the deep nuclei's region."""
    return pose.scale * pose.axes @ np.array(REGION_CENTER_MNI) + pose.offset


def landmarks(probabilities: torch.Tensor, grid: Grid, spec: ModelSpec) -> dict[str, np.ndarray]:
    """The centroid (RAS mm) of each structure of which at least ``LEAST_SHARE`` of the usual volume is found.

    Args:
        probabilities: (C, K, J, I) on ``grid``.
    """
    winner = argmax(probabilities)
    usual_ml = {"thalamus": 7.0, "caudate": 3.5, "lentiform": 6.5, "ventral_dc": 4.2}
    places = {}
    for channel, name in enumerate(spec.classes):
        if channel == 0 or name.split("_", 1)[1] not in MNI_PLACES:
            continue
        weight = (probabilities[channel] * (winner == channel)).double().cpu()
        mass = float(weight.sum())
        if mass * grid.voxel_volume_ml < LEAST_SHARE * usual_ml[name.split("_", 1)[1]]:
            continue
        ijk = [
            float((weight.sum([a for a in range(3) if a != axis]) * torch.arange(weight.shape[axis])).sum()) / mass for axis in (2, 1, 0)
        ]
        places[name] = grid.affine.apply(np.array(ijk))
    return places


def find_pose(
    probabilities: torch.Tensor, grid: Grid, spec: ModelSpec, least: int = LEAST_LANDMARKS, residual_mm: float = LARGEST_RESIDUAL_MM
) -> Pose:
    """The head's pose from the locator's softmax (C, K, J, I) on ``grid``; ``spec`` is the locator's.

    Args:
        least: how many landmarks must be found.
        residual_mm: the largest that a head may have.

    Raises:
        InputError: the anatomy is not in the scan.
    """
    places = landmarks(probabilities, grid, spec)
    if len(places) < least:
        raise InputError(NOT_FOUND)
    pose = fit_pose(places)
    plausible = SCALES[0] <= pose.scale <= SCALES[1] and pose.residual_mm <= residual_mm
    if not plausible:
        raise InputError(NOT_FOUND)
    return pose


def upright_grid(pose: Pose, spec: ModelSpec) -> Grid:
    """One patch of the locator around the region's middle, i, j, k along the head's own right, anterior and superior."""
    size = np.array(spec.patch[::-1]) * spec.spacing
    return Grid.canonical(region_center(pose), size, np.array(spec.spacing), pose.axes)


def find_head(
    scans: Mapping[str, Volume], reference: Grid, spec: ModelSpec, run: Callable[[torch.Tensor], torch.Tensor], pose: Pose | None = None
) -> Pose:
    """The head's pose, found in the scan's frame and then again in the frame found, since a turned head is straightened incompletely at first.

    It ends after a turn of less than ``SETTLED_DEGREES``, or after ``MOST_TURNS``. A first pose that fits badly must be confirmed by the second.

    Args:
        reference: the grid that is searched.
        spec: the locator's.
        run: gives its softmax (classes, K, J, I) of an image (C, K, J, I).
        pose: where the head was found before in the frame of these scans, if it was.

    Raises:
        InputError: the anatomy is not in the scan.
    """
    if pose is None:
        coarse = covering_grid(reference, np.array(spec.spacing))
        pose = find_pose(run(to_model_grid(scans, coarse, spec)), coarse, spec, residual_mm=FIRST_RESIDUAL_MM)
    for _ in range(MOST_TURNS):
        upright = upright_grid(pose, spec)
        try:
            former, pose = pose, find_pose(run(to_model_grid(scans, upright, spec)), upright, spec)
        except InputError:
            if pose.residual_mm > LARGEST_RESIDUAL_MM:
                raise
            break
        if np.trace(former.axes.T @ pose.axes) > 1 + 2 * np.cos(np.radians(SETTLED_DEGREES)):
            break
    return pose


def locate_region(pose: Pose, sides_mm: float | tuple[float, float, float] = 60.0, spacing: float = 0.5) -> Grid:
    """The box around the deep nuclei, its i, j, k along the head's own right, anterior and superior.

    Args:
        sides_mm: of the box along the head's right, anterior and superior; one number for a cube.
        spacing: voxel size of the box in mm.
    """
    return Grid.canonical(region_center(pose), np.broadcast_to(sides_mm, 3), np.full(3, spacing), pose.axes)
