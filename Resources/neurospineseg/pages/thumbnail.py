"""A small picture of a mask on its scan, for lists of many cases; drawn in some ten milliseconds, some KB large."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image
from scipy import ndimage

from neurospineseg.images.volume import Volume
from neurospineseg.pages.slice_pictures import PLANES, Plane, Segment, gray_window

PIXELS = 128
"""Of the picture's longer side."""
LEAST_PIXELS = 40
MOST_VOXELS = 300_000
"""Of those that the place of the slice is chosen by."""
LONG = 2.0
"""A mask so many times as high as it is wide is shown from the side."""
MARGIN = 0.15
"""Beside a mask that is shown from the side, as a share of its extent."""
QUALITY = 72


def thumbnail(scan: Volume, labels: Volume, segments: Sequence[Segment]) -> bytes:
    """A JPEG file with the slice in which most of a mask lies: axial, and sagittal for what is long, such as a spine.

    Args:
        labels: the mask, on any grid; where it is empty, the middle of the scan is shown.
        segments: whose colors their outlines get.
    """
    found = _places(labels)
    low, high = _box_of_tissue(scan)
    point, plane = (low + high) / 2, PLANES[0]
    if len(found):
        extent = np.ptp(found, axis=0)
        if extent[2] > LONG * max(extent[0], 1e-6):
            plane, margin = PLANES[2], MARGIN * extent.max()
            low, high = np.maximum(low, found.min(0) - margin), np.minimum(high, found.max(0) + margin)
        point = point.copy()
        point[plane.normal] = _busiest(found[:, plane.normal])
    ras = _pixels(plane, point, low, high)
    gray = _sampled(scan, ras, order=1)
    shown = _sampled(labels, ras, order=0).astype(np.int64)
    return _jpeg(_colored(gray, gray_window(scan), shown, segments))


def _box_of_tissue(scan: Volume) -> tuple[np.ndarray, np.ndarray]:
    """Low and high RAS corner in mm of the part of a scan that is not dark."""
    black, white = gray_window(scan)
    kji = np.argwhere(scan.voxels[::4, ::4, ::4] > black + 0.1 * (white - black)) * 4
    corners = scan.grid.corners()
    if len(kji) == 0:
        return corners.min(0), corners.max(0)
    ras, border = scan.affine.apply_kji(kji), 4 * scan.spacing.max()
    return np.maximum(corners.min(0), ras.min(0) - border), np.minimum(corners.max(0), ras.max(0) + border)


def _places(labels: Volume) -> np.ndarray:
    """Marked voxels, RAS mm (N, 3); not all of them where there are many voxels."""
    step = max(1, int(np.ceil((labels.voxels.size / MOST_VOXELS) ** (1 / 3))))
    kji = np.argwhere(labels.voxels[::step, ::step, ::step]) * step
    if len(kji) == 0 and step > 1:
        kji = np.argwhere(labels.voxels)
    return labels.affine.apply_kji(kji) if len(kji) else np.empty((0, 3))


def _busiest(positions: np.ndarray) -> float:
    """The place, in mm, where most positions are."""
    counts, edges = np.histogram(positions, bins=max(1, min(64, int(np.ptp(positions)))))
    best = int(ndimage.uniform_filter1d(counts.astype(float), 3, mode="nearest").argmax())
    return float(edges[best] + edges[best + 1]) / 2


def _pixels(plane: Plane, point: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Where the pixels lie, (rows, columns, 3) in RAS mm, the first row on top."""
    (across, across_sign), (up, up_sign) = plane.across, plane.up
    size = np.array([high[across] - low[across], high[up] - low[up]])
    step = float(size.max()) / PIXELS
    columns, rows = (max(LEAST_PIXELS, int(round(length / step))) for length in size)
    ras = np.empty((rows, columns, 3))
    ras[..., plane.normal] = point[plane.normal]
    ras[..., across] = (low[across] + high[across]) / 2 + across_sign * step * (np.arange(columns) - (columns - 1) / 2)
    ras[..., up] = ((low[up] + high[up]) / 2 - up_sign * step * (np.arange(rows) - (rows - 1) / 2))[:, None]
    return ras


def _sampled(volume: Volume, ras: np.ndarray, order: int) -> np.ndarray:
    place = np.moveaxis(volume.affine.kji_of(ras), -1, 0)
    outside = 0 if order == 0 else float(np.nanmin(volume.voxels))
    return ndimage.map_coordinates(volume.voxels, place, output=np.float32, order=order, mode="constant", cval=outside, prefilter=False)


def _colored(gray: np.ndarray, window: tuple[float, float], labels: np.ndarray, segments: Sequence[Segment]) -> np.ndarray:
    """uint8 (rows, columns, 3): gray values with a colored outline inside each structure's border, and a breath of color within."""
    black, white = window
    values = np.clip((np.nan_to_num(gray) - black) / max(white - black, 1e-6), 0, 1) * 255
    picture = np.repeat(values[..., None], 3, axis=2)
    for segment in segments:
        mask = labels == segment.label
        if mask.any():
            border = mask & ~ndimage.binary_erosion(mask)
            color = np.array(segment.color, float)
            picture[mask] = 0.8 * picture[mask] + 0.2 * color
            picture[border] = color
    return picture.astype(np.uint8)


def _jpeg(picture: np.ndarray) -> bytes:
    stream = BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    return stream.getvalue()
