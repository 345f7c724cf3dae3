"""Random poses and smooth deformations of label maps, drawn straight onto the network's patch.

The ranges follow SynthSeg (Billot et al., Medical Image Analysis 2023).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from neurospineseg.geometry.affine import Affine


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], coarse: tuple[int, ...] | int) -> torch.Tensor:
    """Unit Gaussian noise at coarse control points, interpolated linearly to ``shape``; float32 of ``shape``."""
    coarse = (coarse,) * len(shape) if isinstance(coarse, int) else coarse
    noise = torch.from_numpy(rng.standard_normal(coarse, dtype=np.float32))
    mode = "trilinear" if len(shape) == 3 else "bilinear"
    return F.interpolate(noise[None, None], size=shape, mode=mode, align_corners=True)[0, 0]


def random_linear(rng: np.random.Generator, degrees: float = 15.0, scale: float = 0.2, shear: float = 0.012) -> np.ndarray:
    """A random 3x3: rotation about each axis in +-``degrees``, scale 1 +- ``scale`` per axis, shear +-``shear``."""
    ax, ay, az = np.radians(rng.uniform(-degrees, degrees, 3))
    rx = np.array([[1, 0, 0], [0, np.cos(ax), -np.sin(ax)], [0, np.sin(ax), np.cos(ax)]])
    ry = np.array([[np.cos(ay), 0, np.sin(ay)], [0, 1, 0], [-np.sin(ay), 0, np.cos(ay)]])
    rz = np.array([[np.cos(az), -np.sin(az), 0], [np.sin(az), np.cos(az), 0], [0, 0, 1]])
    shears = np.eye(3) + rng.uniform(-shear, shear, (3, 3)) * (1 - np.eye(3))
    return rx @ ry @ rz @ shears @ np.diag(1 + rng.uniform(-scale, scale, 3))


def source_places(
    ijk_to_ras: np.ndarray,
    patch: tuple[int, int, int],
    patch_ijk_to_ras: np.ndarray,
    rng: np.random.Generator,
    *,
    linear: np.ndarray | None = None,
    field_mm: float = 3.0,
    field_lattice: int = 6,
) -> list[torch.Tensor]:
    """Where the voxels of a patch lie in a source volume under a random smooth deformation.

    Args:
        ijk_to_ras: 4x4 of the source.
        patch: size (K, J, I); ``patch_ijk_to_ras`` is its 4x4.
        linear: 3x3 applied in RAS about the patch's center (``random_linear``); identity if None.
        field_mm: deviation of the smooth displacement in mm.
        field_lattice: control points of the displacement along each axis.

    Returns:
        The source's i, j and k, each float32 of ``patch``.
    """
    size = np.array(patch[::-1], float)
    center = Affine(patch_ijk_to_ras).apply((size - 1) / 2)
    pose = Affine(np.eye(4)) if linear is None else Affine.about(linear, center)
    to_source = (Affine(ijk_to_ras).inverse @ pose @ Affine(patch_ijk_to_ras)).matrix.astype(np.float32)
    k, j, i = (torch.arange(n, dtype=torch.float32) for n in patch)
    rows = []
    for row in range(3):
        place = (i * to_source[row, 0])[None, None] + (j * to_source[row, 1])[None, :, None] + (k * to_source[row, 2])[:, None, None]
        rows.append(place + float(to_source[row, 3]))
    return displaced(rows, ijk_to_ras, rng, field_mm, field_lattice) if field_mm > 0 else rows


def displaced(
    places: list[torch.Tensor], ijk_to_ras: np.ndarray, rng: np.random.Generator, field_mm: float, field_lattice: int
) -> list[torch.Tensor]:
    """``places`` (i, j, k of a source of ``ijk_to_ras``) moved by smooth noise of ``field_mm`` on ``field_lattice`` control points."""
    spacing = Affine(ijk_to_ras).spacing
    patch = tuple(places[0].shape)
    return [place + smooth_noise(rng, patch, field_lattice) * float(field_mm / mm) for place, mm in zip(places, spacing)]


def nearest_at(labels: torch.Tensor, places: list[torch.Tensor]) -> torch.Tensor:
    """The label map (K, J, I) at ``places`` (i, j, k), by nearest neighbor; 0 outside it."""
    extent = torch.tensor(labels.shape[::-1])
    index = [place.round().long() for place in places]
    inside = torch.ones(places[0].shape, dtype=torch.bool)
    for row in range(3):
        inside &= (index[row] >= 0) & (index[row] < extent[row])
        index[row].clamp_(0, int(extent[row]) - 1)
    flat = (index[2] * labels.shape[1] + index[1]) * labels.shape[2] + index[0]
    return labels.flatten()[flat].masked_fill(~inside, 0)


def likeliest_at(labels: torch.Tensor, places: list[torch.Tensor]) -> torch.Tensor:
    """The label map (K, J, I) at ``places`` (i, j, k), each voxel's label with the largest trilinear weight; 0 outside it.

    On a grid finer than the label map's this rounds the steps that the nearest neighbor leaves.
    """
    padded = F.pad(labels, (1,) * 6)
    rows, row = padded.shape[1], padded.shape[2]
    result = torch.empty(places[0].shape, dtype=labels.dtype)
    for first in range(0, len(result), 16):
        near = [(place[first : first + 16] + 1).clamp(0, n + 1) for place, n in zip(places, labels.shape[::-1])]
        low = [at.long().clamp_max(n) for at, n in zip(near, labels.shape[::-1])]
        corner = ((low[2] * rows + low[1]) * row + low[0]).flatten()
        steps = [(k, j, i) for k in (0, 1) for j in (0, 1) for i in (0, 1)]
        values = torch.stack([padded.flatten()[corner + (k * rows + j) * row + i] for k, j, i in steps])
        chosen = values[0].clone()
        mixed = (values != values[:1]).any(0).nonzero()[:, 0]
        values = values[:, mixed]
        i, j, k = ((at - a).flatten()[mixed] for at, a in zip(near, low))
        weights = torch.stack([(k if c else 1 - k) * (j if b else 1 - j) * (i if a else 1 - i) for c, b, a in steps])
        scores = torch.stack([(weights * (values == value)).sum(0) for value in values])
        chosen[mixed] = values.gather(0, scores.argmax(0)[None])[0]
        result[first : first + 16] = chosen.view(low[0].shape)
    return result


def draw_labels(
    labels: torch.Tensor,
    ijk_to_ras: np.ndarray,
    patch: tuple[int, int, int],
    patch_ijk_to_ras: np.ndarray,
    rng: np.random.Generator,
    **deformation,
) -> torch.Tensor:
    """Samples a label map (K, J, I) on a patch under a random smooth deformation, by nearest neighbor; see ``source_places``.

    Returns:
        Tensor of ``patch`` and of ``labels``' dtype; 0 outside the label map.
    """
    return nearest_at(labels, source_places(ijk_to_ras, patch, patch_ijk_to_ras, rng, **deformation))
