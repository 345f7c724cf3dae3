"""Markups boxes and regions of interest, as ``Region.as_lists`` writes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.mrml.volume_node import to_numpy, to_vtk, to_world


def region_of_roi(node: Any) -> dict[str, list]:
    """A ``vtkMRMLMarkupsROINode`` as center (RAS mm, world), size (mm) and axes (3x3, unit columns).

    Raises:
        InputError: the box has no size, or lies under a transform that is not linear.
    """
    world = to_world(node) @ to_numpy(node.GetObjectToNodeMatrix())
    lengths = np.linalg.norm(world[:3, :3], axis=0)
    size = np.array(node.GetSize()) * lengths
    if node.GetNumberOfControlPoints() == 0 or not (size > 0).all():
        raise InputError("The box of the region is empty; place it around the anatomy first.")
    return {
        "center_ras_mm": world[:3, 3].tolist(),
        "size_mm": size.tolist(),
        "axes": (world[:3, :3] / lengths).tolist(),
    }


def roi_from_region(region: dict[str, list], scene: Any, name: str, node: Any = None) -> Any:
    """A ``vtkMRMLMarkupsROINode`` that shows a region; ``node`` is changed where one is given."""
    if node is None:
        node = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", name)
        node.CreateDefaultDisplayNodes()
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(region["axes"])
    matrix[:3, 3] = region["center_ras_mm"]
    node.SetAndObserveTransformNodeID(None)
    node.SetAndObserveObjectToNodeMatrix(to_vtk(matrix))
    node.SetSize(*region["size_mm"])
    node.SetCenter(*region["center_ras_mm"])
    return node
