"""The spinal canal as sections across its own axis: front-back diameter and area along the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.interpolate import CubicSpline

from neurospineseg.measurements.mask_field import INSIDE, MaskField

STEP_MM = 1.5
"""Between sections."""
PIXEL_MM = 0.6
HALF_VIEW_MM = 21.0
REACH_MM = 40.0
"""The canal's middle lies no farther from the middles of bodies and discs."""
BEYOND_MM = 24.0
"""How far the axis goes on past the outermost bodies' middles."""
LEAST_SECTION_MM2 = 8.0


@dataclass(frozen=True, eq=False)
class CanalShape:
    """Sections across the canal, from the uppermost downward.

    Attributes:
        points: RAS mm of the axis, (N, 3); ``tangents``, unit, downward; ``fronts``, unit, across it toward the bodies.
        diameters: front to back, mm, (N,); NaN where they are cut or not seen.
        areas: mm2, (N,), likewise.
        ends: RAS mm of the diameters' front and back ends, (N, 2, 3).
        cut: whether the edge of the grid cuts a section, (N,).
        voxel: width in mm of a voxel along the diameters.
        window: half the length in mm along the axis over which a level's section is taken.
    """

    points: np.ndarray
    tangents: np.ndarray
    fronts: np.ndarray
    diameters: np.ndarray
    areas: np.ndarray
    ends: np.ndarray
    cut: np.ndarray
    voxel: float
    window: float

    def at_plane(self, point: np.ndarray, normal: np.ndarray) -> int | None:
        """The number of the section where the axis meets a plane; None where it does not."""
        heights = (self.points - point) @ normal
        near = np.linalg.norm(self.points - point, axis=1) < 60.0
        crossings = np.flatnonzero((heights[:-1] * heights[1:] <= 0) & near[:-1])
        if not len(crossings):
            return None
        first = int(crossings[np.linalg.norm(self.points[crossings] - point, axis=1).argmin()])
        return first + int(abs(heights[first + 1]) < abs(heights[first]))

    def smoothed(self, values: np.ndarray) -> np.ndarray:
        """Each section's value with its neighbors', by a local straight line, which shrinks nothing; NaN where too few are seen."""
        along = STEP_MM * np.arange(len(values))
        result = np.full(len(values), np.nan)
        for number in range(len(values)):
            offsets = along - along[number]
            weights = np.clip(1.0 - np.abs(offsets) / (self.window + STEP_MM), 0.0, None) * np.isfinite(values)
            if np.isfinite(values[number]) and (weights > 0).sum() >= 2:
                result[number] = _line_at_zero(offsets, np.nan_to_num(values), weights)
        return result


def _line_at_zero(offsets: np.ndarray, values: np.ndarray, weights: np.ndarray) -> float:
    total, first = weights.sum(), weights @ offsets
    second = weights @ offsets**2
    spread = total * second - first**2
    if spread < 1e-9:
        return float(weights @ values / total)
    return float((second * (weights @ values) - first * (weights @ (offsets * values))) / spread)


def canal_axis(field: MaskField, middles: np.ndarray) -> np.ndarray | None:
    """The canal's axis as points (N, 3) ``STEP_MM`` apart, downward; None where it is not seen beside two places.

    Args:
        middles: RAS mm of bodies and discs from the uppermost downward, (M, 3).
    """
    column = _along_column(middles)
    inside = field.part.affine.apply_kji(np.argwhere(field.values >= field.level))
    thickness = max(2.0, 0.6 * float(field.part.spacing.max()))
    found = []
    for point, tangent in column:
        offsets = inside - point
        near = (np.abs(offsets @ tangent) < thickness) & (np.linalg.norm(offsets, axis=1) < REACH_MM + 15.0)
        if near.sum() >= 4:
            found.append(inside[near].mean(0))
    if len(found) < 4:
        return None
    return _evenly(_calmed(np.array(found)))


def _along_column(middles: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Points every 3 mm along the column and a little beyond both ends, with tangents."""
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(middles, axis=0), axis=1))])
    curve = CubicSpline(lengths, middles) if len(middles) > 2 else None
    places = np.arange(-BEYOND_MM, lengths[-1] + BEYOND_MM, 3.0)
    result = []
    for place in places:
        inner = float(np.clip(place, 0.0, lengths[-1]))
        if curve is not None:
            tangent, point = curve(inner, 1), curve(inner)
        else:
            tangent = middles[1] - middles[0]
            point = middles[0] + tangent * inner / lengths[-1]
        tangent = tangent / np.linalg.norm(tangent)
        result.append((point + (place - inner) * tangent, tangent))
    return result


def _calmed(points: np.ndarray) -> np.ndarray:
    """Points (N, 3) along a way, each drawn onto a local straight line; the ends stay."""
    result = points.copy()
    for _ in range(2):
        result[1:-1] = 0.25 * result[:-2] + 0.5 * result[1:-1] + 0.25 * result[2:]
    return result


def _evenly(points: np.ndarray) -> np.ndarray:
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    kept = np.concatenate([[True], steps > 0.5])
    points = points[kept]
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return CubicSpline(lengths, points)(np.arange(0.0, lengths[-1], STEP_MM))


def fit_canal(field: MaskField, axis: np.ndarray, forward: np.ndarray) -> CanalShape:
    """Sections across an axis (N, 3), downward; ``forward`` is where bodies face."""
    tangents = np.gradient(axis, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    for _ in range(2):
        tangents[1:-1] = tangents[:-2] + 2 * tangents[1:-1] + tangents[2:]
        tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    fronts = forward - (tangents @ forward)[:, None] * tangents
    fronts /= np.linalg.norm(fronts, axis=1, keepdims=True)
    sections = [_section(field, point, tangent, front) for point, tangent, front in zip(axis, tangents, fronts)]
    diameters, areas, ends, cut = (np.array(part) for part in zip(*sections))
    voxel = float(np.median([field.width_along(front) for front in fronts[:: max(1, len(fronts) // 8)]]))
    window = max(1.0, 0.75 * float(np.median([field.width_along(each) for each in tangents[:: max(1, len(tangents) // 8)]])))
    return CanalShape(axis, tangents, fronts, diameters, areas, ends, cut, voxel, window)


def _section(field: MaskField, point: np.ndarray, tangent: np.ndarray, front: np.ndarray) -> tuple[float, float, np.ndarray, bool]:
    """Diameter, area, ends of the diameter and whether the grid cuts it."""
    right = np.cross(front, -tangent)
    steps = np.arange(-HALF_VIEW_MM, HALF_VIEW_MM + PIXEL_MM / 2, PIXEL_MM)
    plane = point + steps[:, None, None] * right + steps[:, None] * front
    values = field.at(plane)
    inside = values >= field.level
    labels, count = ndimage.label(inside)
    nothing = (np.nan, np.nan, np.full((2, 3), np.nan), False)
    if count == 0:
        return nothing
    own = _component_at_center(labels, steps)
    area = own.sum() * PIXEL_MM**2
    if area < LEAST_SECTION_MM2:
        return nothing
    cut = bool((ndimage.binary_dilation(own, iterations=2) & np.isnan(values)).any())
    x, y = (steps[index] for index in np.nonzero(own))
    center = point + x.mean() * right + y.mean() * front
    diameter, ends = _diameter(field, center, right, front, float(np.ptp(x)) / 2)
    return diameter, (np.nan if cut else area), ends, cut


def _component_at_center(labels: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The piece of a section that holds its middle, or is nearest to it."""
    distance = np.where(labels > 0, steps[:, None] ** 2 + steps**2, np.inf)
    return labels == labels[np.unravel_index(int(distance.argmin()), labels.shape)]


def _diameter(field: MaskField, center: np.ndarray, right: np.ndarray, front: np.ndarray, half_width: float) -> tuple[float, np.ndarray]:
    """Front to back through a section's middle: the fronts and the backs of neighboring lines, each drawn onto a parabola."""
    offsets = np.linspace(-0.4, 0.4, 13) * half_width
    starts = center + offsets[:, None] * right
    ends, total = np.full((2, 3), np.nan), 0.0
    for number, sign in enumerate((1.0, -1.0)):
        distance, state = field.exits(starts, sign * front, HALF_VIEW_MM)
        found = state == INSIDE
        if found.sum() < 7:
            return np.nan, ends
        reach = float(np.polynomial.polynomial.polyfit(offsets[found], distance[found], 2 if found.all() else 1)[0])
        ends[number] = center + sign * reach * front
        total += reach
    return total, ends
