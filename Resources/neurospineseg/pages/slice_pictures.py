"""Pictures of a mask on its scan: orthogonal slices in patient directions with colored outlines.

Slices are sampled along R, A, S from the scan's own grid, so that oblique and anisotropic scans appear
upright and in true proportion. Axial and coronal slices show the patient's right on the viewer's left
(radiological convention), sagittal slices show anterior on the left; letters say so in every picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from scipy import ndimage

from neurospineseg.geometry.triple import triple
from neurospineseg.images.volume import Volume

CT_WINDOW_HU = (-200.0, 900.0)
LONGEST_SIDE = 640
PANEL_HEIGHT_INCHES = 4.2
PIXELS_PER_INCH = 150


@dataclass(frozen=True)
class Segment:
    """A structure as it is drawn: label value, key, name and RGB from 0 to 255."""

    label: int
    key: str
    name: str
    color: tuple[int, int, int]

    @property
    def unit_color(self) -> tuple[float, float, float]:
        return triple(channel / 255 for channel in self.color)

    @property
    def hex_color(self) -> str:
        return "#" + "".join(f"{channel:02x}" for channel in self.color)


@dataclass(frozen=True)
class Plane:
    """A slicing direction: which RAS axis it cuts, which run to the right and up, and the letters at its borders."""

    name: str
    normal: int
    across: tuple[int, int]
    up: tuple[int, int]
    letters: tuple[str, str, str, str]


PLANES = (
    Plane("Axial", 2, (0, -1), (1, 1), ("R", "L", "A", "P")),
    Plane("Coronal", 1, (0, -1), (2, 1), ("R", "L", "S", "I")),
    Plane("Sagittal", 0, (1, -1), (2, 1), ("A", "P", "S", "I")),
)
"""``across`` and ``up`` are (RAS axis, sign); letters stand left, right, top, bottom."""


@dataclass(frozen=True)
class Slice:
    """A sampled slice: gray values and one coverage (0..1) per segment, rows upward, ``step`` mm per pixel."""

    plane: Plane
    position_mm: float
    step: float
    gray: np.ndarray
    coverages: list[tuple[Segment, np.ndarray]]

    @property
    def aspect(self) -> float:
        """Width over height, kept within what can be laid out."""
        return min(3.0, max(0.2, self.gray.shape[1] / self.gray.shape[0]))


def busiest_point(labels: Volume) -> np.ndarray:
    """RAS mm, shape (3,): along each axis the place where the structures, each counted equally, are cut most; rather in the middle."""
    kji = np.argwhere(labels.voxels > 0)
    if len(kji) == 0:
        return labels.grid.center
    values = labels.voxels[tuple(kji.T)]
    weights = 1.0 / np.bincount(values)[values]
    ras = labels.affine.apply_kji(kji)
    point = np.empty(3)
    for axis in range(3):
        low, high = ras[:, axis].min(), ras[:, axis].max()
        bins = max(1, int(round(high - low)))
        counts, edges = np.histogram(ras[:, axis], bins=bins, weights=weights)
        smooth = ndimage.uniform_filter1d(counts, 3, mode="constant")
        best = int((smooth * (1 - 0.3 * np.abs(np.linspace(-1, 1, bins)))).argmax())
        point[axis] = (edges[best] + edges[best + 1]) / 2
    return point


def display_bounds(scan: Volume, labels: Volume, margin_mm: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Low and high RAS corner in mm of what is shown: all of the scan but empty borders, or the mask and a margin around it."""
    coarse = scan.voxels[::4, ::4, ::4]
    low, high = _ras_bounds(np.argwhere(coarse > gray_window(scan)[0] + 0.05 * np.ptp(gray_window(scan))) * 4, scan, 8.0)
    found = np.argwhere(labels.voxels > 0)
    if len(found) == 0:
        return low, high
    inner_low, inner_high = _ras_bounds(found, labels, 4.0 if margin_mm is None else margin_mm)
    if margin_mm is None:
        return np.minimum(low, inner_low), np.maximum(high, inner_high)
    return np.maximum(low, inner_low), np.minimum(high, inner_high)


def _ras_bounds(kji: np.ndarray, volume: Volume, margin_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """The RAS box in mm around voxels (N, 3) and a margin, within the box around the volume."""
    corners = volume.grid.corners()
    if len(kji) == 0:
        return corners.min(0), corners.max(0)
    ras = volume.affine.apply_kji(kji)
    return np.maximum(corners.min(0), ras.min(0) - margin_mm), np.minimum(corners.max(0), ras.max(0) + margin_mm)


def cut(
    scan: Volume, labels: Volume, segments: Sequence[Segment], plane: Plane, point: np.ndarray, bounds: tuple[np.ndarray, np.ndarray]
) -> Slice:
    """Samples a slice through ``point`` (RAS mm) within ``bounds`` by linear interpolation."""
    low, high = bounds
    (column_axis, column_sign), (row_axis, row_sign) = plane.across, plane.up
    size = np.array([high[column_axis] - low[column_axis], high[row_axis] - low[row_axis]])
    step = float(max(min(scan.spacing.min(), labels.spacing.min()), size.max() / LONGEST_SIDE))
    columns, rows = (max(2, int(round(length / step))) for length in size)
    ras = np.empty((rows, columns, 3))
    ras[..., plane.normal] = point[plane.normal]
    for axis, sign, count, shape in ((column_axis, column_sign, columns, (1, -1)), (row_axis, row_sign, rows, (-1, 1))):
        start = low[axis] if sign > 0 else high[axis]
        ras[..., axis] = (start + sign * step * (np.arange(count) + 0.5)).reshape(shape)
    gray = _sample(scan.voxels, _indices(scan, ras), float(np.nanmin(scan.voxels)))
    place = _indices(labels, ras)
    boxes = ndimage.find_objects(labels.voxels.astype(np.int32))
    coverages = []
    for segment in segments:
        box = boxes[segment.label - 1] if 0 < segment.label <= len(boxes) else None
        if box is None:
            continue
        offset = np.array([side.start - 1 for side in box])
        mask = np.pad((labels.voxels[box] == segment.label).astype(np.float32), 1)
        coverage = _sample(mask, place - offset[:, None, None], 0.0)
        if coverage.max() >= 0.5:
            coverages.append((segment, coverage))
    return Slice(plane, float(point[plane.normal]), step, gray, coverages)


def _indices(volume: Volume, ras: np.ndarray) -> np.ndarray:
    """Places (rows, columns, 3) in RAS mm as [k, j, i], shape (3, rows, columns)."""
    return np.moveaxis(volume.affine.kji_of(ras), -1, 0)


def _sample(voxels: np.ndarray, place: np.ndarray, outside: float) -> np.ndarray:
    return ndimage.map_coordinates(voxels, place, output=np.float32, order=1, mode="constant", cval=outside, prefilter=False)


def gray_window(scan: Volume) -> tuple[float, float]:
    """Black and white level: a bone window for CT, else percentiles of the voxels above the background."""
    sample = scan.voxels.ravel()[:: max(1, scan.voxels.size // 400_000)]
    sample = sample[np.isfinite(sample)]
    if sample.min() < -500 and sample.max() > 300:
        return CT_WINDOW_HU
    low = float(np.percentile(sample, 1))
    tissue = sample[sample > low + 0.03 * (sample.max() - low)]
    return low, float(np.percentile(tissue if len(tissue) else sample, 99.3))


def draw(axes: Axes, view: Slice, window: tuple[float, float], title: str) -> None:
    """Draws a slice with lightly filled outlines, border letters and a title."""
    height, width = view.gray.shape
    extent = (0, width, 0, height)
    axes.imshow(view.gray, cmap="gray", vmin=window[0], vmax=window[1], origin="lower", extent=extent, interpolation="bilinear")
    for segment, coverage in view.coverages:
        fill = np.empty((height, width, 4), np.float32)
        fill[..., :3] = segment.unit_color
        fill[..., 3] = 0.26 * np.clip(coverage * 2 - 0.5, 0, 1)
        axes.imshow(fill, origin="lower", extent=extent, interpolation="bilinear")
        centers = np.arange(width) + 0.5, np.arange(height) + 0.5
        axes.contour(*centers, coverage, levels=[0.5], colors=[segment.unit_color], linewidths=1.3)
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.set_axis_off()
    style: dict[str, Any] = {
        "color": "#f4f4f0",
        "fontsize": 10,
        "transform": axes.transAxes,
        "path_effects": [withStroke(linewidth=2.2, foreground="black")],
    }
    left, right, top, bottom = view.plane.letters
    axes.text(0.02, 0.5, left, ha="left", va="center", **style)
    axes.text(0.98, 0.5, right, ha="right", va="center", **style)
    axes.text(0.5, 0.985, top, ha="center", va="top", **style)
    axes.text(0.5, 0.015, bottom, ha="center", va="bottom", **style)
    axes.text(0.02, 0.985, title, ha="left", va="top", **{**style, "fontsize": 8})
    bar = _bar_length(width * view.step)
    axes.plot(
        [width * 0.03, width * 0.03 + bar / view.step],
        [height * 0.03] * 2,
        color="#f4f4f0",
        linewidth=1.8,
        path_effects=[withStroke(linewidth=3.4, foreground="black")],
    )
    axes.text(0.03, 0.045, f"{bar:g} mm", ha="left", va="bottom", **{**style, "fontsize": 7})


def _bar_length(width_mm: float) -> float:
    return max((length for length in (1, 2, 5, 10, 20, 50, 100) if length <= width_mm / 4), default=1)


def title_of(view: Slice) -> str:
    """``Axial, S -12 mm``; in two lines on a narrow slice."""
    return f"{view.plane.name}{', ' if view.aspect > 0.4 else chr(10)}{'RAS'[view.plane.normal]} {view.position_mm:+.0f} mm"


def as_png(views: Sequence[tuple[Slice, tuple[float, float], str]], height_inches: float = PANEL_HEIGHT_INCHES) -> bytes:
    """Slices with their window and title, side by side at equal height on black, as a PNG file."""
    aspects = [view.aspect for view, _, _ in views]
    figure = Figure(figsize=(height_inches * sum(aspects), height_inches), dpi=PIXELS_PER_INCH, facecolor="black")
    FigureCanvasAgg(figure)
    start = 0.0
    for (view, window, title), aspect in zip(views, aspects):
        share = aspect / sum(aspects)
        draw(figure.add_axes((start, 0, share, 1)), view, window, title)
        start += share
    stream = BytesIO()
    figure.savefig(stream, format="png", facecolor="black", metadata={"Software": None})
    return stream.getvalue()


def orthogonal_slices(scan: Volume, labels: Volume, segments: Sequence[Segment], margin_mm: float | None = None) -> list[Slice]:
    """The axial, coronal and sagittal slice through the busiest point of the mask."""
    point, bounds = busiest_point(labels), display_bounds(scan, labels, margin_mm)
    return [cut(scan, labels, segments, plane, point, bounds) for plane in PLANES]


def write_overlay(path: Path, scan: Volume, labels: Volume, segments: Sequence[Segment], margin_mm: float | None = None) -> None:
    """Writes the three orthogonal slices side by side as one PNG file."""
    window = gray_window(scan)
    path.write_bytes(as_png([(view, window, title_of(view)) for view in orthogonal_slices(scan, labels, segments, margin_mm)]))
