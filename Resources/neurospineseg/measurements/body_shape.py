"""The shape of a vertebral body, or of a disc: its two endplates and its walls, in a frame of its own. The arch is set aside by the rays,
which begin in the body and end where they first leave it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurospineseg.measurements.body_frame import FRONT, RIGHT, Frame
from neurospineseg.measurements.body_walls import Extent, Window, extent_of, fitted_wall, on_wall
from neurospineseg.measurements.endplate import Endplate, endplate_of
from neurospineseg.measurements.endplate_rays import cast_rays, fit_rays, slopes_of
from neurospineseg.measurements.mask_field import MaskField

WALL_SHARE = 0.35
"""Of the height, to either side of the middle: where walls are looked at, away from osteophytes at the edges."""
LEAST_OF_WAIST = 0.99
"""An endplate is at least this share of the body's depth at half its height, where bodies are waisted; else its rim was not found."""
MOST_BULGE = 1.1
"""The middle height is at most so many times the mean of those in front and behind; endplates are hollow."""
WIDTH_TO_DEPTH = 1.35
"""Of a body whose width is not seen."""


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

    @property
    def rim_unsure(self) -> bool:
        """Whether an endplate is shorter from front to back than the body between its walls, so that the edges of both are unsure."""
        if self.front is None or self.back is None:
            return False
        least = LEAST_OF_WAIST * float(np.linalg.norm(self.front - self.back))
        return any(plate is not None and plate.depth < least for plate in (self.upper, self.lower))

    @property
    def bulges(self) -> bool:
        """Whether it is higher in the middle than at its edges, as no body is: an edge was not found."""
        if self.upper is None or self.lower is None:
            return False
        upper, lower = self.upper, self.lower
        ends = ((upper.front, lower.front), (upper.middle, lower.middle), (upper.back, lower.back))
        front, middle, back = (float(np.linalg.norm(above - below)) for above, below in ends)
        return middle > MOST_BULGE * (front + back) / 2


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


def _half(extent: Extent, most_half_width: float) -> tuple[float, float, float] | None:
    """Half width, half depth and the depth's middle; None where the depth is not seen."""
    if not (np.isfinite(extent.half_depth) and 3.0 < extent.half_depth < 40.0):
        return None
    half_x = extent.half_width if np.isfinite(extent.half_width) else WIDTH_TO_DEPTH * extent.half_depth
    half_x = min(half_x, 1.75 * extent.half_depth)
    return min(half_x, most_half_width), extent.half_depth, extent.middle_y


def _refined(field: MaskField, frame: Frame, half_height: float, lower_too: bool, most: float) -> tuple[Frame, float] | None:
    """A better frame, and half the height."""
    extent = extent_of(field, frame, half_height)
    half = _half(extent, most)
    if half is None:
        return None
    rays = [cast_rays(field, frame, sign, half, 3.0 * half_height + 12.0) for sign in ((1.0, -1.0) if lower_too else (1.0,))]
    usable = [each for each in rays if each.usable]
    if not usable:
        return None
    fits = [fit_rays(field, frame, each, half) for each in usable]
    slopes = np.mean([slopes_of(fitted, half) for fitted in fits], axis=0)
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
    extent = extent_of(field, frame, half_height)
    half = _half(extent, most)
    if half is None:
        return None
    upper, lower = (cast_rays(field, frame, sign, half, 3.0 * half_height + 12.0) for sign in (1.0, -1.0))
    above = fit_rays(field, frame, upper, half) if upper.usable else None
    below = fit_rays(field, frame, lower, half) if lower_too and lower.usable else None
    high = float(above[0]) if above is not None else half_height
    low = float(below[0]) if below is not None else -half_height if lower_too else high - min(12.0, 1.6 * half_height)
    middle = (high + low) / 2
    window = Window(0.3 * half[0], WALL_SHARE * (high - low), 0.0, middle)
    front, back = (fitted_wall(field, frame, FRONT, sign, window) for sign in (1.0, -1.0))
    aside = Window(0.22 * half[1], 0.2 * (high - low), half[2] + 0.1 * half[1], middle)
    right, left = (None if extent.sides_cut else fitted_wall(field, frame, RIGHT, sign, aside) for sign in (1.0, -1.0))
    wide = right is not None and left is not None
    plates = [endplate_of(frame, fitted, half, (front, back), window, rays) for fitted, rays in ((above, upper), (below, lower))]
    beyond = [plate is not None and bool(np.isnan(field.at(np.stack([plate.front, plate.back]))).any()) for plate in plates]
    return BodyShape(
        frame,
        None if beyond[0] else plates[0],
        None if beyond[1] else plates[1],
        upper.cut_off or beyond[0],
        lower.cut_off or beyond[1],
        on_wall(frame, front, [0.0, 1.0], middle),
        on_wall(frame, back, [0.0, -1.0], middle),
        on_wall(frame, left, [-1.0, aside.middle_across], middle) if wide else None,
        on_wall(frame, right, [1.0, aside.middle_across], middle) if wide else None,
        extent.sides_cut,
        (half[0], half[1]),
    )
