"""The mid-plane of a head: the plane that a scan of it mirrors best in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import ndimage, optimize

from neurospineseg.geometry.grid import Grid, covering_grid, own_axes
from neurospineseg.geometry.resample import resample
from neurospineseg.images.volume import Volume

SPACING_MM = 3.0
SAMPLES, FEW_SAMPLES = 8000, 1500
TURNS_DEGREES, SLIDES_MM = np.arange(-24, 25, 8.0), np.arange(-16, 17, 8.0)
"""Starts: turns about the head's S and A axes, and slides along R."""
LEAST_LIKENESS = 0.8
"""Correlation of the head with its mirror image from which on a plane is believed; a box of noise has 0.72, three templates 0.99."""

MIDDLE_MM = (12.0, 35.0, 25.0)
"""Half the sides, across, along and up, of the box around the head's middle that tells how far it is shifted."""
SHIFTS_MM = np.arange(-15, 15.1, 0.5)


@dataclass(frozen=True)
class MidPlane:
    """A plane between left and right.

    Attributes:
        point: RAS mm of one of its points, near the head's middle, (3,).
        normal: its unit normal, to the right, (3,).
        likeness: correlation of the scan with its mirror image, up to 1.
    """

    point: np.ndarray
    normal: np.ndarray
    likeness: float

    def distance(self, place: np.ndarray) -> float:
        """How far a RAS place lies to the right, in mm; negative to the left."""
        return float((place - self.point) @ self.normal)

    def foot(self, place: np.ndarray) -> np.ndarray:
        """The RAS point of the plane that is nearest to a place."""
        return place - self.distance(place) * self.normal

    def side(self, place: np.ndarray) -> str:
        """``left`` or ``right``."""
        return "right" if self.distance(place) >= 0 else "left"


@dataclass(frozen=True)
class _Mirror:
    """What the search of the plane looks at.

    Attributes:
        image: float32 (K, J, I), 0 outside the head and where it does not count.
        counts: the same as 1 and 0.
        grid: of both, upright.
        places: RAS mm of the samples, (N, 3).
        values: of the image there, (N,).
        axes: 3x3, the scan's own right, anterior, superior as columns.
        center: RAS mm that the head turns about, (3,).
    """

    image: np.ndarray
    counts: np.ndarray
    grid: Grid
    places: np.ndarray
    values: np.ndarray
    axes: np.ndarray
    center: np.ndarray

    def plane(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Point and normal of the plane turned by ``at[0]`` and ``at[1]`` degrees about S and A, and slid by ``at[2]`` mm."""
        yaw, roll = np.radians(at[0]), np.radians(at[1])
        own = np.array([np.cos(yaw) * np.cos(roll), np.sin(yaw) * np.cos(roll), np.sin(roll)])
        normal = self.axes @ own
        return self.center + at[2] * normal, normal

    def unlikeness(self, at: np.ndarray, samples: int) -> float:
        """One less the correlation of the first samples with their mirror images."""
        point, normal = self.plane(at)
        places = self.places[:samples]
        mirrored = places - 2 * ((places - point) @ normal)[:, None] * normal
        voxels = self.grid.affine.kji_of(mirrored).T
        both = ndimage.map_coordinates(self.counts, voxels, order=0, mode="constant") > 0
        if both.sum() < 0.3 * len(places):
            return 2.0
        here, there = self.values[:samples][both], ndimage.map_coordinates(self.image, voxels[:, both], order=1)
        deviation = float(here.std() * there.std())
        return 2.0 if deviation == 0 else 1 - float(((here - here.mean()) * (there - there.mean())).mean()) / deviation


def mid_plane(scan: Volume, without: Volume | None = None) -> MidPlane | None:
    """The mid-plane of the head in a scan, None where it mirrors in none.

    Args:
        without: label map on any grid; what is not 0 there and what it mirrors in do not count, as a tumor.
    """
    mirror = _mirror(scan, without)
    if len(mirror.places) < 100:
        return None
    starts = [np.array([yaw, roll, slide]) for yaw in TURNS_DEGREES for roll in TURNS_DEGREES for slide in SLIDES_MM]
    best = sorted(starts, key=partial(mirror.unlikeness, samples=FEW_SAMPLES))[:3]
    near = min((_settled(mirror, start, 4.0, FEW_SAMPLES) for start in best), key=lambda each: each.fun)
    end = _settled(mirror, near.x, 1.0, SAMPLES)
    point, normal = mirror.plane(end.x)
    return MidPlane(point, normal, 1 - float(end.fun)) if 1 - end.fun >= LEAST_LIKENESS else None


def middle_shift(scan: Volume, plane: MidPlane, without: Volume | None = None) -> float | None:
    """How far the middle of the brain is shifted to the right of the head's mid-plane, in mm, on average over a box of ``MIDDLE_MM``.

    It is how far off a parallel plane lies in which that box mirrors best. Of two templates whose middle was pushed aside smoothly by a known
    0 to 10 mm at its center, which is 0.8 times that on average, 12 shifts were right to 0.8 mm.

    Args:
        without: label map on any grid; what is not 0 there and what it mirrors in do not count, as a tumor.

    Returns:
        None where too little of the box counts, or where it mirrors in no plane.
    """
    mirror = _mirror(scan, without)
    forward = mirror.axes[:, 1] - (mirror.axes[:, 1] @ plane.normal) * plane.normal
    forward = forward / np.linalg.norm(forward)
    axes = np.stack([plane.normal, forward, np.cross(plane.normal, forward)], 1)
    own = np.random.default_rng(0).uniform(-1, 1, (SAMPLES, 3)) * MIDDLE_MM
    alike = [_alike(mirror, plane.point + (own + (shift, 0, 0)) @ axes.T, plane.point + (own * (-1, 1, 1) + (shift, 0, 0)) @ axes.T)
             for shift in SHIFTS_MM]  # fmt: skip
    best = int(np.argmax(alike))
    return float(SHIFTS_MM[best]) if alike[best] >= LEAST_LIKENESS and 0 < best < len(alike) - 1 else None


def _alike(mirror: _Mirror, here: np.ndarray, there: np.ndarray) -> float:
    """Correlation of the image at places (N, 3) and others, where both count; -1 where fewer than half do."""
    voxels = [mirror.grid.affine.kji_of(each).T for each in (here, there)]
    both = np.logical_and(*(ndimage.map_coordinates(mirror.counts, each, order=0, mode="constant") > 0 for each in voxels))
    if both.mean() < 0.5:
        return -1.0
    one, other = (ndimage.map_coordinates(mirror.image, each[:, both], order=1) for each in voxels)
    return float(np.corrcoef(one, other)[0, 1]) if one.std() > 0 and other.std() > 0 else -1.0


def _settled(mirror: _Mirror, start: np.ndarray, step: float, samples: int) -> optimize.OptimizeResult:
    """The plane from a start on by steps of degrees and mm until they are a hundredth of these."""
    simplex = start + step * np.concatenate([np.zeros((1, 3)), np.eye(3)])
    options = {"initial_simplex": simplex, "xatol": 0.01 * step, "fatol": 1e-6}
    return optimize.minimize(mirror.unlikeness, start, args=(samples,), method="Nelder-Mead", options=options)


def _mirror(scan: Volume, without: Volume | None) -> _Mirror:
    grid = covering_grid(scan.grid, np.full(3, SPACING_MM), margin_mm=SPACING_MM)
    background = scan.background
    image = (resample(scan.tensor[None].float(), scan.grid, grid, fill=background)[0].numpy() - background).astype(np.float32)
    image = np.clip(image, *np.percentile(image, (0.5, 99.5)))
    head = _head(np.abs(image))
    counts = head.copy()
    if without is not None:
        mask = resample(without.tensor[None].float(), without.grid, grid, fill=0.0)[0].numpy() > 0.1
        counts &= ~ndimage.binary_dilation(mask, iterations=2)
    kji = np.argwhere(counts)
    kji = kji[np.random.default_rng(0).permutation(len(kji))[:SAMPLES]]
    smooth = ndimage.gaussian_filter(image, 1.0)
    center = grid.centroid(head) if head.any() else grid.center
    counted = counts.astype(np.uint8)
    return _Mirror(smooth, counted, grid, grid.affine.apply_kji(kji), smooth[tuple(kji.T)], own_axes(scan.grid), center)


def _head(image: np.ndarray) -> np.ndarray:
    """What is brighter than a tenth of the brightest, holes filled, and a rim of air around it, whose edge tells most of the plane; bool (K, J, I)."""
    tissue = image > 0.1 * np.percentile(image, 99)
    filled = ndimage.binary_fill_holes(ndimage.binary_opening(tissue))
    return ndimage.binary_dilation(filled, iterations=2) if filled.any() else filled
