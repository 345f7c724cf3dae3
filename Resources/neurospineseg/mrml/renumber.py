"""Renumbering the vertebrae and discs of a segmentation node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.triple import triple
from neurospineseg.mrml.pieces import Pieces, at_once
from neurospineseg.mrml.segment_masks import describe, state_of_segments, structure_of_segment, tight_masking
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


def _places(node: Any) -> Pieces[dict[str, Piece]]:
    """The vertebrae and discs of a segmentation node that have voxels, by segment ID; centroids in world RAS mm."""
    segmentation, found, world = node.GetSegmentation(), {}, to_world(node)
    for identifier in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(identifier)
        shown = None if segment is None else structure_of_segment(segment)
        if shown is None or shown.key.split("_")[0] not in ("vertebra", "disc"):
            continue
        mask = yield from tight_masking(segment)
        if mask is not None:
            voxels, start, matrix = mask
            centroid = Affine(world @ matrix).apply_kji(_middle(voxels) + start)
            found[identifier] = Piece(shown.key, triple(float(x) for x in centroid))
        yield
    return found


def _middle(mask: np.ndarray) -> np.ndarray:
    """The mean (k, j, i) of the voxels of a bool mask, which has some."""
    plane = mask.sum(0, dtype=np.int64)
    counts = (mask.sum((1, 2), dtype=np.int64), plane.sum(1), plane.sum(0))
    return np.array([np.arange(len(line)) @ line / line.sum() for line in counts])


def renumber(node: Any, segment_id: str, level: str, variant: Variant = Variant.STANDARD) -> list[str]:
    """Names one vertebra of a segmentation node; all others and the discs follow. Voxels, IDs and order stay.

    Returns:
        Sentences for the user.

    Raises:
        InputError: the chain does not fit, or was changed meanwhile; nothing was changed.
    """
    return at_once(renumbering(node, segment_id, level, variant))


def renumbering(
    node: Any, segment_id: str, level: str, variant: Variant = Variant.STANDARD, save_undo: Callable[[], None] | None = None
) -> Pieces[list[str]]:
    """``renumber`` in pieces, of which the last one changes the names.

    Args:
        save_undo: called just before that.
    """
    scene, state = node.GetScene(), state_of_segments(node)
    places = yield from _places(node)
    if node.GetScene() is None or node.GetScene() is not scene or state_of_segments(node) != state:
        raise InputError("The segmentation was changed while its vertebrae were being measured; nothing was renumbered: renumber it again.")
    found, notes = renumbered(places, segment_id, level, variant)
    if save_undo is not None:
        save_undo()
    was_modified = node.StartModify()
    for identifier, structure in found.items():
        describe(node.GetSegmentation().GetSegment(identifier), structure)
    node.EndModify(was_modified)
    return notes
