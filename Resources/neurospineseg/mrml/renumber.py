"""Renumbering the vertebrae and discs of a segmentation node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.triple import triple
from neurospineseg.mrml.pieces import Pieces, at_once
from neurospineseg.mrml.segment_masks import describe, state_of_segments, structure_of_segment, tight_masking
from neurospineseg.mrml.volume_node import to_world
from neurospineseg.tasks.spine.evidence import Numbering, evidence_of_names, numberings, with_record
from neurospineseg.tasks.spine.known_levels import anchor
from neurospineseg.tasks.spine.levels import is_neutral, place_of, variant_of
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


def keys_of_levels(node: Any) -> dict[str, str]:
    """ID of a segment of each vertebra, disc or sacrum by its key."""
    segmentation, found = node.GetSegmentation(), {}
    for identifier in segmentation.GetSegmentIDs():
        shown = structure_of_segment(segmentation.GetSegment(identifier))
        if shown is not None and shown.family in ("vertebra", "disc", "sacrum"):
            found[shown.key] = identifier
    return found


def rival_numberings(node: Any, record: Mapping[str, Any] | None = None) -> tuple[str, tuple[Numbering, ...]]:
    """ID of the lowest vertebra of a segmentation, and the numberings that fit its names; none without a sacrum. No voxel is looked at.

    Args:
        record: what the run that found it says of its numbering; where the vertebrae are still those, what it saw counts too.
    """
    keys = keys_of_levels(node)
    variant = variant_of(keys)
    places = {key: place for key in keys if key.startswith("vertebra_") and (place := place_of(key, variant)) is not None}
    if not places:
        return "", ()
    lowest = min(places, key=lambda key: places[key])
    seen = evidence_of_names(dict.fromkeys(places, 0.0), "sacrum" in keys)
    return keys[lowest], numberings(with_record(seen, record or {}))


def has_levels(node: Any) -> bool:
    """Whether a segmentation names a vertebra by its level."""
    return any(key.startswith("vertebra_") and not is_neutral(key) for key in keys_of_levels(node))


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


def renumbering_as(node: Any, other: Any, save_undo: Callable[[], None] | None = None) -> Pieces[list[str]]:
    """Names the vertebrae and discs of a segmentation node as those of another one at the same places in the world, in pieces.

    Args:
        save_undo: see ``renumbering``.

    Returns:
        Sentences for the user.

    Raises:
        InputError: the two do not fit; nothing was changed.
    """
    places = yield from _places(node)
    known = yield from _places(other)
    found = anchor(places, {piece.key: piece.centroid for piece in known.values()})
    notes = yield from renumbering(node, found.segment, found.level, found.variant, save_undo)
    return [f"{found.agreeing} of {found.matched} vertebrae that lie at one of the other segmentation's have its name.", *notes]
