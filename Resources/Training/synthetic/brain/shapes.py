"""Distances and noise in millimeters over a box of the head, from which procedural anatomy is built.

A `Box` is a grid along R, A, S; every field is float32 (K, J, I). Noise is drawn over the
whole head and only then sampled on the box, so a crop shows the same head as the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurospineseg.geometry.affine import Affine

HEAD_LOW = np.array([-100.0, -130.0, -110.0])
HEAD_HIGH = np.array([100.0, 110.0, 100.0])


def _spline_weights(places: np.ndarray, count: int) -> np.ndarray:
    """Cubic B-spline weights (N, count) of ``places`` given in control points."""
    distance = np.abs(places[:, None] - np.arange(count)[None])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)


@dataclass(frozen=True)
class Box:
    """A grid of ``spacing_mm`` between RAS corners ``low`` and ``high`` (mm, shape (3,))."""

    low: np.ndarray
    high: np.ndarray
    spacing_mm: float

    @property
    def shape(self) -> tuple[int, int, int]:
        return tuple(int(n) for n in np.ceil((np.asarray(self.high) - self.low) / self.spacing_mm - 1e-6))[::-1]

    @property
    def ijk_to_ras(self) -> np.ndarray:
        return Affine.of(np.diag([self.spacing_mm] * 3), np.asarray(self.low) + self.spacing_mm / 2).matrix

    def axes(self) -> list[np.ndarray]:
        """Voxel centers in mm along R, A, S."""
        return [np.float32(self.low[a]) + self.spacing_mm * (np.arange(self.shape[2 - a], dtype=np.float32) + 0.5) for a in range(3)]

    def noise(self, rng: np.random.Generator, lattice_mm: float | tuple[float, float, float]) -> np.ndarray:
        """Smooth noise of unit deviation (roughly) whose control points lie ``lattice_mm`` apart along R, A, S."""
        steps = np.broadcast_to(np.asarray(lattice_mm, float), (3,))
        counts = np.ceil((HEAD_HIGH - HEAD_LOW) / steps).astype(int) + 3
        control = rng.standard_normal(tuple(counts[::-1]), dtype=np.float32)
        for axis, places in enumerate(self.axes()[::-1]):
            r = 2 - axis
            weights = _spline_weights((places - HEAD_LOW[r]) / steps[r] + 1, counts[r])
            control = np.moveaxis(np.tensordot(weights, control, (1, axis)), 0, axis)
        return control * np.float32(1.8)

    def warped(self, rng: np.random.Generator, amounts: tuple[tuple[float, float], ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Coordinates x, y, z (mm), each (K, J, I), displaced by noise of the given (mm, mm between control points) pairs."""
        x, y, z = self.axes()
        full = [
            np.broadcast_to(x[None, None], self.shape),
            np.broadcast_to(y[None, :, None], self.shape),
            np.broadcast_to(z[:, None, None], self.shape),
        ]
        return tuple(axis + sum(np.float32(mm) * self.noise(rng, step) for mm, step in amounts) for axis in full)


def ellipsoid(points, center, semi_axes, directions: np.ndarray | None = None) -> np.ndarray:
    """Depth inside an ellipsoid in mm (negative outside, exact only near its surface).

    Args:
        points: x, y, z fields.
        center, semi_axes: mm, shape (3,).
        directions: 3x3, rows are the unit directions of the semi-axes; R, A, S if None.
    """
    x, y, z = (p - np.float32(c) for p, c in zip(points, center))
    if directions is not None:
        x, y, z = (x * np.float32(d[0]) + y * np.float32(d[1]) + z * np.float32(d[2]) for d in directions)
    a, b, c = (np.float32(s) for s in semi_axes)
    x, y, z = x / a, y / b, z / c
    radius = np.sqrt(x * x + y * y + z * z)
    slope = np.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2)
    return (1 - radius) * radius / np.maximum(slope, np.float32(1e-6))


def tube(points, path: np.ndarray) -> np.ndarray:
    """Depth inside a tube through ``path`` (N, 4): R, A, S and radius in mm; negative outside."""
    depth = None
    for start, stop in zip(path[:-1], path[1:]):
        along = (stop - start)[:3]
        length = float(along @ along)
        t = sum((p - np.float32(s)) * np.float32(d) for p, s, d in zip(points, start, along)) / np.float32(length)
        t = np.clip(t, 0, 1)
        squared = sum((p - np.float32(s) - t * np.float32(d)) ** 2 for p, s, d in zip(points, start, along))
        here = np.float32(start[3]) + t * np.float32(stop[3] - start[3]) - np.sqrt(squared)
        depth = here if depth is None else np.maximum(depth, here)
    return depth
