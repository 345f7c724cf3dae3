"""A drawn vertebral body: a superellipse with a waist between two tilted, hollow endplates, with or without osteophytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Plate:
    """An endplate in its body's frame: ``offset`` + tilts and a bowl, mm; ``sign`` is 1 for the upper one."""

    offset: float
    to_right: float
    to_front: float
    hollow: float
    deepest: float
    sign: float

    def height(self, x: np.ndarray, y: np.ndarray, half: tuple[float, float]) -> np.ndarray:
        """Local z over places x (right), y (front) in mm; the bowl has a flat rim."""
        radius = (x / half[0]) ** 2 + ((y - self.deepest * half[1]) / half[1]) ** 2
        bowl = np.clip(1.0 - radius / 0.85, 0.0, None) ** 1.5
        return self.offset + self.to_right * x + self.to_front * y - self.sign * self.hollow * bowl

    @property
    def normal(self) -> np.ndarray:
        """In the body's frame, of the plane through the rim."""
        vector = np.array([-self.to_right, -self.to_front, 1.0])
        return vector / np.linalg.norm(vector)


def tilt(plate: Plate) -> np.ndarray:
    """Takes the body's frame to one whose up is across the plate's rim."""
    up = plate.normal
    front = np.array([0.0, 1.0, plate.to_front])
    front = front - front @ up * up
    front /= np.linalg.norm(front)
    return np.stack([np.cross(front, up), front, up], -1)


@dataclass(frozen=True, eq=False)
class Body:
    """A vertebral body; ``axes`` are right, front, up as columns."""

    name: str
    center: np.ndarray
    axes: np.ndarray
    half: tuple[float, float]
    height: float
    waist: float
    power: float
    upper: Plate
    lower: Plate
    lips: tuple[np.ndarray, ...] = ()

    @property
    def key(self) -> str:
        return "sacrum" if self.name == "S1" else f"vertebra_{self.name}"

    def ras(self, local: np.ndarray) -> np.ndarray:
        return self.center + local @ self.axes.T

    def local(self, ras: np.ndarray) -> np.ndarray:
        return (ras - self.center) @ self.axes

    def scale(self, z: np.ndarray) -> np.ndarray:
        """Of the cross-section at a height: 1 at the endplates, less between."""
        return 1.0 - self.waist * (1.0 - np.clip(np.abs(z) / (self.height / 2), 0.0, 1.0) ** 2)

    def radial(self, local: np.ndarray) -> np.ndarray:
        """At most 1 inside the walls."""
        scale = self.scale(local[..., 2])
        x, y = np.abs(local[..., 0]) / (self.half[0] * scale), np.abs(local[..., 1]) / (self.half[1] * scale)
        return (x**self.power + y**self.power) ** (1 / self.power)

    def holds(self, ras: np.ndarray) -> np.ndarray:
        local = self.local(ras)
        x, y, z = np.moveaxis(local, -1, 0)
        inside = (self.radial(local) <= 1.0) & (z <= self.upper.height(x, y, self.half)) & (z >= self.lower.height(x, y, self.half))
        for lip in self.lips:
            inside |= np.linalg.norm(local - lip, axis=-1) < 2.5
        return inside

    def edge(self, plate: Plate, sign: float) -> np.ndarray:
        """RAS of an endplate's front (1) or back (-1) edge in the mid-sagittal plane."""
        y = sign * self.half[1]
        for _ in range(20):
            z = plate.height(np.zeros(1), np.array([y]), self.half)[0]
            y = sign * self.half[1] * float(self.scale(np.array(z)))
        return self.ras(np.array([0.0, y, z]))

    def middle(self, plate: Plate) -> np.ndarray:
        """RAS of an endplate's surface halfway between its edges."""
        y = sum(self.local(self.edge(plate, sign))[1] for sign in (1.0, -1.0)) / 2
        return self.ras(np.array([0.0, y, plate.height(np.zeros(1), np.array([y]), self.half)[0]]))
