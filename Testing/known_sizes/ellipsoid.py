"""An ellipsoid: which places it holds, and the exact sizes of it and of its slices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation


@dataclass(frozen=True)
class Ellipsoid:
    """One anywhere in space.

    Attributes:
        center: RAS mm, (3,).
        semi: its semi-axes in mm, (3,).
        axes: 3x3, their directions as unit columns.
    """

    center: np.ndarray
    semi: np.ndarray
    axes: np.ndarray

    @staticmethod
    def random(rng: np.random.Generator, center: np.ndarray, least: float, most: float) -> Ellipsoid:
        """Of semi-axes between two lengths, turned at random."""
        return Ellipsoid(center, rng.uniform(least, most, 3), Rotation.random(random_state=rng).as_matrix())

    @property
    def form(self) -> np.ndarray:
        """3x3: places p with (p - center) form (p - center) up to 1 are inside."""
        return self.axes @ np.diag(1 / self.semi**2) @ self.axes.T

    @property
    def ml(self) -> float:
        return float(4 / 3 * np.pi * self.semi.prod() / 1000)

    def scaled(self, factor: float) -> Ellipsoid:
        return Ellipsoid(self.center, self.semi * factor, self.axes)

    def holds(self, places: np.ndarray) -> np.ndarray:
        """Which places (..., 3) lie inside, bool (...)."""
        away = places - self.center
        return np.einsum("...a,ab,...b->...", away, self.form, away) <= 1

    def reach(self, direction: np.ndarray) -> float:
        """How far it reaches from its center along a unit direction, in mm."""
        return float(np.linalg.norm(self.semi * (self.axes.T @ direction)))

    def slice_diameters(self, point: np.ndarray, steps: np.ndarray) -> tuple[float, float] | None:
        """The long and the short diameter of its section with a plane, None where they do not meet.

        Args:
            point: RAS mm of a point of the plane.
            steps: two directions in the plane as columns, (3, 2).
        """
        within = np.linalg.qr(steps)[0]
        away = point - self.center
        form, slope = within.T @ self.form @ within, within.T @ self.form @ away
        left = 1 - away @ self.form @ away + slope @ np.linalg.solve(form, slope)
        if left <= 0:
            return None
        short, long = np.sort(2 * np.sqrt(left / np.linalg.eigvalsh(form)))
        return float(long), float(short)
