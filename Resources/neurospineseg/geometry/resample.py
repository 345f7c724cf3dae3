"""The one resampling step between two grids.

The smoothing that precedes shrinking follows Cardoso et al., "Scale factor
point spread function matching", MICCAI 2015.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.separable import gaussian, lowered, parallel_axes, resample_parallel, sample_axis
from neurospineseg.geometry.triple import triple

BEYOND = 1.0 + 1e-5
"""Where a grid ends, from its middle, in halves of its length."""
SMALL_PART = 0.5
"""Where a target needs a smaller share of an image than this, only that is worked on."""


def _smooth(image: torch.Tensor, steps: np.ndarray, level: float) -> torch.Tensor:
    """Gaussian along each array axis whose target step, in source voxels, exceeds one, of the image less ``level``; float32."""
    for axis, step in enumerate(steps):
        count = image.shape[axis + 1]
        image, level = sample_axis(image, axis + 1, np.arange(count), gaussian(step, count), level), 0.0
    return image


def _coordinates(source: Grid, target: Grid, device: torch.device) -> tuple[torch.Tensor, torch.Tensor | None]:
    """For every voxel of ``target`` its place in ``source`` as ``grid_sample`` wants it, (1, K, J, I, 3) in [-1, 1].

    And which lie outside its outer faces, bool (K, J, I); None where none does.
    """
    to_source = source.affine.inverse @ target.affine
    size = np.array(source.shape[::-1], float)
    scale = 2.0 / size
    linear = scale[:, None] * to_source.linear
    offset = scale * (to_source.offset + 0.5) - 1.0
    axes = [torch.arange(n, dtype=torch.float64, device="cpu") for n in target.shape]
    parts, outside = [], None
    for row in range(3):
        along = [torch.as_tensor(axes[a] * linear[row, 2 - a], dtype=torch.float64) for a in range(3)]
        low, high = (offset[row] + sum(float(end(steps)) for steps in along) for end in (torch.min, torch.max))
        base = (along[0] + offset[row]).float().to(device)
        parts.append(base[:, None, None] + along[1].float().to(device)[None, :, None] + along[2].float().to(device)[None, None, :])
        if max(-low, high) > BEYOND:
            beyond = parts[-1].abs() > BEYOND
            outside = beyond if outside is None else outside.logical_or_(beyond)
    return torch.stack(parts, dim=-1)[None], outside


def are_parallel(source: Grid, target: Grid) -> bool:
    """Whether each axis of one grid is parallel to one of the other."""
    return parallel_axes(source.affine.inverse @ target.affine, target.shape) is not None


def places_in(source: Grid, target: Grid, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where those voxel centers of another grid lie to which a wanted voxel is the nearest.

    Args:
        wanted: bool (K, J, I) on ``source``.

    Returns:
        (N, 3) as ``grid_sample`` wants it, and which N voxels of ``target`` these are, bool (K', J', I').
    """
    coordinates, outside = _coordinates(source, target, wanted.device)
    chosen = F.grid_sample(wanted[None, None].float(), coordinates, mode="nearest", padding_mode="border", align_corners=False)[0, 0] > 0
    if outside is not None:
        chosen &= ~outside
    return coordinates[0][chosen], chosen


def sample_at(image: torch.Tensor, places: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
    """An image (C, K, J, I), of floats, at places (N, 3) from ``places_in``: (C, N)."""
    return F.grid_sample(image[None], places[None, None, None], mode=mode, padding_mode="border", align_corners=False)[0, :, 0, 0]


def resample(
    image: torch.Tensor,
    source: Grid,
    target: Grid,
    *,
    mode: str = "bilinear",
    fill: float = 0.0,
    antialias: bool = True,
    level: float = 0.0,
) -> torch.Tensor:
    """Sample an image at the voxel centers of another grid: one affine, one interpolation.

    Args:
        image: tensor (C, K, J, I) on ``source``, on any device; of floats, or of whole numbers up to 2^24.
        source: grid of ``image``.
        target: grid to sample at; any orientation, shear or handedness.
        mode: ``"bilinear"`` (trilinear in 3D) or ``"nearest"``.
        fill: value outside the source's voxels.
        antialias: smooth first along the source axes that shrink (never for ``"nearest"``).
        level: is subtracted from the image beforehand (never for ``"nearest"``); ``fill`` is not lowered.

    Returns:
        Tensor (C, K', J', I') on the same device; of the same dtype, but of whole numbers interpolated float32.

    Raises:
        ValueError: there is no such ``mode``.
    """
    if mode not in ("bilinear", "nearest"):
        raise ValueError(f"there is no interpolation '{mode}'; choose bilinear or nearest")
    kind = image.dtype if mode == "nearest" or image.dtype.is_floating_point else torch.float32
    if source.shape == target.shape and np.allclose(source.ijk_to_ras, target.ijk_to_ras, atol=1e-9):
        return (image.to(kind) - level) if level and mode != "nearest" else image.to(kind, copy=True)
    steps = np.linalg.norm((source.affine.inverse @ target.affine).linear, axis=1)[::-1]
    box = _needed_part(source, target, steps)
    if box is None:
        return image.new_full((len(image), *target.shape), fill, dtype=kind)
    if np.prod([part.stop - part.start for part in box]) < SMALL_PART * np.prod(source.shape):
        image = image[(slice(None), *box)]
        source = source.crop(triple(part.start for part in box), triple(part.stop for part in box))
    axes = parallel_axes(source.affine.inverse @ target.affine, target.shape)
    if axes is not None:
        return resample_parallel(image, axes, mode, fill, antialias, level).to(kind)
    if mode == "nearest":
        image = image.float()
    else:
        image = _smooth(image, steps, level) if antialias else lowered(image, level)
    return _sampled_at_each(image, source, target, mode, fill).to(kind)


def _needed_part(source: Grid, target: Grid, steps: np.ndarray) -> tuple[slice, slice, slice] | None:
    """The box (k, j, i) of the source that is read, with what smoothing for ``steps`` reaches; None where the target lies outside."""
    start, stop = source.index_box(target.corners())
    if any(a >= b for a, b in zip(start, stop)):
        return None
    reach = [len(gaussian(step, count)) // 2 + 2 for step, count in zip(steps, source.shape)]
    return triple(slice(max(0, a - r), min(count, b + r)) for a, b, r, count in zip(start, stop, reach, source.shape))


def _sampled_at_each(image: torch.Tensor, source: Grid, target: Grid, mode: str, fill: float) -> torch.Tensor:
    """Floats (C, K, J, I) at every voxel center of a grid that may be turned or sheared; ``fill`` outside."""
    coordinates, outside = _coordinates(source, target, image.device)
    sampled = F.grid_sample(image[None], coordinates, mode=mode, padding_mode="border", align_corners=False)[0]
    if outside is not None:
        sampled.masked_fill_(outside, fill)
    return sampled
