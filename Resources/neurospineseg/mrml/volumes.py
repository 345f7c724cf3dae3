"""The volumes of a segmentation's segments."""

from __future__ import annotations

from typing import Any

import numpy as np
import vtk

from neurospineseg.geometry.affine import Affine
from neurospineseg.mrml.segment_masks import own_values


def segment_ml(segment: Any) -> float:
    """A segment's volume in mL, from its own voxels."""
    found = own_values(segment)
    if found is None:
        return 0.0
    values, _, matrix = found
    voxels = sum(np.count_nonzero(plane == segment.GetLabelValue()) for plane in values)
    return voxels * Affine(matrix).voxel_volume_ml


def volumes_table(node: Any) -> list[tuple[str, str, float]]:
    """ID, name and volume in mL of each segment, in the node's order; parent transforms are not counted."""
    segmentation = node.GetSegmentation()
    return [
        (segmentation.GetNthSegmentID(n), segmentation.GetNthSegment(n).GetName(), segment_ml(segmentation.GetNthSegment(n)))
        for n in range(segmentation.GetNumberOfSegments())
    ]


def volumes_table_node(node: Any, scene: Any) -> Any:
    """A new ``vtkMRMLTableNode`` with the columns Segment and Volume (mL)."""
    names, volumes = vtk.vtkStringArray(), vtk.vtkDoubleArray()
    names.SetName("Segment")
    volumes.SetName("Volume (mL)")
    for _, name, ml in volumes_table(node):
        names.InsertNextValue(name)
        volumes.InsertNextValue(round(ml, 4))
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", f"{node.GetName()} volumes")
    table.AddColumn(names)
    table.AddColumn(volumes)
    return table
