"""What a scan shows, as far as it can be told before anything is segmented: a mask, a CT, a head in some contrast, or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from neurospineseg.bundle import Bundle, find_bundle
from neurospineseg.contrast import BRAIN_CENTER, BRAIN_SEMI_AXES, contrast_shares, in_brain, view_grid, voxel_places
from neurospineseg.errors import InputError
from neurospineseg.grid import Grid, covering_grid, resample
from neurospineseg.locate import Pose, find_pose
from neurospineseg.passage import bring_in
from neurospineseg.volume import Volume

CONTRAST_BUNDLE = "brain_contrast"
FEWEST_VALUES = 12
"""A scan of 8 bits shows some 200 different values; masks and label maps of one task, a few."""
AIR_HU, AIR_SHARE = -500.0, 0.02
NAMES = {"t1c": "T1 with contrast agent", "t1": "T1", "t2": "T2", "flair": "FLAIR", "pd": "proton density", "ct": "CT"}


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
class Recognizer:
    """Looks at scans coarsely.

    Attributes:
        locator: the bundle whose classes are landmarks of ``neurospineseg.locate``.
        predict: gives the locator's probabilities (C, K, J, I) of an image on its working grid.
        network: gives a bundle's network.
    """

    locator: Bundle
    predict: Callable[[torch.Tensor], torch.Tensor]
    network: Callable[[Bundle], torch.nn.Module]

    def coarse(self, volume: Volume) -> tuple[torch.Tensor, Grid]:
        """The scan as the locator takes it, (1, K, J, I), and its grid."""
        grid = covering_grid(volume.grid, np.array(self.locator.spec.spacing))
        return bring_in({self.locator.spec.channels[0]: volume}, grid, self.locator.spec), grid

    def head(self, volume: Volume) -> Head | None:
        """The head in a scan; None where there is none."""
        image, grid = self.coarse(volume)
        try:
            pose = find_pose(self.predict(image), grid, self.locator.spec)
        except InputError:
            return None
        return Head(pose, brain_seen(volume.grid, pose))

    def contrasts(self, volume: Volume, pose: Pose) -> dict[str, float]:
        """Probability of each contrast of ``NAMES``; ``pose`` is the head's."""
        bundle = find_bundle(CONTRAST_BUNDLE)
        image, grid = self.coarse(volume)
        return contrast_shares(self.network(bundle), bundle, image[0], grid, pose)

    def bone_contrast(self, volume: Volume, pose: Pose) -> float:
        """How far the brightest hundredth of a head lies above its brain, in interquartile ranges of the brain."""
        view = view_grid(self.locator.spec.spacing[0], pose)
        voxels = torch.from_numpy(np.ascontiguousarray(volume.voxels, dtype=np.float32))
        seen = resample(voxels[None], volume.grid, view, fill=float(voxels.min()))[0].flatten()
        brain = seen[torch.from_numpy(in_brain(voxel_places(view), pose))]
        low, high = torch.quantile(brain, 0.25), torch.quantile(brain, 0.75)
        top = torch.quantile(seen[seen > seen.min()], 0.99)
        return float((top - brain.median()) / (high - low).clamp_min(1e-6))


def is_mask(volume: Volume) -> bool:
    """Whether the voxels hold so few different values that they are a mask or label map."""
    sample = volume.voxels.ravel()[:: max(1, volume.voxels.size // 500_000)]
    return len(np.unique(sample)) <= FEWEST_VALUES


def is_hounsfield(volume: Volume) -> bool:
    """Whether the values look like Hounsfield units: much air far below zero, in whole numbers."""
    sample = volume.voxels.ravel()[:: max(1, volume.voxels.size // 500_000)]
    return bool((sample < AIR_HU).mean() > AIR_SHARE and sample.min() >= -3100 and np.allclose(sample, np.round(sample), atol=1e-2))


def brain_seen(grid: Grid, pose: Pose) -> float:
    """Share of the brain's ellipsoid that lies inside a scan's field of view."""
    steps = np.linspace(-1, 1, 21)
    unit = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    unit = unit[(unit**2).sum(1) <= 1]
    ras = pose.scale * (unit * BRAIN_SEMI_AXES + BRAIN_CENTER) @ pose.axes.T + pose.offset
    ijk = ras @ grid.ras_to_ijk[:3, :3].T + grid.ras_to_ijk[:3, 3]
    return float(((ijk >= -0.5) & (ijk <= np.array(grid.shape[::-1]) - 0.5)).all(1).mean())
