"""The longest diameter of a thing in any slice, and the longest line across it at right angles.

This is the pair of lines whose product Macdonald et al. (J Clin Oncol 1990;8:1277) and RANO (Wen et al., J Clin Oncol 2010;28:1963) take of
enhancing tumor. In mm on any grid: sheared and left-handed ones are as good as others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist, squareform

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.bounding_box import bounding_slices
from neurospineseg.geometry.grid import Grid
from neurospineseg.measurements.outline import mask_outline, outline

THICKER = 1.2
"""A grid whose voxels are by this factor longer along one axis than along both others was scanned in slices across that axis."""


@dataclass(frozen=True)
class Diameters:
    """Two lines in one slice.

    Attributes:
        axis, index: the array axis across the slices (0, 1, 2: k, j, i) and the slice's number.
        longest: RAS mm of the ends of the longest line, (2, 3).
        across: those of the longest line at right angles to it, (2, 3).
    """

    axis: int
    index: int
    longest: np.ndarray
    across: np.ndarray

    @property
    def length(self) -> float:
        """Of the longest line in mm."""
        return float(np.linalg.norm(self.longest[1] - self.longest[0]))

    @property
    def width(self) -> float:
        """Of the line across it in mm."""
        return float(np.linalg.norm(self.across[1] - self.across[0]))

    @property
    def product(self) -> float:
        """Of both in mm2."""
        return self.length * self.width


def slice_axis(grid: Grid) -> int:
    """The array axis across the slices that a scan was taken in; across axial ones where its voxels do not tell."""
    spacing = grid.spacing_kji
    longest, middle = np.sort(spacing)[[2, 1]]
    if longest > THICKER * middle:
        return int(spacing.argmax())
    return int(np.abs(grid.affine.axes[2, ::-1]).argmax())


def plane_name(grid: Grid, axis: int) -> str:
    """What slices across an array axis are called: ``axial``, ``coronal`` or ``sagittal``, with ``oblique`` where they lean by over 20 degrees."""
    across = np.cross(*np.delete(grid.affine.axes[:, ::-1], axis, 1).T)
    across = np.abs(across / np.linalg.norm(across))
    name = ("sagittal", "coronal", "axial")[int(across.argmax())]
    return name if across.max() > np.cos(np.radians(20)) else f"oblique {name}"


def longest_diameters(field: np.ndarray, grid: Grid, axis: int, level: float = 0.5, within: np.ndarray | None = None) -> Diameters | None:
    """The longest line between two points of the outline in any slice, and in that slice the longest at right angles to it.

    Args:
        field: bool, or values from 0 to 1, (K, J, I) on ``grid``.
        axis: the array axis across the slices.
        within: bool (K, J, I), what the field is a part of; a line joins two points of one 8-connected piece of it in the slice, so that it may
            cross the dead middle of a tumor, but does not lead from one tumor to another. By default the field itself.

    Returns:
        None where nothing reaches the level.
    """
    box = bounding_slices(field >= level)
    if box is None:
        return None
    start = np.array([part.start for part in box])
    best: tuple[float, int, np.ndarray, np.ndarray] | None = None
    whole = (field >= level)[box] if within is None else within[box]
    for index, segments in _outlines(field[box], whole, axis, level):
        points = _in_plane(segments.reshape(-1, 2), grid.affine, axis)
        first, second = farthest_pair(points)
        length = float(np.linalg.norm(points[second] - points[first]))
        if best is None or length > best[0]:
            best = length, index, segments, np.array([first, second])
    if best is None:
        return None
    _, index, segments, ends = best
    flat = _in_plane(segments.reshape(-1, 2), grid.affine, axis).reshape(-1, 2, 2)
    across = longest_across(flat, flat.reshape(-1, 2)[ends])
    places = [segments.reshape(-1, 2)[ends], *[segments[s, 0] + part * (segments[s, 1] - segments[s, 0]) for s, part in across]]
    kji = np.insert(np.concatenate([places[0], np.stack(places[1:])]), axis, index, axis=1) + start
    points = grid.affine.apply_kji(kji)
    return Diameters(axis, index + int(start[axis]), points[:2], points[2:])


def _outlines(field: np.ndarray, whole: np.ndarray, axis: int, level: float) -> Iterator[tuple[int, np.ndarray]]:
    for index, (plane, around) in enumerate(zip(np.moveaxis(field, axis, 0), np.moveaxis(whole, axis, 0))):
        pieces, _ = ndimage.label(around, np.ones((3, 3)))
        for piece in np.unique(pieces[(plane >= level) & (pieces > 0)]):
            own = pieces == piece
            if field.dtype == bool:
                yield index, mask_outline(plane & own, own)
            else:
                yield index, outline(np.where(own, plane, 0), level)


def _in_plane(points: np.ndarray, affine: Affine, axis: int) -> np.ndarray:
    """Rows and columns (N, 2) of a slice in mm along two axes at right angles, (N, 2)."""
    steps = np.delete(affine.linear[:, ::-1], axis, 1)
    return points @ np.linalg.qr(steps)[1].T


def farthest_pair(points: np.ndarray) -> tuple[int, int]:
    """The two of the points (N, 2) that are farthest apart: they are corners of the convex hull."""
    try:
        corners = ConvexHull(points).vertices
    except QhullError:
        corners = np.arange(len(points))
    apart = squareform(pdist(points[corners]))
    first, second = np.unravel_index(apart.argmax(), apart.shape)
    return int(corners[first]), int(corners[second])


def longest_across(segments: np.ndarray, line: np.ndarray) -> list[tuple[int, float]]:
    """The two points of an outline that are farthest apart on one line at right angles to another.

    Args:
        segments: of the outline, (N, 2, 2) mm.
        line: the ends of the other, (2, 2) mm.

    Returns:
        For both the segment's number and how far along it, 0 to 1.
    """
    along = (line[1] - line[0]) / np.linalg.norm(line[1] - line[0])
    turned = segments @ np.stack([along, [-along[1], along[0]]], 1)
    places, heights = turned[..., 0], turned[..., 1]
    best = (-1.0, 0.0, 0, 0)
    for place in np.unique(places):
        crossed = np.flatnonzero((places.min(1) <= place) & (places.max(1) >= place))
        height = _height(places[crossed], heights[crossed], place)
        low, high = height.argmin(), height.argmax()
        if height[high] - height[low] > best[0]:
            best = float(height[high] - height[low]), float(place), int(crossed[low]), int(crossed[high])
    return [(number, float(_part(places[number], best[1]))) for number in best[2:]]


def _part(places: np.ndarray, place: float) -> np.ndarray:
    """How far along each segment (..., 2) a place lies, 0 to 1."""
    run = places[..., 1] - places[..., 0]
    return np.where(run == 0, 0.0, np.clip((place - places[..., 0]) / np.where(run == 0, 1, run), 0, 1))


def _height(places: np.ndarray, heights: np.ndarray, place: float) -> np.ndarray:
    return heights[:, 0] + _part(places, place) * (heights[:, 1] - heights[:, 0])
