"""The vertebral bodies as instances, in their order along the column, and whether a sacrum ends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.masks import components

LEAST_BODY_ML, MOST_BODY_ML = 0.8, 60.0
TALLEST_BODY_MM = 40.0
NEIGHBOR_MM = (9.0, 90.0)
ADULT_STEP_MM = 50.0
"""No two neighbors in a row lie farther apart than this, nor a chain's first two."""
STEEPEST_TURN = 0.45
"""Cosine between the column's direction and the step to the next body: at least this (63 degrees)."""
MOST_STRIDE = 2.4
"""The step to the next body is at most this times the last one, so that one missed body is stepped over."""
LEAST_SACRUM_ML, SACRUM_WIDTH_MM = 6.0, 40.0
"""A slab less wide than the second holds that much less of a sacrum."""
SACRUM_REACH_MM = 60.0
LEAST_VERTEBRA_SHARE, SACRAL_SHARE, SACRAL_GAP_SHARE = 0.3, 0.65, 0.45
"""The lowest piece above a sacrum is a part of it with less than the first share of its neighbors' volume, or with less than the
second where the disc below it and the step to the next body, as shares of the usual, have a product below the third."""


@dataclass(frozen=True)
class Column:
    """The column of vertebrae in view.

    Attributes:
        bodies: uint8 (K, J, I), the instance number from 1, the lowest, upward; 0 elsewhere.
        centers: RAS mm of the instances, (N, 3).
        levels: place of each instance in the column, (N,) from 0; a number is left out where a body was missed.
        cut: which instances touch the edge of the field of view, (N,).
        sacrum: bool (K, J, I), empty where none ends the column.
    """

    bodies: np.ndarray
    centers: np.ndarray
    levels: np.ndarray
    cut: np.ndarray
    sacrum: np.ndarray

    def __len__(self) -> int:
        return len(self.centers)

    def directions(self) -> np.ndarray:
        """Unit vectors upward along the column at each instance, (N, 3)."""
        if len(self) == 1:
            return np.array([[0.0, 0.0, 1.0]])
        steps = np.gradient(self.centers, axis=0)
        return steps / np.linalg.norm(steps, axis=1, keepdims=True)


def _places(mask: np.ndarray, grid: Grid) -> np.ndarray:
    """RAS mm of a mask's voxels, (n, 3)."""
    return grid.affine.apply_kji(np.argwhere(mask))


def _seeds(part: np.ndarray, certainty: np.ndarray, spacing_kji: np.ndarray) -> Iterator[np.ndarray]:
    """Ever smaller cores of a component, from its surest voxels to its innermost."""
    for level in (0.7, 0.85, 0.95):
        yield part & (certainty > level)
    depth = ndimage.distance_transform_edt(np.pad(part, 1), sampling=spacing_kji)[1:-1, 1:-1, 1:-1]
    for share in (0.3, 0.45, 0.6, 0.75):
        yield depth > share * depth.max()


def _split(part: np.ndarray, certainty: np.ndarray, grid: Grid) -> list[np.ndarray]:
    """A component as one or more bodies: parted where its cores come apart, as long as a piece is taller than a body."""
    heights = _places(part, grid)[:, 2]
    if np.ptp(heights) < TALLEST_BODY_MM:
        return [part]
    for core in _seeds(part, certainty, grid.spacing_kji):
        labels, sizes = components(core, 6)
        kept = np.flatnonzero(sizes > 0.12 * sizes.sum())
        if len(kept) < 2:
            continue
        labels[~np.isin(labels, kept)] = 0
        nearest = ndimage.distance_transform_edt(labels == 0, sampling=grid.spacing_kji, return_distances=False, return_indices=True)
        owner = labels[tuple(nearest)]
        return [piece for value in kept for piece in _split(part & (owner == value), certainty, grid)]
    return [part]


def _candidates(mask: np.ndarray, certainty: np.ndarray, grid: Grid) -> list[np.ndarray]:
    labels, _ = components(mask, 6)
    pieces = []
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        part = labels[box] == number
        if part.sum() * grid.voxel_volume_ml < LEAST_BODY_ML:
            continue
        inner = grid.crop(tuple(s.start for s in box), tuple(s.stop for s in box))
        for piece in _split(part, certainty[box], inner):
            if LEAST_BODY_ML <= piece.sum() * grid.voxel_volume_ml <= 2 * MOST_BODY_ML:
                whole = np.zeros(mask.shape, bool)
                whole[box] = piece
                pieces.append(whole)
    return pieces


def _worth(pieces: list[np.ndarray], disc: np.ndarray, grid: Grid) -> np.ndarray:
    """What each candidate counts: its volume in mL, up to a body's, and little where no disc is within 6 mm."""
    near = ndimage.distance_transform_edt(~disc, sampling=grid.spacing_kji) < 6.0 if disc.any() else disc
    volumes = np.array([piece.sum() * grid.voxel_volume_ml for piece in pieces])
    return np.minimum(volumes, MOST_BODY_ML) * np.array([1.0 if (piece & near).any() else 0.15 for piece in pieces])


def _best_chain(centers: np.ndarray, volumes: np.ndarray, worth: np.ndarray) -> list[int]:
    """The column that is worth most, of those grown from the twelve worthiest candidates."""
    chains = [_chain(int(start), centers, volumes) for start in np.argsort(-worth)[:12]]
    return max(chains, key=lambda chain: worth[chain].sum())


def _chain(start: int, centers: np.ndarray, volumes: np.ndarray) -> list[int]:
    """Indices of the candidates that form one column, from the lowest upward, grown both ways from ``start``."""
    chain = [start]
    for upward in (1.0, -1.0):
        direction = np.array([0.0, 0.0, upward])
        step: float | None = None
        if len(chain) > 1:
            direction = centers[chain[0]] - centers[chain[1]]
            step = float(np.linalg.norm(direction))
            direction = direction / step
        while True:
            last = chain[-1] if upward > 0 else chain[0]
            offsets = centers - centers[last]
            distances = np.linalg.norm(offsets, axis=1)
            agreement = offsets @ direction / np.maximum(distances, 1e-6)
            possible = (distances > NEIGHBOR_MM[0]) & (
                distances < (ADULT_STEP_MM if step is None or step > ADULT_STEP_MM else min(NEIGHBOR_MM[1], MOST_STRIDE * step))
            )
            possible &= (agreement > STEEPEST_TURN) & (volumes > 0.12 * volumes[last])
            possible[chain] = False
            if not possible.any():
                break
            following = int(np.where(possible, distances, np.inf).argmin())
            new = offsets[following] / distances[following]
            direction = new if step is None else direction + new
            direction = direction / np.linalg.norm(direction)
            step = float(distances[following])
            chain = [*chain, following] if upward > 0 else [following, *chain]
    return chain


def places_along(centers: np.ndarray) -> np.ndarray:
    """Places in the column, from 0; a step of over 1.6 times its neighbors' leaves out what it must have missed.

    Args:
        centers: RAS mm of the bodies, upward, (N, 3).
    """
    steps = np.linalg.norm(np.diff(centers, axis=0), axis=1)
    levels = [0]
    for number, step in enumerate(steps):
        others = np.delete(steps, number)[max(0, number - 2) : number + 2]
        usual = float(np.median(others)) if len(others) else step
        levels.append(levels[-1] + max(1, round(step / usual) if step > 1.6 * usual else 1))
    return np.array(levels)


def _sacrum_beside(mask: np.ndarray, bodies: np.ndarray, grid: Grid) -> np.ndarray:
    """The largest piece of the sacrum's class within reach of the bodies, empty if it is too small to be one.

    i runs along R or nearly so.

    Args:
        bodies: bool (K, J, I), the lowest of a first column; where there is none, every piece is within reach.
    """
    labels, sizes = components(mask, 6)
    if bodies.any():
        near = ndimage.distance_transform_edt(~bodies, sampling=grid.spacing_kji) < SACRUM_REACH_MM
        beside = np.zeros(len(sizes), bool)
        beside[np.unique(labels[near & mask])] = True
        sizes[~beside] = 0
    if sizes.max() * grid.voxel_volume_ml < LEAST_SACRUM_ML * min(1.0, mask.shape[2] * grid.spacing[0] / SACRUM_WIDTH_MM):
        return np.zeros(mask.shape, bool)
    return labels == sizes.argmax()


def _disc_between(disc: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> int:
    """How many of the places ``disc`` (RAS mm, (n, 3)) lie between two bodies' middles."""
    step = upper - lower
    offsets = disc - lower
    share = offsets @ step / (step @ step)
    aside = np.linalg.norm(offsets - share[:, None] * step, axis=1)
    return int(((share > 0) & (share < 1) & (aside < 30.0)).sum())


def _is_sacral(chain: list[int], centers: np.ndarray, volumes: np.ndarray, disc: np.ndarray, below: np.ndarray) -> bool:
    """Whether the first of ``chain`` is a part of the sacrum: very small, or small, close to the next and without a disc to ``below``."""
    share = volumes[chain[0]] / np.median(volumes[chain[1:5]])
    if share > SACRAL_SHARE:
        return False
    pairs = list(zip(chain[1:4], chain[2:5]))
    usual_disc = max(1.0, np.median([_disc_between(disc, centers[a], centers[b]) for a, b in pairs]))
    usual_step = np.median([np.linalg.norm(centers[b] - centers[a]) for a, b in pairs])
    gap = _disc_between(disc, below, centers[chain[0]]) / usual_disc * np.linalg.norm(centers[chain[1]] - centers[chain[0]]) / usual_step
    return bool(share < LEAST_VERTEBRA_SHARE or gap < SACRAL_GAP_SHARE)


def _without_sacral_pieces(chain: list[int], centers: np.ndarray, volumes: np.ndarray, disc: np.ndarray) -> list[int]:
    """The chain without those of its two lowest pieces, and what is below them, that are parts of S1 and S2."""
    for lowest in (1, 0):
        rest = chain[lowest:]
        if len(rest) < 4:
            continue
        below = centers[chain[0]] if lowest else 2 * centers[rest[0]] - centers[rest[1]]
        if _is_sacral(rest, centers, volumes, disc, below):
            return rest[1:]
    return chain


def _ends_column(sacrum: np.ndarray, lowest: np.ndarray, center: np.ndarray, grid: Grid) -> bool:
    """Whether a sacrum lies below the lowest body (whose middle is ``center``), at most one missed body away."""
    if not sacrum.any() or _places(sacrum, grid)[:, 2].mean() > center[2]:
        return False
    distance = ndimage.distance_transform_edt(~lowest, sampling=grid.spacing_kji)
    return bool(distance[sacrum].min() < SACRUM_REACH_MM)


def _above_sacrum(centers: np.ndarray, worth: np.ndarray, sacrum: np.ndarray, grid: Grid) -> np.ndarray:
    """Which candidates lie higher than the sacrum's middle; all, where most of their worth lies below it."""
    if not sacrum.any():
        return np.ones(len(centers), bool)
    above = centers[:, 2] > _places(sacrum, grid)[:, 2].mean()
    return above if worth[above].sum() > 0.5 * worth.sum() else np.ones(len(centers), bool)


def find_column(body: np.ndarray, disc: np.ndarray, sacrum: np.ndarray, certainty: np.ndarray, grid: Grid) -> Column:
    """Parts bodies, orders them and looks for the sacrum below.

    Args:
        body, disc, sacrum: bool (K, J, I), where these classes win; ``certainty`` is the bodies' probability, float32.
        grid: of these arrays; k runs along S or nearly so.

    Returns:
        A column of length 0 where there is no body.
    """
    pieces = _candidates(body, certainty, grid)
    if not pieces:
        largest = _sacrum_beside(sacrum, np.zeros(body.shape, bool), grid)
        return Column(np.zeros(body.shape, np.uint8), np.zeros((0, 3)), np.zeros(0, int), np.zeros(0, bool), largest)
    centers = np.array([_places(piece, grid).mean(0) for piece in pieces])
    volumes = np.array([piece.sum() for piece in pieces], float)
    worth = _worth(pieces, disc, grid)
    first = _best_chain(centers, volumes, worth)
    largest = _sacrum_beside(sacrum, np.any([pieces[index] for index in first[:3]], axis=0), grid)
    possible = np.flatnonzero(_above_sacrum(centers, worth, largest, grid))
    chain = [int(index) for index in possible[_best_chain(centers[possible], volumes[possible], worth[possible])]]
    if largest.any():
        chain = _without_sacral_pieces(chain, centers, volumes, _places(disc, grid))
    bodies = np.zeros(body.shape, np.uint8)
    cut = []
    for number, index in enumerate(chain, 1):
        bodies[pieces[index]] = number
        voxels = np.argwhere(pieces[index])
        cut.append(bool(voxels[:, 0].min() < 1 or voxels[:, 0].max() > body.shape[0] - 2))
    centers = centers[chain]
    levels = places_along(centers)
    below = largest if _ends_column(largest, bodies == 1, centers[0], grid) else np.zeros(body.shape, bool)
    if below.any() and len(centers) > 1:
        gap = np.linalg.norm(_places(below, grid) - centers[0], axis=1).min()
        usual = float(np.median(np.linalg.norm(np.diff(centers, axis=0), axis=1)[:3] / np.diff(levels)[:3]))
        if gap > 1.3 * usual and not cut[0]:
            levels = levels + max(1, round(gap / usual - 0.65))
    return Column(bodies, centers, levels, np.array(cut), below)
