"""Brings the atlas of the deep nuclei into a head by the structures both have.

An affine from the structures' centroids, then a displacement at coarse control points
(a free-form deformation, Rueckert et al., IEEE TMI 1999) that minimizes the squared
difference of the smoothed structures, with bending kept small. The subthalamic
nucleus, substantia nigra and red nucleus have no counterpart in the head's labels:
they are drawn into its ventral diencephalon and brainstem.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid

SHARED = {  # atlas labels (left, right), FreeSurfer's labels (left, right)
    "caudate": (((7,), (8,)), ((11,), (50,))),
    "putamen": (((9,), (10,)), ((12,), (51,))),
    "pallidum": (((11, 13), (12, 14)), ((13,), (52,))),
    "thalamus": (((15,), (16,)), ((10,), (49,))),
    "hippocampus": (((17,), (18,)), ((17,), (53,))),
    "accumbens": (((19,), (20,)), ((26,), (58,))),
    "amygdala": (((21,), (22,)), ((18,), (54,))),
}
INSIDE = (((5, 6), (28, 60)), ((1, 2, 3, 4), (28, 60, 16)))  # atlas labels, the head's labels that must hold them


def centroid(labels: np.ndarray, ijk_to_ras: np.ndarray, values: tuple[int, ...]) -> np.ndarray:
    """RAS mm, shape (3,)."""
    return Grid(labels.shape, ijk_to_ras).centroid(np.isin(labels, values))


def affine_by_centroids(head: np.ndarray, head_affine: np.ndarray, atlas: np.ndarray, atlas_affine: np.ndarray) -> np.ndarray:
    """4x4 from the head's RAS to the atlas's, by least squares over the shared structures of both sides."""
    here, there = [], []
    for atlas_sides, head_sides in SHARED.values():
        for side in range(2):
            there.append(centroid(atlas, atlas_affine, atlas_sides[side]))
            here.append(centroid(head, head_affine, head_sides[side]))
    here = np.c_[np.array(here), np.ones(len(here))]
    matrix = np.eye(4)
    matrix[:3] = np.linalg.lstsq(here, np.array(there), rcond=None)[0].T
    return matrix


def _smoothed(labels: np.ndarray, values: tuple[int, ...], voxels: float) -> torch.Tensor:
    return torch.from_numpy(ndimage.gaussian_filter(np.isin(labels, values).astype(np.float32), voxels))


def sample_at(image: torch.Tensor, ijk: torch.Tensor) -> torch.Tensor:
    """Trilinear samples of (C, K, J, I) at voxel positions (K', J', I', 3) in i, j, k order."""
    size = torch.tensor(image.shape[:0:-1], dtype=torch.float32)
    return F.grid_sample(image[None], (2 * (ijk + 0.5) / size - 1)[None], align_corners=False)[0]


def through(affine: Affine, places: torch.Tensor) -> torch.Tensor:
    """``affine.apply`` of a tensor (..., 3), in float32."""
    matrix = torch.from_numpy(affine.matrix.astype(np.float32))
    return places @ matrix[:3, :3].T + matrix[:3, 3]


def voxel_centers(shape: tuple[int, int, int], affine: Affine) -> torch.Tensor:
    """``affine`` applied to each voxel's (i, j, k); float32 (K, J, I, 3)."""
    k, j, i = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in shape), indexing="ij")
    return through(affine, torch.stack([i, j, k], -1))


class Deformation:
    """From a head's RAS to the atlas's RAS: an affine and a displacement at coarse control points.

    Args:
        head, head_affine: label map (K, J, I) of about 2 mm around the nuclei, and its ijk to RAS.
        atlas, atlas_affine: likewise.
    """

    def __init__(self, head: np.ndarray, head_affine: np.ndarray, atlas: np.ndarray, atlas_affine: np.ndarray, steps: int = 80) -> None:
        self.affine = Affine(affine_by_centroids(head, head_affine, atlas, atlas_affine))
        self.head_affine, self.shape = Affine(head_affine), head.shape
        fixed = torch.stack([_smoothed(head, (*sides[1][0], *sides[1][1]), 0.7) for sides in SHARED.values()])
        holders = torch.stack([_smoothed(head, values, 0.4) for _, values in INSIDE])
        moving = torch.stack(
            [_smoothed(atlas, (*sides[0][0], *sides[0][1]), 0.7) for sides in SHARED.values()]
            + [_smoothed(atlas, values, 0.4) for values, _ in INSIDE]
        )
        start = voxel_centers(head.shape, Affine(atlas_affine).inverse @ self.affine @ self.head_affine)
        to_voxels = torch.from_numpy(Affine(atlas_affine).inverse.linear.astype(np.float32))
        self.control_points = torch.zeros(1, 3, *(int(n // 5) + 2 for n in head.shape), requires_grad=True)
        optimizer = torch.optim.Adam([self.control_points], lr=0.2)
        for _ in range(steps):
            displacement = F.interpolate(self.control_points, size=head.shape, mode="trilinear", align_corners=True)[0].movedim(0, -1)
            moved = sample_at(moving, start + displacement @ to_voxels.T)
            shared = ((moved[: len(fixed)] - fixed) ** 2).sum() / fixed.sum()
            outside = (moved[len(fixed) :] * (1 - holders)).sum() / moved[len(fixed) :].sum().clamp_min(1)
            bending = sum(torch.diff(self.control_points, n=2, dim=axis).pow(2).mean() for axis in (2, 3, 4))
            loss = shared + 0.05 * outside + 0.03 * bending
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        self.loss = float(loss.detach())
        self.control_points = self.control_points.detach()

    def __call__(self, ras: torch.Tensor) -> torch.Tensor:
        """RAS mm (K, J, I, 3) in the head to the atlas; beyond the box it was fitted in the displacement is that at its edge."""
        ijk = through(self.head_affine.inverse, ras)
        place = 2 * ijk / (torch.tensor(self.shape[::-1], dtype=torch.float32) - 1) - 1
        displacement = F.grid_sample(self.control_points, place[None], padding_mode="border", align_corners=True)[0].movedim(0, -1)
        return through(self.affine, ras) + displacement
