"""A mask as a field of values from 0 to 1 that is read anywhere in the patient's space, and rays that find its surface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.triple import triple
from neurospineseg.images.volume import Volume

INSIDE, NOT_INSIDE, CUT_OFF, ENDLESS = 0, 1, 2, 3
"""How a ray went: it left the mask; it did not begin in it; it left the grid first; it never left the mask."""
CHUNK = 16
"""Steps of a ray that are looked at in one go."""
AROUND = 2
"""Voxels around a mask's box that are kept, so that its surface lies inside."""


@dataclass(frozen=True, eq=False)
class MaskField:
    """A part of a mask: 1 at voxel centers inside, 0 outside, linear between them, or probabilities.

    Attributes:
        values: float32 (K, J, I), a box that holds the whole part; 0 elsewhere.
        part: grid of ``values``.
        whole: grid of the mask that it is of; beyond its outer faces nothing is known.
        level: the value at the surface.
    """

    values: np.ndarray
    part: Grid
    whole: Grid
    level: float = 0.5

    def at(self, points: np.ndarray) -> np.ndarray:
        """Values at RAS points (..., 3), float32 (...); NaN beyond the grid."""
        found = self._read(np.moveaxis(self.part.affine.kji_of(points), -1, 0))
        inside = self._inside(points)
        return found if inside.all() else np.where(inside, found, np.nan)

    def _read(self, kji: np.ndarray) -> np.ndarray:
        return ndimage.map_coordinates(self.values, kji, output=np.float32, order=1, mode="constant", cval=0.0, prefilter=False)

    def _inside(self, points: np.ndarray) -> np.ndarray:
        kji = self.whole.affine.kji_of(points)
        return np.all((kji > -0.5) & (kji < np.array(self.whole.shape) - 0.5), axis=-1)

    def width_along(self, direction: np.ndarray) -> float:
        """A voxel's width in mm along a unit vector."""
        return float(np.linalg.norm(self.whole.affine.linear.T @ direction))

    @property
    def at_edge(self) -> bool:
        """Whether the box of what it holds touches the outer faces of the whole grid."""
        shown = np.argwhere(self.values >= self.level)
        if not len(shown):
            return False
        at = self.whole.affine.kji_of(self.part.affine.apply_kji(shown))
        return bool((at.min(0) < 0.6).any() or (at.max(0) > np.array(self.whole.shape) - 1.6).any())

    def exits(self, starts: np.ndarray, direction: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
        """Where rays leave the mask.

        Args:
            starts: RAS mm, (N, 3).
            direction: unit vector, (3,), or one for each ray, (N, 3).
            reach: how far they go at most, mm.

        Returns:
            The distance to the surface in mm (N,), NaN where there is none, and how each ray went, int (N,).
        """
        directions = np.broadcast_to(direction, starts.shape)
        places = self.part.affine.kji_of(starts)
        moves = self.part.affine.kji_of(starts + directions) - places
        ends = self._ends(starts, directions)
        count = len(starts)
        inner, outer, state = np.zeros(count), np.full(count, np.nan), np.full(count, ENDLESS)
        step = min(1.0, 0.7 * float(self.part.spacing.min()))
        going = np.arange(count)
        for first in np.arange(0.0, reach, CHUNK * step):
            along = first + step * np.arange(CHUNK)
            values = self._read((places[going, None] + along[:, None] * moves[going, None]).transpose(2, 0, 1))
            beyond = along > ends[going, None]
            out = beyond | (values < self.level)
            stopped, place = out.any(1), out.argmax(1)
            rays, at = going[stopped], along[place[stopped]]
            outer[rays], inner[rays] = at, np.maximum(at - step, 0.0)
            state[rays] = np.where(beyond[stopped, place[stopped]], CUT_OFF, np.where(at > 0, INSIDE, NOT_INSIDE))
            going = going[~stopped]
            if not len(going):
                break
        return self._halved(places, moves, inner, outer, state == INSIDE), state

    def _ends(self, starts: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """How far rays go, mm (N,), until they leave the grid; -1 where they begin beyond it."""
        places = self.whole.affine.kji_of(starts)
        moves = self.whole.affine.kji_of(starts + directions) - places
        with np.errstate(divide="ignore", invalid="ignore"):
            sides = np.maximum((-0.5 - places) / moves, (np.array(self.whole.shape) - 0.5 - places) / moves)
        return np.where(self._inside(starts), np.where(moves == 0, np.inf, sides).min(1), -1.0)

    def _halved(self, places: np.ndarray, moves: np.ndarray, inner: np.ndarray, outer: np.ndarray, found: np.ndarray) -> np.ndarray:
        """The distance to the surface between two places inside and outside, (N,); NaN for rays that found none."""
        result = np.full(len(places), np.nan)
        if not found.any():
            return result
        places, moves, low, high = places[found], moves[found], inner[found], outer[found]
        for _ in range(5):
            middle = (low + high) / 2
            inside = self._read((places + middle[:, None] * moves).T) >= self.level
            low, high = np.where(inside, middle, low), np.where(inside, high, middle)
        result[found] = (low + high) / 2
        return result


def field_of(labels: Volume, values: Sequence[int], level: float = 0.5) -> MaskField | None:
    """The field of some label values, holes filled; None where there is none of them."""
    own = np.isin(labels.voxels, list(values))
    box = _box_of(own)
    if box is None:
        return None
    filled = ndimage.binary_fill_holes(own[box])
    part = labels.grid.crop(triple(side.start for side in box), triple(side.stop for side in box))
    return MaskField(_with_faces(filled.astype(np.float32)), _grown(part), labels.grid, level)


def probable_field(probability: Volume, labels: Volume, own: Sequence[int], others: Sequence[int], level: float) -> MaskField | None:
    """The field of a probability around some label values, 0 where ``others`` are; None where there is none of them.

    The two volumes may have different grids.
    """
    where = np.isin(labels.voxels, list(own))
    box = _box_of(where)
    if box is None:
        return None
    corners = labels.grid.crop(triple(side.start for side in box), triple(side.stop for side in box)).corners()
    start, stop = probability.grid.index_box(corners)
    start, stop = triple(max(0, n - AROUND) for n in start), triple(min(s, n + AROUND) for n, s in zip(stop, probability.shape))
    part = probability.grid.crop(start, stop)
    values = probability.voxels[tuple(slice(a, b) for a, b in zip(start, stop))].astype(np.float32)
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in part.shape), indexing="ij"), -1)
    to_labels = np.rint(labels.affine.kji_of(part.affine.apply_kji(kji))).astype(int)
    to_labels = np.clip(to_labels, 0, np.array(labels.shape) - 1)
    values[np.isin(labels.voxels[tuple(np.moveaxis(to_labels, -1, 0))], list(others))] = 0.0
    return MaskField(_with_faces(values), _grown(part), probability.grid, level)


def _box_of(mask: np.ndarray) -> tuple[slice, slice, slice] | None:
    sides = []
    for axis in range(3):
        shown = np.flatnonzero(mask.any(tuple(other for other in range(3) if other != axis)))
        if not len(shown):
            return None
        sides.append(slice(max(0, int(shown[0]) - AROUND), min(mask.shape[axis], int(shown[-1]) + 1 + AROUND)))
    return triple(sides)


def _with_faces(values: np.ndarray) -> np.ndarray:
    """One more voxel around, that repeats the outermost: the outer half of a voxel at the grid's face has its value."""
    return np.pad(values, 1, mode="edge")


def _grown(part: Grid) -> Grid:
    return part.crop((-1, -1, -1), triple(n + 1 for n in part.shape))
