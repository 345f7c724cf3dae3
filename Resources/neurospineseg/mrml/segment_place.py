"""Where a segment lies, for views that are to show it."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.largest_part import largest_part
from neurospineseg.mrml.pieces import Pieces, at_once
from neurospineseg.mrml.segment_masks import tight_masking
from neurospineseg.mrml.volume_node import to_world


def place_of_segment(node: Any, identifier: str) -> tuple[float, float, float] | None:
    """World RAS mm through which the slices that show most of a segment go (see ``largest_part``); None where the segment is empty.

    Raises:
        InputError: the segmentation lies under a transform that is not linear.
    """
    return at_once(placing_segment(node, identifier))


def placing_segment(node: Any, identifier: str) -> Pieces[tuple[float, float, float] | None]:
    """``place_of_segment`` in pieces."""
    segment = node.GetSegmentation().GetSegment(identifier)
    found = None if segment is None else (yield from tight_masking(segment))
    if found is None:
        return None
    mask, start, matrix = found
    yield
    part = largest_part(mask)
    if part is None:  # erased between two pieces
        return None
    ras = Affine(to_world(node) @ matrix).apply_kji(np.add(start, part.place).astype(float))
    r, a, s = (float(coordinate) for coordinate in ras)
    return r, a, s
