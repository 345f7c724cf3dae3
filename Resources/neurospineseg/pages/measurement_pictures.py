"""Small pictures of where numbers were measured: slices of the scan with the lines, angles, planes and points on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from neurospineseg.images.volume import Volume
from neurospineseg.measurements.measurement import Measurement, Measurements
from neurospineseg.pages.slice_pictures import PIXELS_PER_INCH, PLANES, Plane, Segment, Slice, cut, draw, gray_window, title_of

MOST_PICTURES = 3
"""Of a group of measurements."""
NEAR_MM = 12.0
"""What is drawn in a slice lies no farther from it on average."""
MOST_TILT = 0.5
"""Sine of the largest angle between a slice and the lines in it."""
MARGIN_MM = 18.0
HEIGHT_INCHES = 3.4
MOST_NAMES, LONGEST_NAME = 20, 14
"""More names in a picture, or longer ones, would hide it."""
LINE = "#ffe14d"


@dataclass(frozen=True)
class Drawing:
    """A measurement as lines or a point.

    Attributes:
        name: of its place.
        strokes: each (N, 3) points, RAS mm; a single point is a dot.
    """

    name: str
    strokes: tuple[np.ndarray, ...]

    @property
    def points(self) -> np.ndarray:
        return np.concatenate(self.strokes)

    def tilt(self, axis: int) -> float:
        """Sine of the angle between its longest stroke and the slices across an axis; 0 of a point."""
        steps = np.array([stroke[-1] - stroke[0] for stroke in self.strokes])
        lengths = np.linalg.norm(steps, axis=1)
        longest = int(lengths.argmax())
        return 0.0 if lengths[longest] == 0 else float(abs(steps[longest, axis]) / lengths[longest])


def measurement_pictures(
    measured: Measurements, scan: Volume, labels: Volume, segments: Sequence[Segment]
) -> dict[str, list[tuple[str, bytes, float]]]:
    """By group, titles, PNG files and their width over height; groups whose numbers have no place are left out."""
    groups: dict[str, list[Drawing]] = {}
    for item in measured:
        drawing = drawing_of(item)
        if drawing is not None:
            groups.setdefault(item.group or "Measurements", []).append(drawing)
    window = gray_window(scan)
    return {group: [_picture(*chosen, scan, labels, segments, window) for chosen in views(drawings)] for group, drawings in groups.items()}


def drawing_of(item: Measurement) -> Drawing | None:
    """How a measurement is drawn; None where it has no place or no number."""
    if item.value is None or not item.points:
        return None
    points = np.array(item.points)
    if item.shape == "angle":
        return Drawing(item.place_name, (points[:2], points[2:]))
    if item.shape == "plane":
        corner, first, second = points
        halfway = [(corner + first) / 2, (corner + second) / 2, first + (second - corner) / 2, second + (first - corner) / 2]
        return Drawing(item.place_name, (np.array([halfway[0], halfway[3]]), np.array([halfway[1], halfway[2]])))
    return Drawing(item.place_name, (points,))


def views(drawings: Sequence[Drawing]) -> Iterator[tuple[Plane, float, list[Drawing]]]:
    """Slices that show as many drawings as they can, at most ``MOST_PICTURES``: plane, place along its normal in mm and what is drawn."""
    left = list(drawings)
    for _ in range(MOST_PICTURES):
        shown: list[Drawing] = []
        for plane in PLANES:
            flat = [each for each in left if each.tilt(plane.normal) < MOST_TILT]
            if not flat:
                continue
            middle = float(np.median([each.points[:, plane.normal].mean() for each in flat]))
            near = [each for each in flat if abs(each.points[:, plane.normal].mean() - middle) < NEAR_MM]
            if len(near) > len(shown):
                best, place, shown = plane, middle, near
        if not shown:
            return
        yield best, place, shown
        left = [each for each in left if not any(each is other for other in shown)]


def _picture(
    plane: Plane,
    place: float,
    drawings: Sequence[Drawing],
    scan: Volume,
    labels: Volume,
    segments: Sequence[Segment],
    window: tuple[float, float],
) -> tuple[str, bytes, float]:
    points = np.concatenate([each.points for each in drawings])
    corners = scan.grid.corners()
    low, high = np.maximum(points.min(0) - MARGIN_MM, corners.min(0)), np.minimum(points.max(0) + MARGIN_MM, corners.max(0))
    at = points.mean(0)
    at[plane.normal] = place
    view = cut(scan, labels, segments, plane, at, (low, high))
    figure = Figure(figsize=(HEIGHT_INCHES * view.aspect, HEIGHT_INCHES), dpi=PIXELS_PER_INCH, facecolor="black")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    draw(axes, view, window, title_of(view))
    _draw_measured(axes, view, drawings, low, high)
    stream = BytesIO()
    figure.savefig(stream, format="png", facecolor="black", metadata={"Software": None})
    return title_of(view).replace("\n", ", "), stream.getvalue(), view.aspect


def _draw_measured(axes: Axes, view: Slice, drawings: Sequence[Drawing], low: np.ndarray, high: np.ndarray) -> None:
    """Lines and points, and each place's name once, beside the first of its lines."""
    black = [withStroke(linewidth=2.4, foreground="black")]
    names = {each.name for each in drawings}
    named = {name for name in names if len(names) > MOST_NAMES or len(name) > LONGEST_NAME}
    for each in drawings:
        for stroke in each.strokes:
            x, y = _in_picture(view, stroke, low, high)
            axes.plot(x, y, color=LINE, linewidth=1.1, marker="o", markersize=1.8, path_effects=black)
        if each.name and each.name not in named:
            named.add(each.name)
            x, y = _in_picture(view, each.points, low, high)
            axes.annotate(
                each.name, (x.max(), y.mean()), (4, 0), textcoords="offset points", color=LINE, fontsize=6, va="center", path_effects=black
            )
    height, width = view.gray.shape
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)


def _in_picture(view: Slice, ras: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows of RAS points (N, 3) in a slice that was cut within these bounds."""
    places = []
    for axis, sign in (view.plane.across, view.plane.up):
        start = low[axis] if sign > 0 else high[axis]
        places.append(sign * (ras[:, axis] - start) / view.step)
    return places[0], places[1]
