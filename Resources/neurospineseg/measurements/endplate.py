"""The upper or lower surface of a vertebral body or a disc, between its front and its back wall."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neurospineseg.measurements.body_frame import FRONT, RIGHT, UP, Frame
from neurospineseg.measurements.body_walls import Window, wall_at
from neurospineseg.measurements.endplate_rays import RIM, Rays, slopes_of
from neurospineseg.measurements.surface_fit import bowl_terms


@dataclass(frozen=True, eq=False)
class Endplate:
    """The upper or lower surface of a body or a disc.

    Attributes:
        front, back, middle: RAS mm of its front and back edge and its middle in the body's mid-sagittal plane, (3,).
        normal: RAS, unit, upward, of the plane through its edges, (3,).
        forward: RAS, unit, from the back edge to the front edge, (3,).
        tilts_sideways: whether enough of it is seen to tell how it leans to the side.
        half_width: mm.
        frame, fitted, half: the surface, see ``height_at``: ``bowl_terms`` in this frame over half width, half depth and depth's middle.
    """

    front: np.ndarray
    back: np.ndarray
    middle: np.ndarray
    normal: np.ndarray
    forward: np.ndarray
    tilts_sideways: bool
    half_width: float
    frame: Frame
    fitted: np.ndarray
    half: tuple[float, float, float]

    @property
    def depth(self) -> float:
        """From the back edge to the front edge, mm."""
        return float(np.linalg.norm(self.front - self.back))

    def height_at(self, points: np.ndarray) -> np.ndarray:
        """Where lines up and down through RAS points (N, 3) meet the surface, RAS mm (N, 3)."""
        local = self.frame.local(points)
        half_x, half_y, middle_y = self.half
        local[:, UP] = bowl_terms(local[:, RIGHT] / half_x, (local[:, FRONT] - middle_y) / half_y) @ self.fitted
        return self.frame.ras(local)

    def corners(self) -> np.ndarray:
        """Three corners of a parallelogram to show: back on the right, front on the right, back on the left; RAS mm (3, 3)."""
        right = np.cross(self.forward, self.normal) * self.half_width
        return np.stack([self.back + right, self.front + right, self.back - right])


def endplate_of(
    frame: Frame,
    fitted: np.ndarray | None,
    half: tuple[float, float, float],
    walls: tuple[np.ndarray | None, np.ndarray | None],
    window: Window,
    rays: Rays,
) -> Endplate | None:
    """An endplate between the front and the back wall: its edges are where these, carried on, meet it."""
    if fitted is None or walls[0] is None or walls[1] is None:
        return None
    half_x, half_y, middle_y = half

    _, rise = slopes_of(fitted, half)

    def place(y: float) -> np.ndarray:
        """Beyond what was looked at, the plane through the rim is carried on: the bowl's model knows nothing there."""
        inner = np.clip((y - middle_y) / half_y, -RIM, RIM)
        height = float((bowl_terms(np.zeros(1), np.array([inner])) @ fitted)[0])
        return np.array([0.0, y, height + rise * (y - middle_y - inner * half_y)])

    front, back = (_edge(place, wall, sign, half, window) for wall, sign in zip(walls, (1.0, -1.0)) if wall is not None)
    middle = place((front[FRONT] + back[FRONT]) / 2)
    slope_y = (front[UP] - back[UP]) / (front[FRONT] - back[FRONT])
    normal = frame.axes @ np.array([-slopes_of(fitted, half)[0], -slope_y, 1.0])
    forward = frame.axes @ (front - back)
    return Endplate(
        frame.ras(front),
        frame.ras(back),
        frame.ras(middle),
        normal / np.linalg.norm(normal),
        forward / np.linalg.norm(forward),
        bool(np.quantile(np.abs(rays.places[:, RIGHT]), 0.95) > 0.55 * half_x),
        half_x,
        frame,
        fitted,
        half,
    )


def _edge(
    place: Callable[[float], np.ndarray], wall: np.ndarray, sign: float, half: tuple[float, float, float], window: Window
) -> np.ndarray:
    """Where a wall in front (1) or behind (-1) meets an endplate whose surface is at ``place(y)``."""
    _, half_y, middle_y = half
    y = sign * wall_at(wall, 0.0)
    for _ in range(3):
        along = np.clip((place(y)[UP] - window.middle_along) / window.along, -1.7, 1.7)
        y = float(np.clip(sign * wall_at(wall, along), middle_y - 1.2 * half_y, middle_y + 1.2 * half_y))
    return place(y)
