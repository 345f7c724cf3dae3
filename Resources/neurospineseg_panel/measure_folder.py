"""The nodes of the scene that hold what was measured on a segmentation: which are ours, and the folder that they lie in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import slicer
from slicer.i18n import tr as _

MEASURED_ROLE = "NeuroSpineSeg.measured"
"""Node reference from a node of ours to the segmentation that it is about."""
KEY_ATTRIBUTE = "NeuroSpineSeg.Measure"
"""What a node of ours is: ``table``, a mark, a plot."""
FOLDER_ATTRIBUTE = "NeuroSpineSeg.Measurements"
TABLE = "table"
SELECTION_ID = "vtkMRMLSelectionNodeSingleton"
CLASSES = (
    "vtkMRMLTableNode",
    "vtkMRMLPlotSeriesNode",
    "vtkMRMLPlotChartNode",
    "vtkMRMLMarkupsNode",
    "vtkMRMLLinearTransformNode",
    "vtkMRMLSegmentationNode",
)


def own_nodes(segmentation: Any) -> dict[str, Any]:
    """Our nodes of a segmentation by what they are; none of one that has left the scene.

    A copy that somebody made of one is left to them: the first in the scene is ours.
    """
    found: dict[str, Any] = {}
    if segmentation.GetScene() is None:
        return found
    for kind in CLASSES:
        for node in slicer.util.getNodesByClass(kind, segmentation.GetScene()):
            if node.GetNodeReferenceID(MEASURED_ROLE) == segmentation.GetID():
                found.setdefault(node.GetAttribute(KEY_ATTRIBUTE) or "", node)
    return found


def own_node(segmentation: Any, key: str, kind: str, name: str, known: dict[str, Any]) -> Any:
    """Our node of a key and a class, made in the folder where it is not there yet.

    Args:
        known: see ``own_nodes``; a new one is added.
    """
    node = known.get(key)
    if node is not None and node.GetClassName() == kind and node.GetScene() is not None:
        return node
    node = segmentation.GetScene().AddNewNodeByClass(kind, name)
    node.SetAttribute(KEY_ATTRIBUTE, key)
    node.SetNodeReferenceID(MEASURED_ROLE, segmentation.GetID())
    place_in_folder(segmentation, node, known)
    known[key] = node
    return node


def place_in_folder(segmentation: Any, node: Any, known: dict[str, Any]) -> None:
    """Moves a node into the folder of its segmentation, which is made where there is none."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(segmentation.GetScene())
    if hierarchy is None:
        return
    item = hierarchy.GetItemByDataNode(node)
    folder = _folder(hierarchy, segmentation, known)
    if item:
        hierarchy.SetItemParent(item, folder)
    else:
        hierarchy.CreateItem(folder, node)


def _folder(hierarchy: Any, segmentation: Any, known: dict[str, Any]) -> int:
    """The folder that the first of our nodes lies in, else a new one beside the segmentation."""
    for node in known.values():
        item = hierarchy.GetItemByDataNode(node)
        parent = hierarchy.GetItemParent(item) if item else 0
        if parent and hierarchy.GetItemAttribute(parent, FOLDER_ATTRIBUTE):
            return parent
    own = hierarchy.GetItemByDataNode(segmentation)
    parent = hierarchy.GetItemParent(own) if own else hierarchy.GetSceneItemID()
    folder = hierarchy.CreateFolderItem(parent, _("{name} measurements").format(name=segmentation.GetName()))
    hierarchy.SetItemAttribute(folder, FOLDER_ATTRIBUTE, "1")
    hierarchy.SetItemExpanded(folder, False)
    return folder


@contextmanager
def placing_list_kept(scene: Any) -> Iterator[None]:
    """A click goes on placing points into the list that it went into: Slicer makes every new markups node that list."""
    selection = scene.GetNodeByID(SELECTION_ID)
    before = None if selection is None else (selection.GetActivePlaceNodeClassName(), selection.GetActivePlaceNodeID())
    try:
        yield
    finally:
        if selection is not None and before is not None:
            selection.SetReferenceActivePlaceNodeClassName(before[0])
            selection.SetActivePlaceNodeID(before[1])


def remove_nodes(nodes: list[Any]) -> None:
    """Takes nodes of ours out of their scene."""
    for node in nodes:
        if node.GetScene() is not None:
            node.GetScene().RemoveNode(node)
