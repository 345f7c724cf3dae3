"""Markups boxes and regions of interest."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.region import Region
from neurospineseg.geometry.triple import triple
from neurospineseg.mrml.volume_node import to_numpy, to_vtk, to_world


def region_of_roi(node: Any) -> Region:
    """A ``vtkMRMLMarkupsROINode`` as center (RAS mm, world), size (mm) and axes (3x3, unit columns).

    Raises:
        InputError: it is no such node, the box has no size, or lies under a transform that is not linear.
    """
    if not (hasattr(node, "IsA") and node.IsA("vtkMRMLMarkupsROINode")):
        name = " ".join(str(node.GetName() if hasattr(node, "GetName") else node).split())
        raise InputError(f"'{name}' is no box; give a markups ROI, 'auto', or nothing for the whole scan.")
    world = Affine(to_world(node) @ to_numpy(node.GetObjectToNodeMatrix()))
    size = np.array(node.GetSize()) * world.spacing
    if node.GetNumberOfControlPoints() == 0 or not (size > 0).all():
        raise InputError("The box of the region is empty; place it around the anatomy first.")
    return Region(triple(world.offset.tolist()), triple(size.tolist()), triple(triple(row) for row in world.axes.tolist()))


def roi_from_region(region: Region, scene: Any, name: str, node: Any = None) -> Any:
    """A ``vtkMRMLMarkupsROINode`` that shows a region; ``node`` is changed where one is given."""
    if node is None:
        node = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", name)
        node.CreateDefaultDisplayNodes()
    node.SetAndObserveTransformNodeID(None)
    node.SetAndObserveObjectToNodeMatrix(to_vtk(Affine.of(region.axes, region.center).matrix))
    node.SetSize(*region.size)
    node.SetCenter(*region.center)
    return node
