"""Outlines of a mask in its slices, halfway between voxels inside and outside, so that they part the voxels' centers exactly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from contourpy import FillType, contour_generator

from neurospineseg.geometry.bounding_box import bounding_slices


def contours(mask: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Closed outlines of a bool mask (K, J, I): slice k and points (i, j), float64 (N, 2), the first not repeated.

    A hole is joined to its outline by a channel of no width, as PS3.3 C.8.8.6.3 demands of planar contours.
    """
    box = bounding_slices(mask)
    if box is None:
        return
    for k in range(box[0].start, box[0].stop):
        plane = np.pad(mask[k][box[1:]], 1)
        if plane.any():
            for outline in _outlines(plane):
                yield k, outline + [box[2].start - 1, box[1].start - 1]


def _outlines(plane: np.ndarray) -> Iterator[np.ndarray]:
    """Outlines (N, 2) of a bool plane (J, I) whose border is empty."""
    made = contour_generator(z=plane.astype(float), name="serial", fill_type=FillType.OuterOffset).filled(0.5, 2.0)
    for points, offsets in zip(*made):
        rings = [_corners(np.asarray(points)[start : stop - 1]) for start, stop in zip(offsets, offsets[1:])]
        yield _joined(rings[0], rings[1:])


def _corners(ring: np.ndarray) -> np.ndarray:
    """A ring without the points that lie on a straight line between their neighbors."""
    before, after = ring - np.roll(ring, 1, 0), np.roll(ring, -1, 0) - ring
    return ring[np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]) > 1e-9]


def _joined(outer: np.ndarray, holes: list[np.ndarray]) -> np.ndarray:
    """One ring that goes to each hole, around it and back by the same way."""
    ring, left = outer, list(holes)
    while left:
        distances = [np.linalg.norm(ring[:, None] - hole[None], axis=-1) for hole in left]
        nearest = int(np.argmin([each.min() for each in distances]))
        hole, distance = left.pop(nearest), distances[nearest]
        at, begin = np.unravel_index(int(distance.argmin()), distance.shape)
        around, way = np.roll(hole, -begin, 0), _between_voxels(ring[at], hole[begin])
        ring = np.concatenate([ring[: at + 1], way, around, around[:1], way[::-1], ring[at:]])
    return ring


def _between_voxels(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Corners (N, 2) of a way from one point of an outline to another along the borders of voxels, so that it meets no center."""
    near_start, near_end = np.floor(start) + 0.5, np.floor(end) + 0.5
    return np.array([near_start, [near_end[0], near_start[1]], near_end])
