"""Templates with atlas labels as scans: in any pose, with any of several contrasts, in slices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid, covering_grid
from neurospineseg.geometry.resample import resample
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.tasks.anatomy import structure
from Training.synthetic.acquisition import bias_field, gamma, rician_noise
from Training.synthetic.brain.procedural import DEEP_NUCLEI
from Training.synthetic.deform import random_linear
from Training.synthetic.nuclei.template_contrasts import PAINTED, with_contrast

ATLAS = {  # ZonaBB's labels (left, right)
    "subthalamic_nucleus": (5, 6),
    "red_nucleus": (1, 2),
    "substantia_nigra": (3, 4),
    "zona_incerta": (23, 24),
    "globus_pallidus_externus": (11, 12),
    "globus_pallidus_internus": (13, 14),
    "thalamus": (15, 16),
    "caudate": (7, 8),
    "putamen": (9, 10),
    "hippocampus": (17, 18),
    "amygdala": (21, 22),
    "nucleus_accumbens": (19, 20),
}
STN = ("left_subthalamic_nucleus", "right_subthalamic_nucleus")


@dataclass(frozen=True)
class Template:
    """A T1 template.

    Attributes:
        scan: as it is.
        truth: uint8 (K, J, I) on its grid, label values of ``anatomy``, of the structures whose labels were drawn on this template.
        shares: how much (0 to 1) of each of its voxels is each of the atlas's structures, both sides together.
    """

    name: str
    scan: Volume
    truth: np.ndarray
    shares: Mapping[str, np.ndarray]

    def seen(self, contrast: str) -> Volume:
        """The template with one of ``template_contrasts.CONTRASTS``."""
        return with_contrast(self.scan, self.shares, contrast)


def read_template(folder: Path, name: str) -> Template:
    """The template ``name`` of ``folder / templates``, with the atlas of ``folder / label_maps``.

    Where the template's own labels of the subthalamic nucleus are the atlas's, all the atlas's structures are its truth. Else
    these two alone are, and what is painted on each side is shifted so that the atlas's subthalamic nucleus lies on the label.
    """
    scan, own = (read_volume(folder / "templates" / f"{name}_{kind}.nii.gz") for kind in ("img", "seg"))
    atlas = read_volume(folder / "label_maps" / "zonabb_mni152_2009b_asym.nii.gz")
    labels = np.round(own.voxels)
    middles = (atlas.grid.centroid(np.round(atlas.voxels) == value) for value in ATLAS["subthalamic_nucleus"])
    shifts = [own.grid.centroid(labels == value) - middle for value, middle in zip((1, 2), middles)]
    same = max(np.linalg.norm(shift) for shift in shifts) < 0.3
    voxels, here = torch.from_numpy(np.round(atlas.voxels).astype(np.float32))[None], {}
    for side, shift in zip(("left", "right"), shifts):
        moved = Affine.of(atlas.affine.linear, atlas.affine.offset + (0 if same else shift))
        here[side] = resample(voxels, Grid(atlas.shape, moved), scan.grid, mode="nearest")[0].numpy()
    truth, shares = np.zeros(scan.shape, np.uint8), {}
    for name_of, values in ATLAS.items():
        masks = [here[side] == value for side, value in zip(("left", "right"), values)]
        if same:
            for side, mask in zip(("left", "right"), masks):
                truth[mask] = structure(f"{side}_{name_of}").label
        if name_of in PAINTED:
            shares[name_of] = ndimage.gaussian_filter((masks[0] | masks[1]).astype(np.float32), 0.5)
    for value, key in enumerate(STN, 1):
        truth[labels == value] = structure(key).label
    return Template(name, scan, truth, shares)


def random_pose(rng: np.random.Generator, middle: np.ndarray, degrees: float = 30.0) -> np.ndarray:
    """4x4 in RAS: turned by up to ``degrees`` about each axis through ``middle``, shifted by up to 15 mm along each, scaled by 0.9-1.1."""
    linear = random_linear(rng, degrees, scale=0.0, shear=0.0) * rng.uniform(0.9, 1.1)
    return Affine.of(linear, middle - linear @ middle + rng.uniform(-15, 15, 3)).matrix


def as_scanned(
    scan: Volume, pose: np.ndarray, rng: np.random.Generator, spacing: tuple[float, float, float], harder: bool = False
) -> Volume:
    """The scan in a pose, on a scanner's grid of ``spacing`` (mm along R, A, S), with a bias field, gamma and noise.

    One with values below 0, a map of susceptibility, gets noise alone.
    """
    posed = Grid(scan.shape, pose @ scan.ijk_to_ras)
    target = covering_grid(posed, np.array(spacing))
    image = resample(torch.from_numpy(scan.voxels.astype(np.float32))[None], posed, target)[0]
    if image.min() < 0:
        noise = torch.from_numpy(rng.standard_normal(target.shape, dtype=np.float32)) * float(rng.uniform(4, 10))
        return Volume(torch.where(image == 0, image, image + noise).numpy(), target.ijk_to_ras)
    image = image * (100 / torch.quantile(image[image > 0][::7], 0.9))
    air = image <= 0
    image = gamma(bias_field(image, rng, 0.6 if harder else 0.25, 4), rng, 0.25 if harder else 0.12)
    image = rician_noise(image, rng, float(rng.uniform(7, 10) if harder else rng.uniform(1, 3)))
    return Volume(image.masked_fill(air, 0.0).numpy(), target.ijk_to_ras)


def labels_on(labels: np.ndarray, ijk_to_ras: np.ndarray, grid: Grid) -> np.ndarray:
    """A label map (K, J, I) on another grid, uint8."""
    voxels = torch.from_numpy(labels.astype(np.float32))[None]
    return resample(voxels, Grid(labels.shape, ijk_to_ras), grid, mode="nearest")[0].numpy().astype(np.uint8)


def mean_ellipsoid(grid: Grid, side: str, to_mni: np.ndarray) -> np.ndarray:
    """bool (K, J, I): the subthalamic nucleus's mean ellipsoid in MNI space, where ``to_mni`` (4x4 from RAS) puts it."""
    *_, center, volume, axes, long, middle = DEEP_NUCLEI["subthalamic_nucleus"]
    axes = np.array(axes) * (volume / (4 / 3 * np.pi * np.prod(axes))) ** (1 / 3)
    directions = np.array([long, middle, np.cross(long, middle)])
    mirror = np.array([-1 if side == "left" else 1, 1, 1])
    matrix = to_mni @ grid.ijk_to_ras
    k, j, i = np.indices(grid.shape, sparse=True)
    ras = [matrix[row, 0] * i + matrix[row, 1] * j + matrix[row, 2] * k + matrix[row, 3] for row in range(3)]
    away = [(ras[row] * mirror[row] - center[row]) for row in range(3)]
    return sum((sum(direction[row] * away[row] for row in range(3)) / size) ** 2 for direction, size in zip(directions, axes)) <= 1
