"""The segments of a mask in a file, as pages and the browser show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib

from neurospineseg.geometry.triple import triple
from neurospineseg.images.segmentation_file import FileSegment
from neurospineseg.pages.html_page import segments_of
from neurospineseg.pages.slice_pictures import Segment


def segments_shown(report: Mapping[str, Any], stated: list[FileSegment], values: list[int]) -> list[Segment]:
    """The segments of a mask: those that its header describes, else those of the record beside it, else its values."""
    return segments_of(report) if report.get("segments") and not stated else _segments(stated, values)


def _segments(stated: list[FileSegment], values: list[int]) -> list[Segment]:
    """Names and colors of the labels that the mask holds; of those that its header does not describe, numbers and a color wheel."""
    named = {each.label: Segment(each.label, each.key, each.name, each.color) for each in stated}
    wheel = matplotlib.colormaps["tab20"]
    drawn = {value: triple(round(255 * part) for part in wheel(n % 20)[:3]) for n, value in enumerate(values)}
    return [named.get(value) or Segment(value, f"label_{value}", f"Label {value}", drawn[value]) for value in values]
