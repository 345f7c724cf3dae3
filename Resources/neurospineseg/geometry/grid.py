"""Where voxels lie, and the one resampling step between two grids.

The smoothing that precedes shrinking follows Cardoso et al., "Scale factor
point spread function matching", MICCAI 2015.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from neurospineseg.geometry.separable import gaussian, lowered, parallel_axes, resample_parallel, sample_axis

BEYOND = 1.0 + 1e-5
"""Where a lattice ends, from its middle, in halves of its length."""
MOST_TILT_DEGREES = 20.0
"""So far from R, A, S the axes of a scan may be turned for a network to look along them; the networks saw anatomy turned by some 15 degrees."""
SMALL_PART = 0.5
"""Where a target needs a smaller share of an image than this, only that is worked on."""


@dataclass(frozen=True)
class Grid:
    """A regular lattice of voxels in patient space.

    Attributes:
        shape: number of voxels ``(K, J, I)``.
        ijk_to_ras: 4x4 float64; takes homogeneous ``(i, j, k, 1)`` to RAS mm.
    """

    shape: tuple[int, int, int]
    ijk_to_ras: np.ndarray

    @property
    def spacing(self) -> np.ndarray:
        """Voxel size along i, j, k in mm, shape (3,)."""
        return np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0)

    @property
    def ras_to_ijk(self) -> np.ndarray:
        return np.linalg.inv(self.ijk_to_ras)

    @property
    def voxel_volume_ml(self) -> float:
        return abs(float(np.linalg.det(self.ijk_to_ras[:3, :3]))) / 1000.0

    @property
    def center(self) -> np.ndarray:
        """RAS mm of the middle of the lattice, shape (3,)."""
        middle = (np.array(self.shape[::-1], float) - 1) / 2
        return self.ijk_to_ras[:3, :3] @ middle + self.ijk_to_ras[:3, 3]

    def corners(self) -> np.ndarray:
        """RAS mm of the eight outer corners (voxel faces, not centers), shape (8, 3)."""
        upper = np.array(self.shape[::-1], float) - 0.5
        ijk = np.array([[x, y, z] for x in (-0.5, upper[0]) for y in (-0.5, upper[1]) for z in (-0.5, upper[2])])
        return ijk @ self.ijk_to_ras[:3, :3].T + self.ijk_to_ras[:3, 3]

    def crop(self, start: tuple[int, int, int], stop: tuple[int, int, int]) -> Grid:
        """The part ``[start, stop)`` of the lattice; both are ``(k, j, i)``."""
        matrix = self.ijk_to_ras.copy()
        matrix[:3, 3] += matrix[:3, :3] @ np.array(start[::-1], float)
        return Grid(tuple(int(b - a) for a, b in zip(start, stop)), matrix)

    def index_box(self, ras_points: np.ndarray) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """The smallest ``(start, stop)`` in ``(k, j, i)`` that holds RAS points (N, 3), clipped to the lattice."""
        inverse = self.ras_to_ijk
        kji = (ras_points @ inverse[:3, :3].T + inverse[:3, 3])[:, ::-1]
        start = np.clip(np.floor(kji.min(0) + 0.5), 0, self.shape).astype(int)
        stop = np.clip(np.ceil(kji.max(0) + 0.5), 0, self.shape).astype(int)
        stop = np.maximum(start, stop)
        return tuple(int(v) for v in start), tuple(int(v) for v in stop)

    def holds(self, other: Grid) -> np.ndarray:
        """Which voxel centers of another lattice lie inside this one's outer faces, bool (K', J', I')."""
        matrix = self.ras_to_ijk @ other.ijk_to_ras
        along = [np.arange(n) for n in other.shape[::-1]]
        inside = np.ones(other.shape, bool)
        for row, count in enumerate(self.shape[::-1]):
            i, j, k = (matrix[row, axis] * steps for axis, steps in enumerate(along))
            place = k[:, None, None] + j[:, None] + i + matrix[row, 3]
            inside &= (place >= -0.5 - 1e-5) & (place <= count - 0.5 + 1e-5)
        return inside

    def same_as(self, other: Grid, tolerance_mm: float = 1e-4) -> bool:
        """Whether both lattices hold the same voxels: their corners agree to ``tolerance_mm``."""
        return self.shape == other.shape and bool(np.abs(self.corners() - other.corners()).max() <= tolerance_mm)

    @staticmethod
    def canonical(center_ras: np.ndarray, size_mm: np.ndarray, spacing: np.ndarray, axes: np.ndarray | None = None) -> Grid:
        """A lattice with i, j, k along R, A, S (or along the columns of ``axes``), around a center.

        Args:
            center_ras: mm, shape (3,).
            size_mm: least extent along i, j, k in mm, shape (3,).
            spacing: voxel size along i, j, k in mm, shape (3,).
            axes: optional 3x3 whose unit columns are the directions of i, j, k in RAS.
        """
        spacing = np.asarray(spacing, float)
        counts = np.maximum(1, np.ceil(np.asarray(size_mm, float) / spacing - 1e-6)).astype(int)
        matrix = np.eye(4)
        matrix[:3, :3] = (np.eye(3) if axes is None else axes) @ np.diag(spacing)
        matrix[:3, 3] = np.asarray(center_ras, float) - matrix[:3, :3] @ ((counts - 1) / 2)
        return Grid(tuple(int(n) for n in counts[::-1]), matrix)


def covering_grid(source: Grid, spacing: np.ndarray, margin_mm: float = 0.0) -> Grid:
    """An R, A, S aligned lattice of ``spacing`` (mm along R, A, S) that holds the whole of ``source``."""
    corners = source.corners()
    low, high = corners.min(0) - margin_mm, corners.max(0) + margin_mm
    return Grid.canonical((low + high) / 2, high - low, spacing)


def near_upright_axes(source: Grid) -> np.ndarray | None:
    """The lattice's own axes as 3x3 unit columns, those nearest to R, A and S, each pointing there.

    None where one is turned by more than ``MOST_TILT_DEGREES`` away, or two are not at right angles.
    """
    axes = source.ijk_to_ras[:3, :3] / source.spacing
    order = np.abs(axes).argmax(1)
    if len(set(order.tolist())) < 3 or np.abs(axes.T @ axes - np.eye(3)).max() > 1e-3:
        return None
    axes = axes[:, order] * np.sign(axes[range(3), order])
    return axes if axes.diagonal().min() >= np.cos(np.radians(MOST_TILT_DEGREES)) else None


def straight_grid(source: Grid, spacing: np.ndarray) -> Grid:
    """A lattice of ``spacing`` (mm along R, A, S) that holds the whole of ``source``, along its own axes where they are near R, A, S.

    A scan is planned along the anatomy, so that it lies straight in the scan's own axes; between parallel lattices resampling is quick too,
    and the lattice is no larger than the scan.
    """
    axes = near_upright_axes(source)
    if axes is None:
        return covering_grid(source, spacing)
    along = source.corners() @ np.linalg.inv(axes).T
    return Grid.canonical(axes @ (along.min(0) + along.max(0)) / 2, np.ptp(along, axis=0), spacing, axes)


def bounding_box(mask: torch.Tensor, margin: int = 0) -> tuple[tuple[int, int, int], tuple[int, int, int]] | None:
    """The smallest ``(start, stop)`` in ``(k, j, i)`` that holds a bool mask (K, J, I), wider by ``margin`` voxels; None where it is empty."""
    start, stop = [], []
    for axis, count in enumerate(mask.shape):
        places = mask.any(dim=[a for a in range(3) if a != axis]).nonzero()
        if not len(places):
            return None
        start.append(max(0, int(places[0]) - margin))
        stop.append(min(count, int(places[-1]) + 1 + margin))
    return tuple(start), tuple(stop)


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
    matrix = source.ras_to_ijk @ target.ijk_to_ras
    size = np.array(source.shape[::-1], float)
    scale = 2.0 / size
    linear = scale[:, None] * matrix[:3, :3]
    offset = scale * (matrix[:3, 3] + 0.5) - 1.0
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
    """Whether each axis of one lattice is parallel to one of the other."""
    return parallel_axes(source.ras_to_ijk @ target.ijk_to_ras, target.shape) is not None


def with_neighbors(mask: torch.Tensor) -> torch.Tensor:
    """A bool mask (K, J, I) and its 26 neighbors."""
    for axis in range(3):
        wide = mask.clone()
        count = mask.shape[axis] - 1
        wide.narrow(axis, 0, count).logical_or_(mask.narrow(axis, 1, count))
        wide.narrow(axis, 1, count).logical_or_(mask.narrow(axis, 0, count))
        mask = wide
    return mask


def places_in(source: Grid, target: Grid, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where those voxel centers of another lattice lie to which a wanted voxel is the nearest.

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
    """Sample an image at the voxel centers of another lattice: one affine, one interpolation.

    Args:
        image: tensor (C, K, J, I) on ``source``, on any device; of floats, or of whole numbers up to 2^24.
        source: lattice of ``image``.
        target: lattice to sample at; any orientation, shear or handedness.
        mode: ``"bilinear"`` (trilinear in 3D) or ``"nearest"``.
        fill: value outside the source's voxels.
        antialias: smooth first along the source axes that shrink (never for ``"nearest"``).
        level: is subtracted from the image beforehand (never for ``"nearest"``); ``fill`` is not lowered.

    Returns:
        Tensor (C, K', J', I') on the same device; of the same dtype, but of whole numbers interpolated float32.
    """
    kind = image.dtype if mode == "nearest" or image.dtype.is_floating_point else torch.float32
    if source.shape == target.shape and np.allclose(source.ijk_to_ras, target.ijk_to_ras, atol=1e-9):
        return (image.to(kind) - level) if level and mode != "nearest" else image.to(kind, copy=True)
    matrix = source.ras_to_ijk @ target.ijk_to_ras
    steps = np.linalg.norm(matrix[:3, :3], axis=1)[::-1]
    start, stop = source.index_box(target.corners())
    if any(a >= b for a, b in zip(start, stop)):
        return image.new_full((len(image), *target.shape), fill, dtype=kind)
    reach = [len(gaussian(step, count)) // 2 + 2 for step, count in zip(steps, source.shape)]
    box = [slice(max(0, a - r), min(count, b + r)) for a, b, r, count in zip(start, stop, reach, source.shape)]
    if np.prod([part.stop - part.start for part in box]) < SMALL_PART * np.prod(source.shape):
        image = image[(slice(None), *box)]
        source = source.crop(tuple(part.start for part in box), tuple(part.stop for part in box))
        matrix = source.ras_to_ijk @ target.ijk_to_ras
    axes = parallel_axes(matrix, target.shape)
    if axes is not None:
        return resample_parallel(image, axes, mode, fill, antialias, level).to(kind)
    if mode == "nearest":
        sampled = image.float()
    else:
        sampled = _smooth(image, steps, level) if antialias else lowered(image, level)
    coordinates, outside = _coordinates(source, target, image.device)
    sampled = F.grid_sample(sampled[None], coordinates, mode=mode, padding_mode="border", align_corners=False)[0]
    if outside is not None:
        sampled.masked_fill_(outside, fill)
    return sampled.to(kind)
