"""A scan, what is true of it and what a model found, side by side: small enough to lie beside a model card."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from neurospineseg.images.volume import Volume
from neurospineseg.pages.slice_pictures import PLANES, Segment, as_png, busiest_point, cut, display_bounds, gray_window
from neurospineseg.tasks.anatomy import Structure

SHOWN = ("Sagittal", "Coronal")
HEIGHT_INCHES, MARGIN_MM, JPEG_QUALITY = 2.6, 14.0, 78


def write_card_picture(path: Path, scan: Volume, truth: np.ndarray, found: np.ndarray, structures: Sequence[Structure]) -> None:
    """Writes a sagittal and a coronal slice through the middle of what is true, each as scan, truth and result, as one JPEG file.

    Args:
        truth, found: label maps (K, J, I) on the scan's grid; ``structures`` holds those that may occur in them.
    """
    labeled, given = (Volume(labels.astype(np.uint16), scan.ijk_to_ras) for labels in (truth, found))
    empty = Volume(np.zeros(scan.shape, np.uint16), scan.ijk_to_ras)
    segments = [Segment(s.label, s.key, s.name, s.color) for s in structures]
    point, bounds, window = busiest_point(labeled), display_bounds(scan, labeled, MARGIN_MM), gray_window(scan)
    panels = []
    for plane in (plane for name in SHOWN for plane in PLANES if plane.name == name):
        views = [cut(scan, labels, segments, plane, point, bounds) for labels in (empty, labeled, given)]
        panels += [(view, window, title) for view, title in zip(views, ("scan", "truth", "result"))]
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(BytesIO(as_png(panels, HEIGHT_INCHES))) as picture:
        picture.convert("RGB").save(path, quality=JPEG_QUALITY, subsampling=0, optimize=True)
