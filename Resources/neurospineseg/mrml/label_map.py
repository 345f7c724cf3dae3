"""A segmentation node back to a label map on the scan's grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.mrml.segment_masks import BINARY, layer_of, mask_in_box, shift_between, structure_of_segment, tight_mask
from neurospineseg.mrml.volume_node import geometry_in
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


def paint_label_map(node: Any, volume_node: Any, labels: np.ndarray, task: str) -> Iterator[PaintedSegment]:
    """Writes each segment's label value into a label map, one segment a step; where segments overlap, the later one wins.

    Args:
        labels: uint16 (K, J, I) of zeros on the volume node's grid.
        task: name of a registered task; label values are unique within one.

    Raises:
        InputError: the nodes lie under different transforms that are not linear, or the segments are no label maps.
    """
    segmentation, structures = node.GetSegmentation(), structures_of(task)
    if segmentation.GetNumberOfSegments() and segmentation.GetSourceRepresentationName() != BINARY:
        raise InputError(
            f"'{node.GetName()}' holds surfaces or fractions, not label maps; in the module Segmentations make the binary labelmap its source."
        )
    matrix = geometry_in(node, volume_node)
    box = tuple(slice(0, n) for n in labels.shape)
    for number in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(number)
        found, mask = structure_of_segment(segment), mask_in_box(segment, box, matrix)
        found, covered, voxels = found if found in structures else None, 0, int(np.count_nonzero(mask))
        if found is not None:
            covered = int(np.count_nonzero(mask & (labels > 0) & (labels != found.label)))
            labels[mask] = found.label
        tight, outside = tight_mask(segment), 0
        if tight is not None and shift_between(tight[2], matrix) is not None:
            outside = int(np.count_nonzero(tight[0])) - voxels
        yield PaintedSegment(segment.GetName(), found, voxels, covered, outside)


def label_map_of(node: Any, volume_node: Any, task: str) -> tuple[np.ndarray, list[Structure]]:
    """A segmentation as uint16 (K, J, I) on a volume node's grid, and the structures in it; see ``paint_label_map``."""
    labels = np.zeros(tuple(volume_node.GetImageData().GetDimensions())[::-1], np.uint16)
    painted = list(paint_label_map(node, volume_node, labels, task))
    return labels, [segment.structure for segment in painted if segment.structure is not None]


def is_on_grid(node: Any, volume_node: Any) -> bool:
    """Whether a segmentation's voxels are voxels of a volume, and it has any."""
    matrix, segmentation = geometry_in(node, volume_node), node.GetSegmentation()
    layers = [layer_of(segmentation.GetNthSegment(number)) for number in range(segmentation.GetNumberOfSegments())]
    matrices = [layer[0] for layer in layers if layer is not None]
    return bool(matrices) and all(shift_between(own, matrix) is not None for own in matrices)
