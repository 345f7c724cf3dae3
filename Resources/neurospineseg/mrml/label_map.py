"""A segmentation node back to a label map on the scan's grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.mrml.pieces import Pieces, at_once, slabs_of
from neurospineseg.mrml.segment_masks import BINARY, box_on_grid, layer_of, mask_in_box, shift_between, structure_of_segment
from neurospineseg.mrml.volume_node import geometry_in
from neurospineseg.mrml.volumes import counting, voxels_of
from neurospineseg.tasks.anatomy import Structure, structures_of


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
    for identifier in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(identifier)
        if segment is not None:
            painted.append((yield from _painting(segment, shown(identifier, segment), labels, matrix)))
    return painted


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
