"""Turns label maps into scans: tissue intensities, bias field, noise, resolution, and the artifacts of scanning.

Intensities, bias field and resolution follow SynthSeg (Billot et al., Medical Image Analysis 2023); each function takes
and returns float32 tensors (K, J, I).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from Training.synthetic.deform import smooth_noise


def paint(labels: torch.Tensor, means: np.ndarray, deviations: np.ndarray, rng: np.random.Generator, texture: float = 0.5) -> torch.Tensor:
    """Gaussian intensities per label.

    Args:
        labels: integer tensor of values below ``len(means)``.
        means, deviations: one entry per label value.
        texture: share of the deviation that is smooth over a few voxels rather than white.
    """
    means_t = torch.from_numpy(np.asarray(means, np.float32))
    deviations_t = torch.from_numpy(np.asarray(deviations, np.float32))
    index = labels.long()
    white = torch.from_numpy(rng.standard_normal(tuple(labels.shape), dtype=np.float32))
    coarse = tuple(max(2, n // 3) for n in labels.shape)
    grain = smooth_noise(rng, tuple(labels.shape), coarse) * 1.6
    return means_t[index] + deviations_t[index] * ((1 - texture) * white + texture * grain)


def bias_field(image: torch.Tensor, rng: np.random.Generator, strength: float = 0.3, control_points: int = 4) -> torch.Tensor:
    """Multiplies by the exponential of a smooth random field of deviation up to ``strength``."""
    return image * torch.exp(smooth_noise(rng, tuple(image.shape), control_points) * float(rng.uniform(0, strength)))


def gamma(image: torch.Tensor, rng: np.random.Generator, deviation: float = 0.3) -> torch.Tensor:
    """Raises the image, scaled to [0, 1], to a random power exp(N(0, deviation)); scale is restored."""
    low, high = image.min(), image.max()
    span = (high - low).clamp_min(1e-6)
    return ((image - low) / span) ** float(np.exp(rng.normal(0, deviation))) * span + low


def lower_resolution(image: torch.Tensor, factors: tuple[float, float, float]) -> torch.Tensor:
    """Samples the image ``factors`` times more coarsely along (k, j, i), averaging, and back to its size."""
    small = [max(2, int(round(n / max(1.0, f)))) for n, f in zip(image.shape, factors)]
    if tuple(small) == tuple(image.shape):
        return image
    coarse = F.interpolate(image[None, None], size=small, mode="area")
    return F.interpolate(coarse, size=tuple(image.shape), mode="trilinear", align_corners=False)[0, 0]


def rician_noise(image: torch.Tensor, rng: np.random.Generator, deviation: float) -> torch.Tensor:
    """The magnitude of the image with complex Gaussian noise of ``deviation``."""
    real, imaginary = (torch.from_numpy(rng.standard_normal(tuple(image.shape), dtype=np.float32)) * deviation for _ in range(2))
    return torch.sqrt((image + real) ** 2 + imaginary**2)


def thick_slices(
    spacing: tuple[float, float, float], rng: np.random.Generator, thickest_mm: float = 7.0, chance: float = 0.5
) -> tuple[float, float, float]:
    """Random ``factors`` for ``lower_resolution``: one axis up to ``thickest_mm``, or all of them a little."""
    factors = [1.0, 1.0, 1.0]
    if rng.random() < chance:
        axis = int(rng.integers(3))
        factors[axis] = float(rng.uniform(spacing[axis], thickest_mm)) / spacing[axis]
    else:
        factors = [float(rng.uniform(1.0, 1.6))] * 3
    return tuple(factors)


def slices_with_gaps(image: torch.Tensor, axis: int, thickness: float, gap: float) -> torch.Tensor:
    """The image seen in slices: averaged over ``thickness`` voxels every ``thickness + gap``, and back to its size between them.

    Args:
        axis: of (k, j, i), across the slices.
        thickness, gap: in voxels of the image, at least 1 and 0.
    """
    n = image.shape[axis]
    step = thickness + gap
    count = max(2, int(round(n / step)))
    centers = (torch.arange(count) + 0.5) * n / count - 0.5
    places = torch.arange(n, dtype=torch.float32)
    profile = (0.5 + thickness / 2 - (places[None] - centers[:, None]).abs()).clamp(0, 1)
    profile = profile / profile.sum(1, keepdim=True)
    between = (1 - (places[:, None] - centers[None]).abs() * count / n).clamp_min(0)
    between = between / between.sum(1, keepdim=True)
    return torch.tensordot(between @ profile, image, ([1], [axis])).movedim(0, axis)


def gibbs_ringing(image: torch.Tensor, axis: int, kept: float) -> torch.Tensor:
    """The image without its spatial frequencies above the share ``kept`` (0 to 1) along an axis: ringing beside sharp edges."""
    spectrum = torch.fft.rfft(image, dim=axis)
    lines = spectrum.shape[axis]
    first = min(lines, max(2, int(kept * lines)))
    spectrum.narrow(axis, first, lines - first).zero_()
    return torch.fft.irfft(spectrum, n=image.shape[axis], dim=axis)


def motion_ghosts(image: torch.Tensor, rng: np.random.Generator, axis: int, voxels: float) -> torch.Tensor:
    """Ghosts along the phase-encoding ``axis`` of a head or trunk that jumped a few times, by up to ``voxels``, during the scan.

    Lines of k-space are taken in order; those after a jump carry the phase of the shift.
    """
    n = image.shape[axis]
    jumps = np.sort(rng.uniform(0, 1, int(rng.integers(1, 5))))
    shifts = np.concatenate([[0.0], rng.uniform(-voxels, voxels, len(jumps))])
    frequencies = np.fft.fftfreq(n)
    moment = np.argsort(np.argsort(frequencies)) / n
    phase = np.exp(-2j * np.pi * frequencies * shifts[np.searchsorted(jumps, moment)]).astype(np.complex64)
    shape = [-1 if a == axis else 1 for a in range(3)]
    low = image.min()
    spectrum = torch.fft.fft(image - low, dim=axis) * torch.from_numpy(phase).view(shape)
    return torch.fft.ifft(spectrum, dim=axis).abs() + low


def metal_void(image: torch.Tensor, rng: np.random.Generator, radius: float) -> torch.Tensor:
    """The image with the signal gone around a piece of metal of ``radius`` voxels anywhere in it, and piled up at its rim."""
    center = [float(rng.uniform(0.15, 0.85)) * n for n in image.shape]
    stretch = rng.uniform(0.6, 2.5, 3)
    axes = [(torch.arange(n, dtype=torch.float32) - c) / float(radius * s) for n, c, s in zip(image.shape, center, stretch)]
    level = axes[0][:, None, None] ** 2 + axes[1][None, :, None] ** 2 + axes[2][None, None, :] ** 2
    level = level * (1 + 0.4 * smooth_noise(rng, tuple(image.shape), 9))
    low = image.min()
    rim = torch.exp(-(((level - 1.15) / 0.15) ** 2)) * float(rng.uniform(0, 0.8)) * (image.max() - low)
    return (image - low) * torch.sigmoid(12 * (level - 1)) + rim + low


def whole_numbers(image: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """The image in whole numbers with a maximum of 100 to 4,095, some clipped at their brightest, scaled back to its own range."""
    low = image.min()
    high = image.max() if rng.random() < 0.6 else torch.quantile(image.flatten()[::23], float(rng.uniform(0.985, 1.0)))
    steps = float(np.exp(rng.uniform(np.log(100), np.log(4095)))) / (high - low).clamp_min(1e-6)
    return (((image - low) * steps).round() / steps).clamp_max(high - low) + low


def field_of_view(
    shape: tuple[int, int, int], rng: np.random.Generator, chance: float = 0.35, most: float = 0.28
) -> tuple[slice, slice, slice]:
    """What a scan's field of view shows of a volume (K, J, I): each side is cut with ``chance``, by up to the share ``most``."""

    def cut(n: int) -> int:
        return int(n * rng.uniform(0, most)) if rng.random() < chance else 0

    return tuple(slice(cut(n), n - cut(n)) for n in shape)


def artifacts(
    image: torch.Tensor, rng: np.random.Generator, spacing_mm: float | tuple[float, float, float], share: float = 0.3
) -> torch.Tensor:
    """The image with artifacts of MR scanning, each with its own chance; most images get none or one.

    Args:
        image: float32 (K, J, I), not normalized, air near its minimum.
        spacing_mm: voxel size, one number or along (k, j, i).
        share: chance of motion and of ringing each; of whole numbers twice that, of metal a tenth.
    """
    spacing = np.broadcast_to(np.asarray(spacing_mm, float), (3,))
    if rng.random() < share:
        axis = int(rng.integers(3))
        image = motion_ghosts(image, rng, axis, float(rng.uniform(0.3, 2.5)) / spacing[axis])
    if rng.random() < share:
        image = gibbs_ringing(image, int(rng.integers(3)), float(rng.uniform(0.55, 0.95)))
    if rng.random() < 0.1 * share:
        image = metal_void(image, rng, float(rng.uniform(4, 14)) / float(spacing.min()))
    if rng.random() < 2 * share:
        image = whole_numbers(image, rng)
    return image
