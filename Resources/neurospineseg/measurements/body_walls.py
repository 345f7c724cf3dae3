"""The walls of a vertebral body or a disc, in front, behind and at the sides, as rays from its middle find them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurospineseg.measurements.body_frame import FRONT, RIGHT, UP, Frame, grid_of
from neurospineseg.measurements.mask_field import CUT_OFF, INSIDE, MaskField
from neurospineseg.measurements.surface_fit import WALL_PRIOR_MM, noise_of, robust_fit, wall_terms

RAY_STEP_MM = 1.2


@dataclass(frozen=True)
class Extent:
    """Distances from a frame's center to the walls, mm; NaN where they are cut or not found."""

    front: float
    back: float
    left: float
    right: float
    sides_cut: bool

    @property
    def half_depth(self) -> float:
        """Half the distance from the front wall to the back one."""
        return (self.front + self.back) / 2

    @property
    def middle_y(self) -> float:
        """How far the middle between these lies in front of the center."""
        return (self.front - self.back) / 2

    @property
    def half_width(self) -> float:
        """Half the distance from side to side."""
        return (self.left + self.right) / 2

    @property
    def middle_x(self) -> float:
        """How far the middle between the sides lies to the right of the center."""
        return (self.right - self.left) / 2


def extent_of(field: MaskField, frame: Frame, half_height: float) -> Extent:
    """How far walls are from a frame's center, seen from around it."""
    span = np.array([-0.3, -0.1, 0.1, 0.3]) * half_height
    aside = np.array([-3.0, -1.0, 1.0, 3.0])
    across = grid_of(aside, [0.0], span)
    along = grid_of([0.0], aside, span)
    front, front_cut = _reach(field, frame, FRONT, 1.0, across, 60.0)
    back, back_cut = _reach(field, frame, FRONT, -1.0, across, 60.0)
    right, right_cut = _reach(field, frame, RIGHT, 1.0, along, 60.0)
    left, left_cut = _reach(field, frame, RIGHT, -1.0, along, 60.0)
    return Extent(
        np.nan if front_cut else front,
        np.nan if back_cut else back,
        np.nan if left_cut else left,
        np.nan if right_cut else right,
        left_cut or right_cut,
    )


def _reach(field: MaskField, frame: Frame, axis: int, sign: float, offsets: np.ndarray, reach: float) -> tuple[float, bool]:
    """The median distance to a wall along an axis from starts at ``offsets`` (N, 3), and whether most rays left the grid."""
    distance, state = field.exits(frame.ras(offsets), sign * frame.axes[:, axis], reach)
    found = distance[state == INSIDE]
    cut = (state == CUT_OFF).sum() >= max(1, len(found))
    return (float(np.median(found)) if len(found) else np.nan), bool(cut)


@dataclass(frozen=True)
class Window:
    """Where a wall is looked at: half its length across and up and down, and its middle, mm in the body's frame."""

    across: float
    along: float
    middle_across: float
    middle_along: float


def fitted_wall(field: MaskField, frame: Frame, axis: int, sign: float, window: Window) -> np.ndarray | None:
    """Coefficients of ``wall_terms`` for a wall in front, behind or at a side; None where it is cut or unseen."""
    across, along = (np.linspace(-1, 1, max(7, int(2 * half / RAY_STEP_MM))) for half in (window.across, window.along))
    other = RIGHT if axis == FRONT else FRONT
    grid = grid_of(across, along)
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


def wall_at(fitted: np.ndarray, along: float) -> float:
    """Distance in mm to a fitted wall at a share of its window up or down, in the middle across."""
    return float(wall_terms(np.zeros(1), np.array([along]))[0] @ fitted)


def on_wall(frame: Frame, fitted: np.ndarray | None, toward: list[float], height: float) -> np.ndarray | None:
    """RAS of a wall's middle: in front and behind ``toward`` is 0 and a sign, at the sides a sign and how far in front."""
    if fitted is None:
        return None
    reach = wall_at(fitted, 0.0)
    x, y = (0.0, toward[1] * reach) if toward[0] == 0 else (toward[0] * reach, toward[1])
    return frame.ras(np.array([x, y, height]))
