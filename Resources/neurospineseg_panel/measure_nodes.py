"""What comes into the scene with a measured segmentation, in pieces: the table first."""

from __future__ import annotations

from slicer.i18n import tr as _

from neurospineseg.mrml.pieces import Pieces
from neurospineseg_panel.measure_folder import TABLE, own_node, own_nodes
from neurospineseg_panel.measure_table import write_table_node
from neurospineseg_panel.measured_segmentation import MeasuredSegmentation


def measuring_nodes(result: MeasuredSegmentation, notes: list[str]) -> Pieces[MeasuredSegmentation]:
    """Puts measurements into the scene, in the place of earlier ones of the same segmentation.

    Args:
        notes: sentences for the user; more may be added.
    """
    known = own_nodes(result.node)
    yield
    name = _("{name} measurements").format(name=result.node.GetName())
    table = own_node(result.node, TABLE, "vtkMRMLTableNode", name, known)
    write_table_node(table, result.measured, dict(result.segments))
    yield
    return result
