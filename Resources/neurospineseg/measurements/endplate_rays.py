"""Rays from the middle of a vertebral body or a disc to an endplate, and the surface through where they leave the mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurospineseg.measurements.body_frame import FRONT, RIGHT, UP, Frame, grid_of
from neurospineseg.measurements.body_walls import RAY_STEP_MM
from neurospineseg.measurements.mask_field import CUT_OFF, ENDLESS, INSIDE, MaskField
from neurospineseg.measurements.surface_fit import BOWL_PRIOR_MM, bowl_terms, noise_of, robust_fit

RIM = 0.95
"""Where an endplate's edge is, in half depths, for its slope."""
FOOTPRINT = 0.91
"""Share of an endplate, from its middle, that is looked at; the rim is often rounded, and cut off by the voxels."""
ROUNDNESS = 2.5
"""Exponent of the superellipse that an endplate's outline is taken for."""
MOST_CUT = 0.15
"""Share of an endplate's rays that may leave the grid."""
LEAST_SHARE = 0.45
"""Of an endplate, less than this share of the rays that find it leave it unmeasured."""
UNIT = np.eye(3)


@dataclass(frozen=True, eq=False)
class Rays:
    """Endplate rays of one direction: local places (N, 3) where they left the mask, how many were cast, how many the grid cut."""

    places: np.ndarray
    cast: int
    cut: int
    ended: int

    @property
    def cut_off(self) -> bool:
        """Whether the edge of the grid cuts so much that the endplate is not measured."""
        return self.cut >= MOST_CUT * self.cast

    @property
    def usable(self) -> bool:
        """Whether enough of the endplate was found."""
        return len(self.places) >= 20 and not self.cut_off and len(self.places) > LEAST_SHARE * (len(self.places) + self.cut + self.ended)


def cast_rays(field: MaskField, frame: Frame, sign: float, half: tuple[float, float, float], reach: float) -> Rays:
    """Rays up or down from the middle plane, over the footprint of an endplate."""
    half_x, half_y, middle_y = half
    step = max(RAY_STEP_MM, 0.5 * float(field.part.spacing.min()))
    x = np.arange(-half_x, half_x + 1e-6, 2 * half_x / max(6, round(2 * half_x / step)))
    y = np.arange(-half_y, half_y + 1e-6, 2 * half_y / max(6, round(2 * half_y / step)))
    starts = grid_of(x, y + middle_y, [0.0])
    share = np.abs(starts[:, 0] / half_x) ** ROUNDNESS + np.abs((starts[:, 1] - middle_y) / half_y) ** ROUNDNESS
    starts = starts[share < FOOTPRINT**ROUNDNESS]
    distance, state = field.exits(frame.ras(starts), sign * frame.axes[:, UP], reach)
    found = state == INSIDE
    places = starts[found] + np.outer(sign * distance[found], UNIT[UP])
    beyond = np.isnan(field.at(frame.ras(starts)))
    return Rays(places, len(starts), int(((state == CUT_OFF) & ~beyond).sum()), int((state == ENDLESS).sum()))


def fit_rays(field: MaskField, frame: Frame, rays: Rays, half: tuple[float, float, float]) -> np.ndarray:
    """Coefficients of ``bowl_terms`` over half width, half depth and the depth's middle."""
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


def slopes_of(fitted: np.ndarray, half: tuple[float, float, float]) -> tuple[float, float]:
    """Rise per mm to the right and to the front, from edge to edge."""
    edges = bowl_terms(np.array([0.9, -0.9, 0.0, 0.0]), np.array([0.0, 0.0, RIM, -RIM])) @ fitted
    return float(edges[0] - edges[1]) / (1.8 * half[0]), float(edges[2] - edges[3]) / (2.0 * RIM * half[1])
