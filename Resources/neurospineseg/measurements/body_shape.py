"""The shape of a vertebral body, or of a disc: its two endplates and its walls, in a frame of its own. The arch is set aside by the rays,
which begin in the body and end where they first leave it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neurospineseg.measurements.mask_field import CUT_OFF, ENDLESS, INSIDE, MaskField
from neurospineseg.measurements.surface_fit import BOWL_PRIOR_MM, WALL_PRIOR_MM, bowl_terms, noise_of, robust_fit, wall_terms

RIM = 0.95
"""Where an endplate's edge is, in half depths, for its slope."""
FOOTPRINT = 0.91
"""Share of an endplate, from its middle, that is looked at; the rim is often rounded, and cut off by the voxels."""
WALL_SHARE = 0.35
"""Of the height, to either side of the middle: where walls are looked at, away from osteophytes at the edges."""
ROUNDNESS = 2.5
"""Exponent of the superellipse that an endplate's outline is taken for."""
MOST_CUT = 0.15
"""Share of an endplate's rays that may leave the grid."""
LEAST_SHARE = 0.45
"""Of an endplate, less than this share of the rays that find it leave it unmeasured."""
WIDTH_TO_DEPTH = 1.35
"""Of a body whose width is not seen."""
RAY_STEP_MM = 1.2
UNIT = np.eye(3)
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


@dataclass(frozen=True, eq=False)
class BodyShape:
    """What is seen of a body.

    Attributes:
        frame: its middle and axes.
        upper, lower: its endplates, None where they are not measured.
        upper_cut, lower_cut: whether the edge of the grid cuts them.
        front, back: RAS mm of the walls at half the height in the mid-sagittal plane, None where cut.
        left, right: likewise of the widest place, None where cut or unknown.
        sides_cut: whether the edge of the grid cuts a side.
    """

    frame: Frame
    upper: Endplate | None
    lower: Endplate | None
    upper_cut: bool
    lower_cut: bool
    front: np.ndarray | None
    back: np.ndarray | None
    left: np.ndarray | None
    right: np.ndarray | None
    sides_cut: bool
    half: tuple[float, float] = (20.0, 15.0)


@dataclass(frozen=True)
class _Extent:
    """Distances from a frame's center to the walls, mm; NaN where they are cut or not found."""

    front: float
    back: float
    left: float
    right: float
    sides_cut: bool

    @property
    def half_depth(self) -> float:
        return (self.front + self.back) / 2

    @property
    def middle_y(self) -> float:
        return (self.front - self.back) / 2

    @property
    def half_width(self) -> float:
        return (self.left + self.right) / 2

    @property
    def middle_x(self) -> float:
        return (self.right - self.left) / 2


def _grid_of(*sides: ArrayLike) -> np.ndarray:
    return np.stack([side.ravel() for side in np.meshgrid(*(np.asarray(side) for side in sides), indexing="ij")], -1)


def _reach(field: MaskField, frame: Frame, axis: int, sign: float, offsets: np.ndarray, reach: float) -> tuple[float, bool]:
    """The median distance to a wall along an axis from starts at ``offsets`` (N, 3), and whether most rays left the grid."""
    distance, state = field.exits(frame.ras(offsets), sign * frame.axes[:, axis], reach)
    found = distance[state == INSIDE]
    cut = (state == CUT_OFF).sum() >= max(1, len(found))
    return (float(np.median(found)) if len(found) else np.nan), bool(cut)


def _extent(field: MaskField, frame: Frame, half_height: float) -> _Extent:
    span = np.array([-0.3, -0.1, 0.1, 0.3]) * half_height
    aside = np.array([-3.0, -1.0, 1.0, 3.0])
    across = _grid_of(aside, [0.0], span)
    along = _grid_of([0.0], aside, span)
    front, front_cut = _reach(field, frame, FRONT, 1.0, across, 60.0)
    back, back_cut = _reach(field, frame, FRONT, -1.0, across, 60.0)
    right, right_cut = _reach(field, frame, RIGHT, 1.0, along, 60.0)
    left, left_cut = _reach(field, frame, RIGHT, -1.0, along, 60.0)
    return _Extent(
        np.nan if front_cut else front,
        np.nan if back_cut else back,
        np.nan if left_cut else left,
        np.nan if right_cut else right,
        left_cut or right_cut,
    )


@dataclass(frozen=True, eq=False)
class _Rays:
    """Endplate rays of one direction: local places (N, 3) where they left the mask, how many were cast, how many the grid cut."""

    places: np.ndarray
    cast: int
    cut: int
    ended: int


def _cast(field: MaskField, frame: Frame, sign: float, half: tuple[float, float, float], reach: float) -> _Rays:
    """Rays up or down from the middle plane, over the footprint of an endplate."""
    half_x, half_y, middle_y = half
    step = max(RAY_STEP_MM, 0.5 * float(field.part.spacing.min()))
    x = np.arange(-half_x, half_x + 1e-6, 2 * half_x / max(6, round(2 * half_x / step)))
    y = np.arange(-half_y, half_y + 1e-6, 2 * half_y / max(6, round(2 * half_y / step)))
    starts = _grid_of(x, y + middle_y, [0.0])
    share = np.abs(starts[:, 0] / half_x) ** ROUNDNESS + np.abs((starts[:, 1] - middle_y) / half_y) ** ROUNDNESS
    starts = starts[share < FOOTPRINT**ROUNDNESS]
    distance, state = field.exits(frame.ras(starts), sign * frame.axes[:, UP], reach)
    found = state == INSIDE
    places = starts[found] + np.outer(sign * distance[found], UNIT[UP])
    beyond = np.isnan(field.at(frame.ras(starts)))
    return _Rays(places, len(starts), int(((state == CUT_OFF) & ~beyond).sum()), int((state == ENDLESS).sum()))


def _fit(field: MaskField, frame: Frame, rays: _Rays, half: tuple[float, float, float]) -> np.ndarray:
    half_x, half_y, middle_y = half
    places = rays.places
    terms = bowl_terms(places[:, RIGHT] / half_x, (places[:, FRONT] - middle_y) / half_y)
    voxel = field.width_along(frame.axes[:, UP])
    cell = field.width_along(frame.axes[:, RIGHT]) * field.width_along(frame.axes[:, FRONT])
    per_cell = cell * rays.cast / (3.4 * half_x * half_y)
    prior = BOWL_PRIOR_MM.copy()
    if np.abs(places[:, RIGHT]).max() < 0.5 * half_x:
        prior[[1, 3, 4, 6]] = 0.5
    return robust_fit(terms, places[:, UP], prior, noise_of(voxel, per_cell), voxel)


def _usable(rays: _Rays) -> bool:
    return (
        len(rays.places) >= 20
        and rays.cut < MOST_CUT * rays.cast
        and len(rays.places) > LEAST_SHARE * (len(rays.places) + rays.cut + rays.ended)
    )


def _slopes(fitted: np.ndarray, half: tuple[float, float, float]) -> tuple[float, float]:
    """Rise per mm to the right and to the front, from edge to edge."""
    edges = bowl_terms(np.array([0.9, -0.9, 0.0, 0.0]), np.array([0.0, 0.0, RIM, -RIM])) @ fitted
    return float(edges[0] - edges[1]) / (1.8 * half[0]), float(edges[2] - edges[3]) / (2.0 * RIM * half[1])


@dataclass(frozen=True)
class _Window:
    """Where a wall is looked at: half its length across and up and down, and its middle, mm in the body's frame."""

    across: float
    along: float
    middle_across: float
    middle_along: float


def _wall(field: MaskField, frame: Frame, axis: int, sign: float, window: _Window) -> np.ndarray | None:
    """Coefficients of ``wall_terms`` for a wall in front, behind or at a side; None where it is cut or unseen."""
    across, along = (np.linspace(-1, 1, max(7, int(2 * half / RAY_STEP_MM))) for half in (window.across, window.along))
    other = RIGHT if axis == FRONT else FRONT
    grid = _grid_of(across, along)
    starts = np.zeros((len(grid), 3))
    starts[:, other] = window.middle_across + window.across * grid[:, 0]
    starts[:, UP] = window.middle_along + window.along * grid[:, 1]
    distance, state = field.exits(frame.ras(starts), sign * frame.axes[:, axis], 60.0)
    found = state == INSIDE
    if found.sum() < 12 or (state == CUT_OFF).sum() > 0.2 * found.sum():
        return None
    cell = field.width_along(frame.axes[:, other]) * field.width_along(frame.axes[:, UP])
    voxel, rays_in_cell = field.width_along(frame.axes[:, axis]), len(grid) / max(1.0, 4 * window.across * window.along / cell)
    return robust_fit(wall_terms(*grid[found].T), distance[found], WALL_PRIOR_MM, noise_of(voxel, rays_in_cell, 2.0), voxel)


def _wall_at(fitted: np.ndarray, along: float) -> float:
    return float(wall_terms(np.zeros(1), np.array([along]))[0] @ fitted)


def fit_body(field: MaskField, start: Frame, half_height: float, lower_too: bool = True, most_half_width: float = 40.0) -> BodyShape | None:
    """The shape of what a field shows around a frame that is roughly its own; None where it cannot be told.

    Args:
        half_height: mm from the center to either endplate, roughly.
        lower_too: False for the sacrum, which has an upper endplate alone; the frame's center then stays below it.
        most_half_width: no wider than this is looked at.
    """
    frame = start
    for _ in range(4):
        found = _refined(field, frame, half_height, lower_too, most_half_width)
        if found is None:
            return None
        frame, half_height = found
    return _shape(field, frame, half_height, lower_too, most_half_width)


def _half(extent: _Extent, most_half_width: float) -> tuple[float, float, float] | None:
    """Half width, half depth and the depth's middle; None where the depth is not seen."""
    if not (np.isfinite(extent.half_depth) and 3.0 < extent.half_depth < 40.0):
        return None
    half_x = extent.half_width if np.isfinite(extent.half_width) else WIDTH_TO_DEPTH * extent.half_depth
    half_x = min(half_x, 1.75 * extent.half_depth)
    return min(half_x, most_half_width), extent.half_depth, extent.middle_y


def _refined(field: MaskField, frame: Frame, half_height: float, lower_too: bool, most: float) -> tuple[Frame, float] | None:
    """A better frame, and half the height."""
    extent = _extent(field, frame, half_height)
    half = _half(extent, most)
    if half is None:
        return None
    rays = [_cast(field, frame, sign, half, 3.0 * half_height + 12.0) for sign in ((1.0, -1.0) if lower_too else (1.0,))]
    usable = [each for each in rays if _usable(each)]
    if not usable:
        return None
    fits = [_fit(field, frame, each, half) for each in usable]
    slopes = np.mean([_slopes(fitted, half) for fitted in fits], axis=0)
    up = frame.axes @ np.array([-slopes[0], -slopes[1], 1.0])
    heights = [float(fitted[0]) for fitted in fits]
    if lower_too and len(fits) == 2:
        middle_z, half_height = (heights[0] + heights[1]) / 2, (heights[0] - heights[1]) / 2
    elif lower_too:
        middle_z = 0.0
    else:
        middle_z = heights[0] - half_height
    middle_x = extent.middle_x if np.isfinite(extent.half_width) and most > 39.0 else 0.0
    moved = frame.ras(np.array([np.clip(middle_x, -8, 8), np.clip(extent.middle_y, -8, 8), np.clip(middle_z, -8, 8)]))
    return Frame.of(moved, up, frame.axes[:, FRONT]), max(half_height, 1.0)


def _shape(field: MaskField, frame: Frame, half_height: float, lower_too: bool, most: float) -> BodyShape | None:
    extent = _extent(field, frame, half_height)
    half = _half(extent, most)
    if half is None:
        return None
    upper, lower = (_cast(field, frame, sign, half, 3.0 * half_height + 12.0) for sign in (1.0, -1.0))
    above = _fit(field, frame, upper, half) if _usable(upper) else None
    below = _fit(field, frame, lower, half) if lower_too and _usable(lower) else None
    high = float(above[0]) if above is not None else half_height
    low = float(below[0]) if below is not None else -half_height if lower_too else high - min(12.0, 1.6 * half_height)
    middle = (high + low) / 2
    window = _Window(0.3 * half[0], WALL_SHARE * (high - low), 0.0, middle)
    front, back = (_wall(field, frame, FRONT, sign, window) for sign in (1.0, -1.0))
    aside = _Window(0.22 * half[1], 0.2 * (high - low), half[2] + 0.1 * half[1], middle)
    right, left = (None if extent.sides_cut else _wall(field, frame, RIGHT, sign, aside) for sign in (1.0, -1.0))
    wide = right is not None and left is not None
    plates = [_endplate(frame, fitted, half, (front, back), window, rays) for fitted, rays in ((above, upper), (below, lower))]
    beyond = [plate is not None and bool(np.isnan(field.at(np.stack([plate.front, plate.back]))).any()) for plate in plates]
    return BodyShape(
        frame,
        None if beyond[0] else plates[0],
        None if beyond[1] else plates[1],
        upper.cut >= MOST_CUT * upper.cast or beyond[0],
        lower.cut >= MOST_CUT * lower.cast or beyond[1],
        _on_wall(frame, front, [0.0, 1.0], middle),
        _on_wall(frame, back, [0.0, -1.0], middle),
        _on_wall(frame, left, [-1.0, aside.middle_across], middle) if wide else None,
        _on_wall(frame, right, [1.0, aside.middle_across], middle) if wide else None,
        extent.sides_cut,
        (half[0], half[1]),
    )


def _on_wall(frame: Frame, fitted: np.ndarray | None, toward: list[float], height: float) -> np.ndarray | None:
    """RAS of a wall's middle: in front and behind ``toward`` is 0 and a sign, at the sides a sign and how far in front."""
    if fitted is None:
        return None
    reach = _wall_at(fitted, 0.0)
    x, y = (0.0, toward[1] * reach) if toward[0] == 0 else (toward[0] * reach, toward[1])
    return frame.ras(np.array([x, y, height]))


def _endplate(
    frame: Frame,
    fitted: np.ndarray | None,
    half: tuple[float, float, float],
    walls: tuple[np.ndarray | None, np.ndarray | None],
    window: _Window,
    rays: _Rays,
) -> Endplate | None:
    """An endplate between the front and the back wall: its edges are where these, carried on, meet it."""
    if fitted is None or walls[0] is None or walls[1] is None:
        return None
    half_x, half_y, middle_y = half

    _, rise = _slopes(fitted, half)

    def place(y: float) -> np.ndarray:
        """Beyond what was looked at, the plane through the rim is carried on: the bowl's model knows nothing there."""
        inner = np.clip((y - middle_y) / half_y, -RIM, RIM)
        height = float((bowl_terms(np.zeros(1), np.array([inner])) @ fitted)[0])
        return np.array([0.0, y, height + rise * (y - middle_y - inner * half_y)])

    front, back = (_edge(place, wall, sign, half, window) for wall, sign in zip(walls, (1.0, -1.0)) if wall is not None)
    middle = place((front[FRONT] + back[FRONT]) / 2)
    slope_y = (front[UP] - back[UP]) / (front[FRONT] - back[FRONT])
    normal = frame.axes @ np.array([-_slopes(fitted, half)[0], -slope_y, 1.0])
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
    place: Callable[[float], np.ndarray], wall: np.ndarray, sign: float, half: tuple[float, float, float], window: _Window
) -> np.ndarray:
    """Where a wall in front (1) or behind (-1) meets an endplate whose surface is at ``place(y)``."""
    _, half_y, middle_y = half
    y = sign * _wall_at(wall, 0.0)
    for _ in range(3):
        along = np.clip((place(y)[UP] - window.middle_along) / window.along, -1.7, 1.7)
        y = float(np.clip(sign * _wall_at(wall, along), middle_y - 1.2 * half_y, middle_y + 1.2 * half_y))
    return place(y)
