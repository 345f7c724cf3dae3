"""A segmentation node back to a label map on the scan's grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.mrml.pieces import Pieces, at_once, common_box, moved_box, slabs_of
from neurospineseg.mrml.segment_masks import BINARY, box_on_grid, layer_of, mask_in_box, own_values, shift_between, structure_of_segment
from neurospineseg.mrml.volume_node import geometry_in
from neurospineseg.mrml.volumes import counting, voxels_of
from neurospineseg.tasks.anatomy import Structure, structures_of

LAYER_PIECE_VOXELS = 2**19


@dataclass(frozen=True)
class PaintedSegment:
    """A segment and what became of it.

    Attributes:
        structure: None where it shows none of the task's and was left out.
        voxels: of it, on the volume's grid.
        covered: voxels of earlier segments that it took.
        outside: voxels of it beyond the volume.
    """

    name: str
    structure: Structure | None
    voxels: int
    covered: int = 0
    outside: int = 0


def painting(node: Any, volume_node: Any, labels: np.ndarray, task: str) -> Pieces[list[PaintedSegment]]:
    """Writes each segment's label value into a label map, in pieces; where segments overlap, the later one wins.

    Args:
        labels: uint16 (K, J, I) of zeros on the volume node's grid.
        task: name of a registered task; label values are unique within one.

    Raises:
        InputError: the nodes lie under different transforms that are not linear, or the segments are no label maps.
    """
    structures = structures_of(task)

    def shown(identifier: str, segment: Any) -> Structure | None:
        found = structure_of_segment(segment)
        return found if found in structures else None

    return (yield from painting_in(node, geometry_in(node, volume_node), labels, shown))


def painting_in(
    node: Any, matrix: np.ndarray, labels: np.ndarray, shown: Callable[[str, Any], Structure | None]
) -> Pieces[list[PaintedSegment]]:
    """``painting`` on a grid that no volume node has to have.

    Args:
        matrix: 4x4 ijk of the grid to the segmentation's own RAS mm.
        shown: the structure that a segment of an ID (``vtkSegment``) shows; None for one to leave out.

    Raises:
        InputError: the segments are no label maps.
    """
    segmentation, painted = node.GetSegmentation(), []
    if segmentation.GetNumberOfSegments() and segmentation.GetSourceRepresentationName() != BINARY:
        raise InputError(
            f"'{node.GetName()}' holds surfaces or fractions, not label maps; in the module Segmentations make the binary labelmap its source."
        )
    yield from counting(node)
    segments = [(segmentation.GetSegment(identifier), identifier) for identifier in segmentation.GetSegmentIDs()]
    for layer, group in groupby(segments, lambda each: each[0] and each[0].GetRepresentation(BINARY)):
        members = [(segment, shown(identifier, segment)) for segment, identifier in group if segment is not None]
        if layer is not None and len(members) > 1 and _is_in_step(members[0][0], matrix):
            painted += yield from _painting_layer(members, labels, matrix)
        else:
            for segment, found in members:
                painted.append((yield from _painting(segment, found, labels, matrix)))
    return painted


def _is_in_step(segment: Any, matrix: np.ndarray) -> bool:
    """Whether a layer has the voxels of a grid, and label values of up to 16 bits."""
    found = own_values(segment)
    return found is not None and found[0].dtype in (np.uint8, np.uint16) and shift_between(found[2], matrix) is not None


def _painting_layer(
    members: Sequence[tuple[Any, Structure | None]], labels: np.ndarray, matrix: np.ndarray
) -> Pieces[list[PaintedSegment]]:
    """``_painting`` for the segments of one layer at once: they do not overlap."""
    found = own_values(members[0][0])
    assert found is not None
    values, first, own = found
    start = [at + by for at, by in zip(first, shift_between(own, matrix) or (0, 0, 0))]
    order, codes = np.zeros(2**16, np.uint16), np.zeros(len(members) + 1, np.uint16)
    for number, (segment, structure) in enumerate(members, 1):
        order[segment.GetLabelValue()], codes[number] = number, 0 if structure is None else structure.label
    voxels, covered = np.zeros(len(codes), np.int64), np.zeros(len(codes), np.int64)
    box = common_box(tuple(slice(at, at + size) for at, size in zip(start, values.shape)), tuple(slice(0, size) for size in labels.shape))
    for slab in slabs_of(box, LAYER_PIECE_VOXELS) if box is not None else ():
        here = values[moved_box(slab, [-at for at in start])]
        if here.any():
            which, there = order[here], labels[slab]
            new = codes[which]
            voxels += np.bincount(which[which > 0], minlength=len(codes))
            covered += np.bincount(which[(new > 0) & (there > 0) & (there != new)], minlength=len(codes))
            np.copyto(there, new, where=new > 0)
        yield
    return [
        PaintedSegment(segment.GetName(), structure, int(voxels[n]), int(covered[n]), voxels_of(segment) - int(voxels[n]))
        for n, (segment, structure) in enumerate(members, 1)
    ]


def _painting(segment: Any, found: Structure | None, labels: np.ndarray, matrix: np.ndarray) -> Pieces[PaintedSegment]:
    covered = voxels = 0
    box, layer = box_on_grid(segment, labels.shape, matrix), layer_of(segment)
    for slab in slabs_of(box) if box is not None else ():
        mask, there = mask_in_box(segment, slab, matrix), labels[slab]
        voxels += int(np.count_nonzero(mask))
        if found is not None:
            covered += int(np.count_nonzero(mask & (there > 0) & (there != found.label)))
            np.copyto(there, np.uint16(found.label), where=mask)
        yield
    on_grid = layer is not None and shift_between(layer[0], matrix) is not None
    return PaintedSegment(segment.GetName(), found, voxels, covered, voxels_of(segment) - voxels if on_grid else 0)


def label_map_of(node: Any, volume_node: Any, task: str) -> tuple[np.ndarray, list[Structure]]:
    """A segmentation as uint16 (K, J, I) on a volume node's grid, and the structures in it; see ``painting``."""
    labels = np.zeros(tuple(volume_node.GetImageData().GetDimensions())[::-1], np.uint16)
    painted = at_once(painting(node, volume_node, labels, task))
    return labels, [segment.structure for segment in painted if segment.structure is not None]


def is_on_grid(node: Any, volume_node: Any) -> bool:
    """Whether a segmentation's voxels are voxels of a volume, and it has any."""
    matrix, segmentation = geometry_in(node, volume_node), node.GetSegmentation()
    layers = [layer_of(segmentation.GetNthSegment(number)) for number in range(segmentation.GetNumberOfSegments())]
    matrices = [layer[0] for layer in layers if layer is not None]
    return bool(matrices) and all(shift_between(own, matrix) is not None for own in matrices)
