"""A segmentation on a scan's grid and beside it in the subject hierarchy."""

from __future__ import annotations

from typing import Any

import slicer


def place_beside(node: Any, volume_node: Any) -> None:
    """A segmentation on a scan's grid, under its transform, and next to it in the subject hierarchy."""
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(node.GetScene())
    if hierarchy is not None:
        own, scan = hierarchy.GetItemByDataNode(node), hierarchy.GetItemByDataNode(volume_node)
        if own and scan:
            hierarchy.SetItemParent(own, hierarchy.GetItemParent(scan))
        elif scan:
            hierarchy.CreateItem(hierarchy.GetItemParent(scan), node)


def is_blank(node: Any) -> bool:
    """Whether a segmentation has neither segments nor a grid of its own."""
    return count_segments(node) == 0 and not node.GetNodeReferenceID(node.GetReferenceImageGeometryReferenceRole())


def count_segments(node: Any) -> int:
    return node.GetSegmentation().GetNumberOfSegments()
