"""The frame of the commissures as a transform of the scene: a node under it stands upright in that frame."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from neurospineseg.measurements.edits import frame_of
from neurospineseg.measurements.measurement import Measurements
from neurospineseg.mrml.volume_node import to_vtk
from neurospineseg_panel.measure_folder import own_node, remove_nodes

ACPC = "acpc"


def place_acpc(segmentation: Any, measured: Measurements, known: dict[str, Any]) -> None:
    """Makes the linear transform from world RAS mm to (lateral, front-back, up-down) mm, or brings it up to date; without a frame it goes.

    Where the segmentation itself has been put under it, it stays as it is; where any node has been, it does not go.
    """
    frame = frame_of(measured) if measured.task == "subcortical" else None
    if frame is None:
        if ACPC in known and not _holds_any(known[ACPC]):
            remove_nodes([known.pop(ACPC)])
        return
    name = _("{name} AC-PC").format(name=segmentation.GetName())
    node = own_node(segmentation, ACPC, "vtkMRMLLinearTransformNode", name, known)
    if not _is_under(segmentation, node):
        node.SetMatrixTransformToParent(to_vtk(frame.to_ras.inverse.matrix))


def _holds_any(transform: Any) -> bool:
    nodes = slicer.util.getNodesByClass("vtkMRMLTransformableNode", transform.GetScene())
    return any(node.GetTransformNodeID() == transform.GetID() for node in nodes)


def _is_under(node: Any, transform: Any) -> bool:
    parent = node.GetParentTransformNode()
    while parent is not None:
        if parent is transform:
            return True
        parent = parent.GetParentTransformNode()
    return False
