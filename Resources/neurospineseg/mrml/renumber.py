"""Renumbering the vertebrae and discs of a segmentation node."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.triple import triple
from neurospineseg.mrml.segment_masks import describe, structure_of_segment, tight_mask
from neurospineseg.mrml.volume_node import to_world
from neurospineseg.tasks.spine.renumbering import Piece, Variant, renumbered


def vertebrae_of(node: Any) -> list[tuple[str, str]]:
    """ID and name of each segment that is a vertebra, in the node's order."""
    segmentation = node.GetSegmentation()
    found = []
    for number in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(number)
        shown = structure_of_segment(segment)
        if shown is not None and shown.key.startswith("vertebra_"):
            found.append((segmentation.GetNthSegmentID(number), segment.GetName()))
    return found


def pieces_of(node: Any) -> dict[str, Piece]:
    """The vertebrae and discs of a segmentation node that have voxels, by segment ID; centroids in world RAS mm."""
    segmentation, pieces, world = node.GetSegmentation(), {}, to_world(node)
    for number in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(number)
        shown = structure_of_segment(segment)
        if shown is None or shown.key.split("_")[0] not in ("vertebra", "disc"):
            continue
        mask = tight_mask(segment)
        if mask is None:
            continue
        voxels, start, matrix = mask
        centroid = Affine(world @ matrix).apply_kji(np.argwhere(voxels).mean(0) + start)
        pieces[segmentation.GetNthSegmentID(number)] = Piece(shown.key, triple(float(x) for x in centroid))
    return pieces


def renumber(node: Any, segment_id: str, level: str, variant: Variant = Variant.STANDARD) -> list[str]:
    """Names one vertebra of a segmentation node; all others and the discs follow. Voxels, IDs and order stay.

    Returns:
        Sentences for the user.

    Raises:
        InputError: the chain does not fit; nothing was changed.
    """
    found, notes = renumbered(pieces_of(node), segment_id, level, variant)
    was_modified = node.StartModify()
    for identifier, structure in found.items():
        describe(node.GetSegmentation().GetSegment(identifier), structure)
    node.EndModify(was_modified)
    return notes
