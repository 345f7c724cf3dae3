"""Grids as scanners and their users make them: turned, anisotropic, sheared, left-handed."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.triple import triple
from Testing.known_sizes.ellipsoid import Ellipsoid

LEAST_SPACING, MOST_SPACING = 0.5, 4.0


def random_spacing(rng: np.random.Generator) -> np.ndarray:
    """mm along i, j, k: alike in the slices, and from one to 4 mm thick; one in four is uneven altogether."""
    if rng.random() < 0.25:
        return rng.uniform(LEAST_SPACING, MOST_SPACING, 3)
    within = rng.uniform(LEAST_SPACING, 1.5)
    return np.array([within, within, rng.uniform(within, MOST_SPACING)])


def random_grid(rng: np.random.Generator, center: np.ndarray, radius: float, spacing: np.ndarray | None = None) -> Grid:
    """A grid of random directions that holds a ball of a radius (mm) around a RAS center; one in three is sheared, one in two left-handed."""
    spacing = random_spacing(rng) if spacing is None else spacing
    shear = np.eye(3)
    if rng.random() < 1 / 3:
        shear[0, 1], shear[0, 2], shear[1, 2] = rng.uniform(-0.3, 0.3, 3)
    axes = Rotation.random(random_state=rng).as_matrix() @ shear * (1 if rng.random() < 0.5 else np.array([-1, 1, 1]))
    linear = axes / np.linalg.norm(axes, axis=0) * spacing
    reach = radius * np.linalg.norm(np.linalg.inv(linear), axis=1)
    counts = np.ceil(2 * reach).astype(int) + 5
    middle = (counts - 1) / 2 + rng.uniform(-0.5, 0.5, 3)
    return Grid(triple(int(count) for count in counts[::-1]), Affine.of(linear, center - linear @ middle))


def places_of(grid: Grid) -> np.ndarray:
    """RAS mm of every voxel center, (K, J, I, 3)."""
    return grid.affine.apply_kji(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1))


def paint(labels: np.ndarray, grid: Grid, shape: Ellipsoid, value: int) -> None:
    """Sets the voxels (K, J, I) whose centers lie in an ellipsoid."""
    box, part = _part(grid, shape)
    labels[box][shape.holds(places_of(part))] = value


def whole(labels: np.ndarray, grid: Grid, shape: Ellipsoid, value: int) -> bool:
    """Whether nothing else was painted over an ellipsoid."""
    box, part = _part(grid, shape)
    return bool((labels[box][shape.holds(places_of(part))] == value).all())


def _part(grid: Grid, shape: Ellipsoid) -> tuple[tuple[slice, ...], Grid]:
    reach = shape.semi.max()
    ends = shape.center + reach * np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    start, stop = grid.index_box(ends)
    return tuple(slice(low, high) for low, high in zip(start, stop)), grid.crop(start, stop)
