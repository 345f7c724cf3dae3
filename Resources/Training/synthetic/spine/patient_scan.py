"""Scans of real spines as a network of another day might see them: turned, scaled, mirrored, cut, in other gray values."""

from __future__ import annotations

import numpy as np
import torch

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.resample import resample
from neurospineseg.images.intensity import background_value, normalize, onto_grid
from neurospineseg.images.normalization import Normalization
from Training.synthetic.acquisition import artifacts, bias_field, gamma, lower_resolution, rician_noise
from Training.synthetic.deform import random_linear, smooth_noise
from Training.synthetic.spine.canvas import BACKGROUND
from Training.synthetic.spine.patients import Patient
from Training.training.partial_labels import any_of

Scan = tuple[torch.Tensor, torch.Tensor]
"""Image float32 and bit masks int64, both (K, J, I)."""
THIN_MM = (11.0, 30.0)
GRAY_LEVELS = 64


def _place(rng: np.random.Generator, grid: Grid, spacing: tuple[float, float, float]) -> Grid:
    """A lattice over a part of a scan: a slab at times, turned in the sagittal plane, scaled by a tenth or so."""
    full = np.array(grid.shape[::-1]) * grid.spacing
    extent = np.minimum(full, [200, rng.uniform(110, 390), rng.uniform(130, 390)])
    if rng.random() < (0.3 if full[0] < 40 else 0.25):
        extent[0] = min(full[0], rng.uniform(*THIN_MM))
    free = (full - extent) / 2
    middle = grid.center + np.array([rng.uniform(-0.8, 0.8) * free[0], rng.uniform(-0.6, 0.6) * free[1], rng.uniform(-1, 1) * free[2]])
    angle = np.radians(rng.normal(0, 7))
    axes = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    if full[0] > 40:
        axes = axes @ random_linear(rng, 6, scale=0.0, shear=0.0)
    step = np.array(spacing) * np.exp(rng.normal(0, 0.09)) * np.exp(rng.normal(0, 0.04, 3))
    return Grid.canonical(middle, extent * step / spacing, step, axes)


def _other_contrast(rng: np.random.Generator, image: torch.Tensor, foreground: torch.Tensor) -> torch.Tensor:
    """Gray values through a random curve between quantiles of the foreground; what is 0 stays 0."""
    knots = torch.quantile(foreground, torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9, 0.99])).numpy()
    values = rng.uniform(0.1, 1.0, 6)
    if rng.random() < 0.35:
        values = np.sort(values)[::-1]
    curve = np.interp(image.clamp_min(0).numpy(), np.concatenate([[0.0], knots]), np.concatenate([[0.0], values])).astype(np.float32)
    return torch.from_numpy(curve) * float(knots[-1])


def _by_slices(rng: np.random.Generator, image: torch.Tensor) -> torch.Tensor:
    """Sagittal slices with a gain of their own each, as of scans normalized slice by slice."""
    gain = np.exp(rng.normal(0, rng.uniform(0.02, 0.12), image.shape[2])).astype(np.float32)
    return image * torch.from_numpy(gain)


def _regained(rng: np.random.Generator, image: torch.Tensor, spacing: np.ndarray, artifact_share: float) -> torch.Tensor:
    """The scan (K, J, I), not negative, with other gray values, sharpness and noise; zeros mostly stay zeros."""
    sample = image.flatten()[:: max(1, image.numel() // 100_000)]
    foreground = sample[sample > 0.08 * torch.quantile(sample, 0.99)]
    if foreground.numel() < 100:
        return image
    if rng.random() < 0.35:
        image = _other_contrast(rng, image, foreground)
    image = gamma(bias_field(image, rng, 0.35, 4), rng, 0.25)
    if rng.random() < 0.4:
        image = _by_slices(rng, image)
    if rng.random() < 0.2:
        image = image * (1 + 0.3 * float(rng.random()) * smooth_noise(rng, tuple(image.shape), 8)).clamp_min(0.2)
    factors = np.ones(3)
    if rng.random() < 0.3:
        factors[2] = rng.uniform(3.0, 5.5) / spacing[0]
    if rng.random() < 0.3:
        factors[:2] = rng.uniform(1.0, 1.5, 2)
    image = lower_resolution(image, tuple(np.maximum(1.0, factors)))
    image = artifacts(image, rng, tuple(spacing[::-1]), artifact_share)
    if rng.random() < 0.4:
        image = rician_noise(image, rng, float(rng.uniform(0, 0.12)) * float(foreground.median()))
    if rng.random() < 0.3:
        step = float(torch.quantile(image.flatten()[::17], 0.999)) / GRAY_LEVELS
        image = (image / max(step, 1e-6)).round() * step
    return image


def patient_scan(
    rng: np.random.Generator, patient: Patient, spacing: tuple[float, float, float], kind: Normalization, artifact_share: float
) -> Scan:
    """A view of a patient on the working grid; ``spacing`` in mm along R, A, S."""
    voxels, grid = patient.voxels, patient.grid
    place = _place(rng, grid, spacing)
    image = onto_grid(voxels, background_value(voxels), grid, place, kind).clamp_min(0)
    masks = resample(patient.target[None], grid, place, mode="nearest")[0].long()
    masks[masks == 0] = any_of(BACKGROUND)
    if rng.random() < 0.5:
        image, masks = image.flip(-1), masks.flip(-1)
    if rng.random() < 0.9:
        image = _regained(rng, image, np.asarray(spacing), artifact_share)
    return normalize(image[None], kind)[0], masks
