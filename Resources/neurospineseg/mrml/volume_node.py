"""Volume nodes and ``Volume``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine

if TYPE_CHECKING:
    from neurospineseg.images.volume import Volume


def to_vtk(matrix: np.ndarray) -> vtk.vtkMatrix4x4:
    result = vtk.vtkMatrix4x4()
    result.DeepCopy(np.asarray(matrix, float).ravel())
    return result


def to_numpy(matrix: vtk.vtkMatrix4x4) -> np.ndarray:
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def hardened_copy(node: Any) -> Any:
    """A new volume node in the same scene whose voxels are resampled through the parent transforms; the node is left as it is."""
    copy = node.GetScene().AddNewNodeByClass(node.GetClassName(), f"{node.GetName()} hardened")
    copy.CopyContent(node)
    copy.SetAndObserveTransformNodeID(node.GetTransformNodeID())
    copy.HardenTransform()
    return copy


def node_voxels(node: Any) -> np.ndarray:
    """The voxels (K, J, I) of a scalar volume node, as a view of what the node holds.

    Raises:
        InputError: the node holds no gray-scale image.
    """
    image = node.GetImageData()
    if image is None or image.GetNumberOfScalarComponents() != 1 or image.GetPointData().GetScalars() is None:
        raise InputError("The volume node holds no gray-scale image; choose a scalar volume.")
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])


def local_geometry(node: Any) -> np.ndarray:
    """4x4 ijk to RAS mm of a volume node, without its parent transforms."""
    local = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(local)
    return to_numpy(local)


def to_world(node: Any) -> np.ndarray:
    """4x4 that takes a node's own RAS mm to the world's, through its parent transforms.

    Raises:
        InputError: a parent transform is not linear.
    """
    parent = node.GetParentTransformNode()
    if parent is None:
        return np.eye(4)
    if not parent.IsTransformToWorldLinear():
        raise InputError(f"'{node.GetName()}' lies under a transform that is not linear; harden the transform on a copy of it first.")
    matrix = vtk.vtkMatrix4x4()
    parent.GetMatrixTransformToWorld(matrix)
    return to_numpy(matrix)


def node_geometry(node: Any) -> np.ndarray:
    """4x4 ijk to world RAS mm of a volume node, under any linear parent transforms.

    Raises:
        InputError: a parent transform is not linear.
    """
    return to_world(node) @ local_geometry(node)


def geometry_in(node: Any, volume_node: Any) -> np.ndarray:
    """4x4 ijk of a volume node to another node's own RAS mm, through the linear parent transforms of both.

    Raises:
        InputError: a parent transform is not linear.
    """
    matrix = local_geometry(volume_node)
    if node.GetTransformNodeID() == volume_node.GetTransformNodeID():
        return matrix
    return Affine(to_world(node)).inverse.matrix @ to_world(volume_node) @ matrix


def volume_from_node(node: Any, harden: bool = False) -> Volume:
    """The scan of a scalar volume node in world coordinates, under any linear parent transforms.

    Args:
        harden: whether a transform that is not linear is applied to a copy of the voxels, instead of refused. The
            mask then lies in world coordinates: give ``segmentation_from_labels`` no reference node.

    Raises:
        InputError: the node holds no scalar volume, or a parent transform is not linear.
    """
    from neurospineseg.images.volume import Volume

    parent = node.GetParentTransformNode()
    if harden and parent is not None and not parent.IsTransformToWorldLinear() and node.GetImageData() is not None:
        copy = hardened_copy(node)
        try:
            return volume_from_node(copy)
        finally:
            node.GetScene().RemoveNode(copy)
    return Volume(node_voxels(node).astype(np.float32), node_geometry(node))


def node_from_volume(volume: Volume, scene: Any, name: str) -> Any:
    """A new ``vtkMRMLScalarVolumeNode`` with the volume's voxels and geometry."""
    return node_from_array(volume.voxels, volume.ijk_to_ras, scene, name)


def node_from_array(voxels: np.ndarray, ijk_to_ras: np.ndarray, scene: Any, name: str) -> Any:
    """A new ``vtkMRMLScalarVolumeNode`` with voxels (K, J, I) and their 4x4 ijk to RAS mm."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    image = vtk.vtkImageData()
    image.SetDimensions(voxels.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(voxels).ravel(), deep=True))
    node.SetIJKToRASMatrix(to_vtk(ijk_to_ras))
    node.SetAndObserveImageData(image)
    return node
