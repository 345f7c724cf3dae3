"""A vertebral body's own axes: to its right, its front and up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

RIGHT, FRONT, UP = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Frame:
    """A body's own axes.

    Attributes:
        center: RAS mm, (3,).
        axes: unit columns right, front, up, 3x3.
    """

    center: np.ndarray
    axes: np.ndarray

    def ras(self, local: np.ndarray) -> np.ndarray:
        """Own coordinates right, front, up (..., 3) as RAS mm."""
        return self.center + local @ self.axes.T

    def local(self, ras: np.ndarray) -> np.ndarray:
        """RAS mm (..., 3) as own coordinates."""
        return (ras - self.center) @ self.axes

    @staticmethod
    def of(center: np.ndarray, up: np.ndarray, front: np.ndarray) -> Frame:
        """Up is kept, front is made perpendicular to it."""
        up = up / np.linalg.norm(up)
        front = front - front @ up * up
        front = front / np.linalg.norm(front)
        return Frame(center, np.stack([np.cross(front, up), front, up], -1))


def grid_of(*sides: ArrayLike) -> np.ndarray:
    """Every combination of places along each of three sides, or two, (N, 3) or (N, 2)."""
    return np.stack([side.ravel() for side in np.meshgrid(*(np.asarray(side) for side in sides), indexing="ij")], -1)
