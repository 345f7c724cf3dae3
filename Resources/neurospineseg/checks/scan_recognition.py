"""What a scan shows, as far as it can be told before anything is segmented: a mask, a CT, a head in some contrast, or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F

from neurospineseg.checks.contrast import BRAIN_CENTER, BRAIN_SEMI_AXES, bone_contrast, contrast_shares, head_view
from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid, covering_grid
from neurospineseg.geometry.resample import resample
from neurospineseg.images.intensity import background_value, normalize, subsample
from neurospineseg.images.volume import Volume
from neurospineseg.inference.head_pose import FIRST_RESIDUAL_MM, LARGEST_RESIDUAL_MM, MNI_PLACES, Pose, find_pose, upright_grid
from neurospineseg.inference.onto_model_grid import to_model_grid
from neurospineseg.models.bundle import Bundle

FEWEST_VALUES, FEW_VALUES, ALIKE = 12, 64, 0.85
"""A scan of 8 bits shows some 200 different values; masks a few, label maps some dozens in areas of one value."""
SLAB_BLOCKS = 8
"""Layers of blocks that are averaged at once: torch copies them first."""
SURE_LANDMARKS = 7
"""Of 31 head scans of several public data sets all had 8; of 35 spines one had 7 that fit a head, and 1 when looked at upright."""
LEAST_HU, DARK_HU, DARK_SHARE = -3100.0, -150.0, 0.005


@dataclass(frozen=True)
class Head:
    """A head found in a scan.

    Attributes:
        pose: where it lies.
        brain_seen: share of the brain (an ellipsoid in MNI152) inside the scan's field of view.
    """

    pose: Pose
    brain_seen: float


@dataclass(frozen=True)
class Look:
    """How a scan of a head looks: probability of each contrast of ``CONTRASTS``, and see ``contrast.bone_contrast``."""

    contrasts: dict[str, float]
    bone_contrast: float


@dataclass(frozen=True)
class Recognizer:
    """Looks at scans coarsely.

    Attributes:
        locator: the bundle whose classes are landmarks of ``neurospineseg.inference.head_pose``.
        predict: gives the locator's probabilities (C, K, J, I) of an image on its working grid.
        contrast: the bundle that tells contrasts apart, and its network in evaluation mode.
    """

    locator: Bundle
    predict: Callable[[torch.Tensor], torch.Tensor]
    contrast: tuple[Bundle, torch.nn.Module]
    _coarse: dict[int, tuple[Volume, torch.Tensor, Grid]] = field(default_factory=dict)

    def coarsely(self, volume: Volume) -> tuple[torch.Tensor, Grid]:
        """``coarse`` with the locator's spacing, once for each scan."""
        if id(volume) not in self._coarse:
            self._coarse[id(volume)] = (volume, *coarse(volume, np.array(self.locator.spec.spacing)))
        return self._coarse[id(volume)][1:]

    def head(self, volume: Volume) -> Head | None:
        """The head in a scan; None where there is none.

        One that fits badly, as a turned head does, or lacks a landmark, as what is no head does, is looked at again upright.
        """
        spec = self.locator.spec
        image, grid = self.coarsely(volume)
        probabilities = self.predict(normalize(image[None], spec.normalization))
        try:
            pose = find_pose(probabilities, grid, spec, SURE_LANDMARKS, FIRST_RESIDUAL_MM)
            if pose.residual_mm > LARGEST_RESIDUAL_MM or pose.landmarks < 2 * len(MNI_PLACES):
                upright = upright_grid(pose, spec)
                pose = find_pose(self.predict(to_model_grid({spec.channels[0]: volume}, upright, spec)), upright, spec, SURE_LANDMARKS)
        except InputError:
            return None
        return Head(pose, brain_seen(volume.grid, pose))

    def look(self, volume: Volume, pose: Pose) -> Look | None:
        """How a scan of the head at ``pose`` looks; None where it shows too little of its brain."""
        image, grid = self.coarsely(volume)
        bundle, network = self.contrast
        fine = head_view(image, grid, pose, self.locator.spec.spacing[0])
        rough = head_view(image, grid, pose, bundle.spec.spacing[0])
        if fine is None or rough is None:
            return None
        return Look(contrast_shares(network, bundle, rough), bone_contrast(fine))


def coarse(volume: Volume, spacing: np.ndarray) -> tuple[torch.Tensor, Grid]:
    """A scan on a coarse grid along R, A, S: whole blocks of voxels averaged, then resampled.

    Returns:
        float32 (K, J, I), 0 where the scan has its background value; its grid.
    """
    steps = [max(1, int(mm // own)) for mm, own in zip(np.full(3, spacing.min())[::-1], volume.grid.spacing_kji)]
    voxels = volume.tensor
    whole = voxels[tuple(slice(0, n - n % step) for n, step in zip(voxels.shape, steps))]
    blocks, affine = voxels, volume.affine
    if min(whole.shape) > 0:
        blocks = torch.cat([F.avg_pool3d(slab.float()[None], steps)[0] for slab in whole.split(SLAB_BLOCKS * steps[0])])
        affine = affine @ Affine.of(np.diag(steps[::-1]), (np.array(steps[::-1]) - 1) / 2)
    grid = covering_grid(volume.grid, spacing)
    background = background_value(blocks)
    return resample(blocks[None], Grid(tuple(blocks.shape), affine), grid, level=background)[0], grid


def is_mask(volume: Volume) -> bool:
    """Whether the voxels hold so few different values that they are a mask or label map."""
    sample = subsample(volume.voxels)
    if len(np.unique(sample[:: len(sample) // 5000 + 1])) > FEW_VALUES:
        return False
    count = len(np.unique(sample))
    if count <= FEWEST_VALUES or count > FEW_VALUES:
        return count <= FEWEST_VALUES
    rows = volume.voxels[:: max(1, volume.voxels.shape[0] // 16)]
    inside = rows[..., 1:] != rows.min()
    return bool(inside.any() and (rows[..., 1:] == rows[..., :-1])[inside].mean() > ALIKE)


def is_hounsfield(volume: Volume) -> bool:
    """Whether the values look like Hounsfield units: whole numbers, some far below zero."""
    sample = subsample(volume.voxels)
    dark = (sample < DARK_HU).mean() > DARK_SHARE and sample.min() >= LEAST_HU
    return bool(dark and np.allclose(sample, np.round(sample), atol=1e-2))


def brain_seen(grid: Grid, pose: Pose) -> float:
    """Share of the brain's ellipsoid that lies inside a scan's field of view."""
    steps = np.linspace(-1, 1, 21)
    unit = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    unit = unit[(unit**2).sum(1) <= 1]
    ras = pose.scale * (unit * BRAIN_SEMI_AXES + BRAIN_CENTER) @ pose.axes.T + pose.offset
    kji = grid.affine.kji_of(ras)
    return float(((kji >= -0.5) & (kji <= np.array(grid.shape) - 0.5)).all(1).mean())
