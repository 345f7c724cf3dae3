"""The drawn canal: a tube of elliptic sections behind drawn bodies, narrow at a place in some."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from Testing.known_sizes.drawn_body import Body


@dataclass(frozen=True, eq=False)
class Tube:
    """The canal: an axis (N, 3) downward with half depths and half widths, mm (N,), and its fronts (N, 3)."""

    axis: np.ndarray
    depths: np.ndarray
    widths: np.ndarray
    fronts: np.ndarray
    tangents: np.ndarray

    def radius(self, ras: np.ndarray, thicker: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Elliptic radius (1 at the wall, ``thicker`` mm farther out), offset to the front and number on the axis of RAS points (N, 3)."""
        _, near = cKDTree(self.axis[::8]).query(ras)
        near *= 8
        for _ in range(2):
            offset = ras - self.axis[near]
            along = np.einsum("ni,ni->n", offset, self.tangents[near])
            near = np.clip(near + np.rint(along / 0.25).astype(int), 0, len(self.axis) - 1)
        offset = ras - self.axis[near]
        along = np.einsum("ni,ni->n", offset, self.tangents[near])
        y = np.einsum("ni,ni->n", offset, self.fronts[near])
        x = np.einsum("ni,ni->n", offset, np.cross(self.fronts[near], -self.tangents[near]))
        radius = np.sqrt((x / (self.widths[near] + thicker)) ** 2 + (y / (self.depths[near] + thicker)) ** 2)
        return np.where(np.abs(along) < 0.3, radius, np.inf), y, near

    def at_plane(self, point: np.ndarray, normal: np.ndarray) -> int:
        heights = np.abs((self.axis - point) @ normal) + 0.02 * np.linalg.norm(self.axis - point, axis=1)
        return int(heights.argmin())


def draw_tube(rng: np.random.Generator, bodies: list[Body], slips: list[float], ill: bool) -> Tube:
    wide = {"C": (6.0, 9.5), "T": (6.5, 8.0), "L": (7.5, 10.5), "S": (6.5, 10.0)}
    points, depths, widths = [], [], []
    reach = [max(abs(slips[n]) if 0 <= n < len(slips) else 0.0 for n in (number - 1, number)) for number in range(len(bodies))]
    for number, body in enumerate(bodies):
        half = [n * rng.uniform(0.9, 1.1) for n in wide[body.name[0]]]
        lordotic = 1.5 + reach[number] + 0.02 * body.height
        for z, here in ((0.75, number == 0), (0.0, True), (-0.75, number == len(bodies) - 1)):
            if here:
                points.append(body.ras(np.array([0.0, -body.half[1] - half[0] - lordotic, z * body.height])))
                depths.append(half[0])
                widths.append(half[1])
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    places = np.arange(0.0, lengths[-1], 0.25)
    axis = CubicSpline(lengths, np.array(points))(places)
    depth, width = np.interp(places, lengths, depths), np.interp(places, lengths, widths)
    kernel = np.exp(-0.5 * (np.arange(-60, 61) / 24.0) ** 2)
    kernel /= kernel.sum()
    depth, width = (np.convolve(np.pad(each, 60, mode="edge"), kernel, mode="valid") for each in (depth, width))
    if ill and rng.random() < 0.6:
        at = lengths[int(rng.integers(1, len(lengths) - 1))] + rng.uniform(-8, 8)
        depth = depth * (1.0 - rng.uniform(0.15, 0.45) * np.exp(-0.5 * ((places - at) / 7.0) ** 2))
    tangents = np.gradient(axis, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    forward = np.mean([body.axes[:, 1] for body in bodies], axis=0)
    fronts = forward - (tangents @ forward)[:, None] * tangents
    return Tube(axis, depth, width, fronts / np.linalg.norm(fronts, axis=1, keepdims=True), tangents)
