"""The grid that a segmentation node's own voxels lie on, which no scan need be there for."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.mrml.volume_node import to_numpy


def own_grid(node: Any) -> tuple[np.ndarray, tuple[int, int, int]]:
    """4x4 ijk to the node's own RAS mm, and the shape (K, J, I), of the grid that Slicer writes a segmentation on.

    It is the reference geometry, and beyond it where segments reach farther; without one, what all segments' label maps cover.

    Raises:
        InputError: the segmentation holds no voxels.
    """
    kind, segmentation = slicer.vtkSegmentation, node.GetSegmentation()
    found = [segmentation.DetermineCommonLabelmapGeometry(kind.EXTENT_UNION_OF_SEGMENTS, None)]
    if segmentation.GetConversionParameter(slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName()):
        found.append(segmentation.DetermineCommonLabelmapGeometry(kind.EXTENT_REFERENCE_GEOMETRY, None))
    read = [_geometry(text) for text in found if text]
    if not read:
        raise InputError(f"'{node.GetName()}' is empty; segment a scan or choose another segmentation.")
    edges = np.array([extent for _, extent in read]).reshape(-1, 3, 2)
    start, stop = edges[:, :, 0].min(0), edges[:, :, 1].max(0) + 1
    matrix = Affine(read[0][0])
    k, j, i = (int(size) for size in (stop - start)[::-1])
    return Affine.of(matrix.linear, matrix.apply(start.astype(float))).matrix, (k, j, i)


def _geometry(text: str) -> tuple[np.ndarray, list[int]]:
    """4x4 of the voxel (0, 0, 0) and its axes, and the extent (i0, i1, j0, j1, k0, k1)."""
    image, matrix = slicer.vtkOrientedImageData(), vtk.vtkMatrix4x4()
    slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, image, False)
    image.GetImageToWorldMatrix(matrix)
    return to_numpy(matrix), list(image.GetExtent())
