"""A scan of the deep brain drawn from a head: moved nuclei, tissue textures, the scanner's own grid."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.resample import resample
from Training.synthetic.acquisition import artifacts, bias_field, field_of_view, gamma, paint, rician_noise
from Training.synthetic.deform import displaced, nearest_at, random_linear, smooth_noise, source_places
from Training.synthetic.nuclei.heads import LABELS, NUCLEI, PEDUNCLE, RIGHT, VENTRAL_DC, Head, overlaid

THALAMUS = (10, 49)
ATLASES_MEAN_MM = {
    "red_nucleus": (0.0, 0.5, 0.9),
    "substantia_nigra": (0.0, 0.3, 0.6),
    "zona_incerta": (0.0, 0.6, 1.3),
    "subthalamic_nucleus": (0.0, 0.6, 1.4),
}
"""How far outward, forward and upward of its place in the head each nucleus lies on average.

Half of the way from ZonaBB's to ATAG's (Keuken et al., NeuroImage 2014: 30 people at 7 T), whose subthalamic nucleus lies 1.1 mm further in,
1.7 mm further forward and 1.1 mm higher in MNI152 and whose red nucleus 1 mm further forward and higher; and what the registration leaves
them too low: the models taught by it found them 0.5 to 1.2 mm below ZonaBB's on the template that ZonaBB was drawn on. The subthalamic nucleus
and the zona incerta go no way inward and a third forward: a model taught with half of both found them on that template's T1 1.3 mm further in and 1 mm
further forward than ZonaBB's. So these figures were partly set by that template, and its scores say less than those of other heads.
"""
ATLASES_SPREAD_MM = (0.4, 0.8, 0.7)
"""Deviation of all nuclei together from these places, about what atlases differ by."""


def drawn_head(
    head: Head,
    grid: Grid,
    rng: np.random.Generator,
    *,
    linear: np.ndarray,
    field_mm: float = 1.5,
    nuclei_mm: float = 0.7,
    atlases: float = 0.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """A head's labels on a grid under a random deformation, the nuclei of its layer moved and shaped a little on their own.

    Args:
        linear: 3x3 applied about the grid's middle, see ``source_places``.
        field_mm: deviation of the whole head's displacement, over about 20 mm.
        nuclei_mm: that of the nuclei's own, over about 15 mm; half of it is added over 7 mm.
        atlases: 0 puts the nuclei where the head's one atlas has them, 1 where any of several may have them.

    Returns:
        labels int16 (K, J, I), and the distance from the head's middle along its right, in mm, float32 (K, J, I).
    """
    places = source_places(head.ijk_to_ras, grid.shape, grid.ijk_to_ras, rng, linear=linear, field_mm=field_mm, field_lattice=5)
    labels = nearest_at(head.labels, places)
    if head.nuclei is not None:
        own = displaced(places, head.ijk_to_ras, rng, nuclei_mm * 1.3, 7)
        own = displaced(own, head.ijk_to_ras, rng, nuclei_mm * 0.5, 14)
        nuclei = as_another_atlas(head, own, rng.normal(0, ATLASES_SPREAD_MM), atlases) if atlases else nearest_at(head.nuclei, own)
        labels = overlaid(labels, nuclei)
    spacing = float(np.linalg.norm(head.ijk_to_ras[:3, 0]))
    return labels, (places[0] - (head.labels.shape[2] - 1) / 2).abs() * spacing


def as_another_atlas(head: Head, places: list[torch.Tensor], common_mm: np.ndarray, share: float) -> torch.Tensor:
    """The nuclei of a head's layer at ``places`` (i, j, k of the head, i along its right) as another atlas has them, int16 like ``places``.

    Args:
        common_mm: how far all of them lie outward, forward and upward of ``ATLASES_MEAN_MM``.
        share: of the way there from where the head's own atlas has them.
    """
    assert head.nuclei is not None
    spacing = Affine(head.ijk_to_ras).spacing
    outward = (places[0] - (head.labels.shape[2] - 1) / 2).sign()
    result = torch.zeros(places[0].shape, dtype=head.nuclei.dtype)
    for name, mean_mm in ATLASES_MEAN_MM.items():
        i, j, k = share * (np.array(mean_mm) + common_mm) / spacing
        found = nearest_at(head.nuclei, [places[0] - outward * float(i), places[1] - float(j), places[2] - float(k)])
        result = torch.where(torch.isin(found, torch.tensor(NUCLEI[name], dtype=found.dtype)), found, result)
    return result


def tissue_image(
    labels: torch.Tensor, lateral_mm: torch.Tensor, contrast: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
) -> torch.Tensor:
    """Intensities with what no label tells: tissues that vary smoothly, a thalamus that grows whiter sideways, blurred edges."""
    means, deviations = (np.array(part) for part in contrast)
    if rng.random() < 0.3:
        for label in VENTRAL_DC:
            means[PEDUNCLE if label == VENTRAL_DC[0] else PEDUNCLE + RIGHT] = means[label]
    image = paint(labels, means, deviations, rng)
    shape = tuple(labels.shape)
    white = float(means[2])
    amplitude = torch.from_numpy((rng.uniform(0, 0.05, LABELS) * max(white, 40.0)).astype(np.float32))[labels.long()]
    image = image + amplitude * smooth_noise(rng, shape, int(rng.integers(6, 12)))
    myelin = ((lateral_mm - 3) / 16).clamp(0, 1) - 0.45
    for label in THALAMUS:
        image = image + (labels == label) * myelin * float(rng.uniform(0, 0.7) * (white - means[label]))
    patches = smooth_noise(rng, shape, 8) > float(rng.uniform(0.6, 2.0))
    ventral = torch.isin(labels, torch.tensor(VENTRAL_DC, dtype=labels.dtype))
    image = torch.where(patches & ventral, torch.tensor(white), image)
    return torch.from_numpy(ndimage.gaussian_filter(image.numpy(), float(rng.uniform(0.3, 1.25))))


def scanner_grid(grid: Grid, rng: np.random.Generator, degrees: float, thickest_mm: float) -> Grid:
    """A grid that a scanner might lay over ``grid``: turned, with voxels of 0.6-1.3 mm or slices of up to ``thickest_mm``."""
    spacing = np.full(3, rng.uniform(0.7, 1.3))
    if rng.random() < 0.45:
        spacing[:] = rng.uniform(0.6, 1.1)
        spacing[int(rng.choice(3, p=(0.2, 0.2, 0.6)))] = rng.uniform(1.5, thickest_mm)
    axes = grid.affine.axes @ random_linear(rng, degrees, scale=0.0, shear=0.0)
    extent = np.ptp(grid.corners() @ axes, axis=0)
    return Grid.canonical(grid.center, extent, spacing, axes)


def scanned(
    image: torch.Tensor,
    grid: Grid,
    rng: np.random.Generator,
    *,
    degrees: float = 32.0,
    thickest_mm: float = 3.5,
    share: float = 0.1,
    noise: float = 5.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The image as a scan on a grid of its own shows it, brought back to ``grid`` as the program does.

    Args:
        image: float32 (K, J, I) on ``grid``.
        degrees: largest turn of the scanner's axes about each of the grid's.
        share: see ``artifacts``; also the chance of a field of view that cuts the region.
        noise: largest deviation of the noise, where white matter is about 100.

    Returns:
        float32 (K, J, I), and what of it is in the field of view, bool (K, J, I).
    """
    image = gamma(bias_field(image, rng, 0.4, 3), rng, 0.25)
    scanner = scanner_grid(grid, rng, degrees if rng.random() < 0.5 else 6.0, thickest_mm)
    scan = resample(image[None], grid, scanner, fill=float(image.mean()))[0]
    scan = artifacts(scan, rng, tuple(scanner.spacing[::-1]), share)
    scan = rician_noise(scan, rng, float(rng.uniform(0, noise)))
    seen = torch.zeros_like(scan)
    cut = rng.random() < share
    seen[field_of_view(scanner.shape, rng, 0.25, 0.3) if cut else (slice(None),) * 3] = 1
    both = resample(torch.stack([scan * seen, seen]), scanner, grid, fill=0.0)
    if not cut:
        return both[0], torch.ones(grid.shape, dtype=torch.bool)
    inside = both[1] > 0.5
    return torch.where(inside, both[0] / both[1].clamp_min(0.5), 0.0), inside
