"""Heads with and without tumors at 4 mm in every contrast that a scan of the brain may have.

T1 after contrast, T1, T2 and FLAIR are those of the drawn gliomas; proton density and CT, in Hounsfield units or in any window, are rough.
"""

from __future__ import annotations

import numpy as np
import torch

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid
from neurospineseg.inference.head_pose import Pose, fit_pose
from Training.synthetic.acquisition import artifacts, bias_field, gamma, lower_resolution, paint, rician_noise, thick_slices
from Training.synthetic.deform import draw_labels, random_linear
from Training.synthetic.nuclei.heads import LABELS, LANDMARKS, Head
from Training.synthetic.tumor.contrast import CHANNELS, GROUPS, paint_channels
from Training.synthetic.tumor.lesions import draw_tumor
from Training.synthetic.tumor.lookalikes import add_lookalikes, stripped

SPACING, SHAPE = 4.0, (48, 56, 48)
CONTRASTS = (*CHANNELS, "pd", "ct")
#      white gray deep  pall  fluid plex  scalp musc  bone  marr dura eye   out  edema necr  enh   net   hem  cyst  wml
PROTON_DENSITY = (1.0, 1.18, 1.12, 1.0, 1.15, 1.2, 1.3, 1.0, 0.2, 0.9, 0.9, 1.1, 1.2, 1.3, 1.25, 1.25, 1.25, 1.0, 1.15, 1.25)
HOUNSFIELD = (28, 36, 37, 40, 6, 45, -60, 55, 900, 300, 60, 10, 50, 20, 15, 45, 25, 65, 8, 22)


def contrasts_of(rng: np.random.Generator, head: Head) -> tuple[list[torch.Tensor], Grid, Pose]:
    """One head in each of ``CONTRASTS``.

    Args:
        head: a whole head with FreeSurfer's labels.

    Returns:
        The images, float32 (K, J, I), not normalized; their grid; where the head lies in it.
    """
    brain = ((head.labels > 0) & (head.labels < 500)).nonzero().float().mean(0).numpy()
    middle = Affine(head.ijk_to_ras).apply_kji(brain) + rng.uniform(-15, 15, 3)
    grid = Grid.canonical(middle, np.array(SHAPE[::-1]) * SPACING, np.full(3, SPACING))
    linear = random_linear(rng, degrees=15, scale=0.12)
    labels = draw_labels(head.labels, head.ijk_to_ras, SHAPE, grid.ijk_to_ras, rng, linear=linear, field_mm=3.0).to(torch.int16)
    pose = _pose(labels, grid)
    labels = add_lookalikes(rng, labels, SPACING)
    tumor, change = torch.zeros_like(labels), torch.zeros(labels.shape)
    if rng.random() < 0.6:
        labels, tumor, change = draw_tumor(rng, labels, SPACING)
    whole = torch.where(tumor > 0, tumor, labels)
    images = [*paint_channels(rng, labels, tumor, change, SPACING), _proton_density(rng, whole), _ct(rng, whole)]
    if rng.random() < 0.5:
        mask = stripped(rng, labels, SPACING) | (tumor > 0)  # nobody strips the skull from a CT
        images = [*((image - image.min()) * mask for image in images[:-1]), images[-1]]
    return [artifacts(image, rng, SPACING, 0.15) for image in images], grid, pose


def _pose(labels: torch.Tensor, grid: Grid) -> Pose:
    places = {}
    for name, sides in LANDMARKS.items():
        for side, values in zip(("left", "right"), sides):
            kji = torch.isin(labels, torch.tensor(values, dtype=labels.dtype)).nonzero().double().mean(0).numpy()
            places[f"{side}_{name}"] = grid.affine.apply_kji(kji)
    return fit_pose(places)


def _painted(rng: np.random.Generator, labels: torch.Tensor, values: np.ndarray, air: float, noise: float) -> torch.Tensor:
    means, deviations = np.full(LABELS, values[0]), np.full(LABELS, noise)
    for group, value in zip(GROUPS.values(), values):
        means[list(group)] = value
    means[0] = air
    return lower_resolution(paint(labels, means, deviations, rng), thick_slices((SPACING,) * 3, rng, 7.0, 0.3))


def _proton_density(rng: np.random.Generator, labels: torch.Tensor) -> torch.Tensor:
    values = 100 * np.array(PROTON_DENSITY) * np.exp(rng.normal(0, 0.04, len(GROUPS)))
    image = _painted(rng, labels, values, 0.0, float(rng.uniform(1, 5)))
    return rician_noise(gamma(bias_field(image.clamp_min(0), rng, 0.2), rng, 0.12), rng, float(rng.uniform(0, 3)))


def _ct(rng: np.random.Generator, labels: torch.Tensor) -> torch.Tensor:
    values = np.array(HOUNSFIELD) + rng.normal(0, 2, len(GROUPS))
    image = _painted(rng, labels, values, -1000.0, float(rng.uniform(2, 12)))
    if rng.random() < 0.6:
        low = float(rng.uniform(-120, 0))
        image = image.clamp(low, float(rng.choice([rng.uniform(70, 150), rng.uniform(300, 1500)])))
    return image
