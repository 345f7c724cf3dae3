"""The line through the middles of the vertebral bodies, and how large each level is.

Sizes are those measured on 80 lumbar cases (body spacing 34-36 mm, bodies 37-50 x 30 x 24-28 mm, discs 39 x 28 x 7 mm),
shrinking upward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

LEVELS = 24
"""Vertebrae counted upward: 0 is L5, 4 L1, 5 T12, 16 T1, 17 C7, 22 C2, 23 C1."""


def _interpolated(places: np.ndarray, low: float, step: float, table: np.ndarray) -> np.ndarray:
    """Linear interpolation of an evenly spaced table, faster than ``np.interp``."""
    at = np.clip((places - low) / step, 0, len(table) - 1.001).astype(np.float32)
    index = at.astype(np.int32)
    return table[index] + (at - index) * (table[index + 1] - table[index])


@dataclass(frozen=True)
class Curve:
    """The line through the middles of the bodies, tabulated every millimeter of arc length from ``low``.

    Attributes:
        x, y, z: RAS mm.
        lean, side: radians by which it leans forward and to the right; a body's endplates stand at right angles to it.
    """

    low: float
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    lean: np.ndarray
    side: np.ndarray

    def project(self, points: tuple[np.ndarray, np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """RAS mm to (s, u, v)."""
        px, py, pz = points
        order = np.arange(len(self.z), dtype=np.float32) + self.low
        steps = np.linspace(self.z.min(), self.z.max(), len(self.z))
        s = _interpolated(pz, steps[0], steps[1] - steps[0], np.interp(steps, self.z, order).astype(np.float32))
        for _ in range(3):
            across, forward, upward, side = self._across_forward_upward(points, s)
            s = s + 0.8 * (across * np.sin(side) + upward * np.cos(side))
        across, forward, upward, side = self._across_forward_upward(points, s)
        return s, across * np.cos(side) - upward * np.sin(side), forward

    def _across_forward_upward(
        self, points: tuple[np.ndarray, np.ndarray, np.ndarray], s: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Millimeters from the line at ``s``: to the right, and forward and upward as the line leans forward there; and its ``side``."""
        x, y, z, lean, side = (_interpolated(s, self.low, 1.0, table) for table in (self.x, self.y, self.z, self.lean, self.side))
        px, py, pz = points
        sine, cosine = np.sin(lean), np.cos(lean)
        return px - x, (py - y) * cosine - (pz - z) * sine, (py - y) * sine + (pz - z) * cosine, side


@dataclass(frozen=True)
class Levels:
    """Per level from L5 upward, all in mm (LEVELS,): height of the disc below it and of its body, the body's half width and half depth."""

    disc: np.ndarray
    body: np.ndarray
    width: np.ndarray
    depth: np.ndarray

    @property
    def lower(self) -> np.ndarray:
        """Arc length of the bodies' lower ends."""
        return np.cumsum(self.disc + np.concatenate([[0], self.body[:-1]]))


def random_levels(rng: np.random.Generator) -> Levels:
    """Sizes of a random spine; discs are now and then worn, and one hardly there."""
    number = np.arange(LEVELS, dtype=float)
    body = np.interp(number, [0, 4, 5, 16, 17, 22, 23], [27, 26.5, 25, 17, 14, 14, 12])
    disc = np.interp(number, [0, 1, 4, 5, 8, 16, 17, 23], [9.0, 9.5, 8, 6.5, 4.5, 4.0, 5.0, 4.5])
    width = np.interp(number, [0, 4, 5, 12, 16, 17, 23], [25, 21.5, 20.5, 15, 16, 14, 12])
    depth = np.interp(number, [0, 4, 5, 12, 16, 17, 23], [17, 16, 15.5, 13.5, 10, 8.5, 8])
    size = rng.normal(1, 0.06)
    body, disc, width, depth = (values * size * rng.normal(1, 0.05) * rng.normal(1, 0.025, LEVELS) for values in (body, disc, width, depth))
    worn = rng.random(LEVELS) < rng.choice([0.05, 0.3])
    disc = np.where(worn, disc * rng.uniform(0.3, 0.75, LEVELS), disc)
    if rng.random() < 0.08:
        disc[int(rng.integers(0, 8))] = rng.uniform(0.3, 1.5)
    return Levels(disc, body, width, depth)


def random_curve(rng: np.random.Generator, lower: np.ndarray, scoliosis_degrees: float | None = None) -> Curve:
    """Sacral slope, lumbar lordosis, thoracic kyphosis, cervical lordosis, some scoliosis.

    Args:
        lower: s of the bodies' lower ends.
        scoliosis_degrees: largest lean to the side; None: none in half of the spines, a random one of about 9 in the others.
    """
    low, high = -170.0, float(lower[-1]) + 60
    s = np.arange(low, high)
    slope, loin, chest, neck = rng.normal(38, 9), rng.normal(-12, 7), rng.normal(24, 8), rng.normal(-4, 10)
    knots = [-170, -120, -70, -25, 0, lower[0], lower[2], lower[5], lower[11], lower[16], lower[20], high]
    middle = 0.2 * slope
    angles = [-50, -15, slope - 5, slope + 8, slope, 0.75 * slope, middle, loin, 0.5 * (loin + chest), chest, 0.5 * (neck + chest), neck]
    lean = np.radians(np.interp(s, knots, angles))
    lean = ndimage.gaussian_filter1d(lean, 9, mode="nearest")
    side = np.zeros_like(s)
    if scoliosis_degrees is not None or rng.random() < 0.5:
        amount = np.radians(abs(rng.normal(0, 9)) if scoliosis_degrees is None else scoliosis_degrees)
        side = amount * np.sin(s / rng.uniform(60, 130) + rng.uniform(0, 6.3)) * np.clip((s + 20) / 60, 0, 1)
    x, y, z = (np.cumsum(values) for values in (np.sin(side), np.sin(lean) * np.cos(side), np.cos(lean) * np.cos(side)))
    origin = int(-low)
    tables = [(table - table[origin]).astype(np.float32) for table in (x, y, z)]
    return Curve(low, *tables, lean.astype(np.float32), side.astype(np.float32))
