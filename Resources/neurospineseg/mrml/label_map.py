"""A segmentation node back to a label map on the scan's grid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from neurospineseg.anatomy import Structure, structures_of
from neurospineseg.mrml.segment_masks import mask_in_box, structure_of_segment
from neurospineseg.mrml.volume_node import local_geometry, to_world


def paint_label_map(node: Any, volume_node: Any, labels: np.ndarray, task: str) -> Iterator[Structure]:
    """Writes each segment's label value into a label map, one segment a step; where segments overlap, the later one wins.

    Segments that show none of the task's structures are left out.

    Args:
        labels: uint16 (K, J, I) of zeros on the volume node's grid.
        task: ``tumor``, ``spine`` or ``subcortical``; label values are unique within one.

    Yields:
        The structure written.

    Raises:
        InputError: the nodes lie under different transforms that are not linear.
    """
    matrix = local_geometry(volume_node)
    if node.GetTransformNodeID() != volume_node.GetTransformNodeID():
        matrix = np.linalg.inv(to_world(node)) @ to_world(volume_node) @ matrix
    segmentation, structures = node.GetSegmentation(), structures_of(task)
    box = tuple(slice(0, n) for n in labels.shape)
    for number in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(number)
        found = structure_of_segment(segment)
        if found in structures:
            labels[mask_in_box(segment, box, matrix)] = found.label
            yield found


def label_map_of(node: Any, volume_node: Any, task: str) -> tuple[np.ndarray, list[Structure]]:
    """A segmentation as uint16 (K, J, I) on a volume node's grid, and the structures in it; see ``paint_label_map``."""
    labels = np.zeros(tuple(volume_node.GetImageData().GetDimensions())[::-1], np.uint16)
    return labels, list(paint_label_map(node, volume_node, labels, task))
