"""The slice and 3D views on a result: moved to where it is, if they show something else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import radians, sin
from typing import Any

import numpy as np
import slicer

from neurospineseg.geometry.affine import Affine
from neurospineseg.mrml import node_geometry
from neurospineseg.mrml.volume_node import to_numpy
from neurospineseg_panel.segmentation_result import SegmentationResult

FRAMED = 1.15
"""How much wider than the result the 3D views are."""


def jump_all(ras: Sequence[float]) -> None:
    """Centers all slice views on a place (world RAS mm)."""
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *ras, slicer.vtkMRMLSliceNode.CenteredJumpSlice)


def show_result(result: SegmentationResult) -> None:
    """Moves the slice views that do not show the largest part of a result there, and frames the 3D views on the whole of it."""
    if result.core is None or not result.masks:
        return
    affine = Affine(node_geometry(slicer.mrmlScene.GetNodeByID(result.scans[result.report["reference"]])))
    place = affine.apply_kji(np.array(result.core.place, float))
    core = _corners(affine, result.core.start, result.core.stop)
    for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        if not shows(view, core):
            view.JumpSliceByCentering(*place)
    boxes = np.array([mask.box for mask in result.masks]).reshape(-1, 3, 2)
    frame(_corners(affine, boxes[:, :, 0].min(0), boxes[:, :, 1].max(0)))


def shows(view: Any, corners: np.ndarray) -> bool:
    """Whether a slice view cuts through a box, within its field of view.

    Args:
        view: ``vtkMRMLSliceNode``.
        corners: (8, 3), world RAS mm.
    """
    inside = Affine(to_numpy(view.GetXYToRAS())).inverse.apply(corners)
    low, high = inside.min(0), inside.max(0)
    across = low[2] <= 0 <= high[2]
    in_field = all(0 <= (a + b) / 2 <= size for a, b, size in zip(low, high, view.GetDimensions()[:2]))
    return bool(across and in_field)


def frame(corners: np.ndarray) -> None:
    """Turns every 3D view's camera onto a box (corners (8, 3), world RAS mm), from the side that it looks from now."""
    middle = (corners.min(0) + corners.max(0)) / 2
    radius = max(1.0, float(np.linalg.norm(corners - middle, axis=1).max()))
    for camera in slicer.util.getNodesByClass("vtkMRMLCameraNode"):
        way = np.subtract(camera.GetPosition(), camera.GetFocalPoint())
        length = float(np.linalg.norm(way))
        way = way / length if length else np.array([0.0, 1.0, 0.0])
        distance = FRAMED * radius / sin(radians(camera.GetViewAngle()) / 2)
        was_modified = camera.StartModify()
        camera.SetFocalPoint(*middle)
        camera.SetPosition(*(middle + distance * way))
        camera.SetParallelScale(FRAMED * radius)
        camera.EndModify(was_modified)
        camera.ResetClippingRange()


def _corners(affine: Affine, start: Sequence[int], stop: Sequence[int]) -> np.ndarray:
    """(8, 3) world RAS mm of the corners of a box of voxels, at their outer faces."""
    sides = [(low - 0.5, high - 0.5) for low, high in zip(start, stop)]
    return affine.apply_kji(np.array(list(product(*sides)), float))
