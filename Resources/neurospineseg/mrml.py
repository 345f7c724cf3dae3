"""Volume nodes and segmentation nodes, in the Slicer application and in PyPI's ``slicer-core`` alike.

Every function takes the scene or a node; none reaches for ``slicer.mrmlScene``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from neurospineseg.anatomy import Structure, terminology_entry
from neurospineseg.errors import InputError
from neurospineseg.volume import Volume


def _to_vtk(matrix: np.ndarray) -> vtk.vtkMatrix4x4:
    result = vtk.vtkMatrix4x4()
    result.DeepCopy(np.asarray(matrix, float).ravel())
    return result


def _to_numpy(matrix: vtk.vtkMatrix4x4) -> np.ndarray:
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def hardened_copy(node):
    """A new volume node in the same scene whose voxels are resampled through the parent transforms; the node is left as it is."""
    copy = node.GetScene().AddNewNodeByClass(node.GetClassName(), f"{node.GetName()} hardened")
    copy.CopyContent(node)
    copy.SetAndObserveTransformNodeID(node.GetTransformNodeID())
    copy.HardenTransform()
    return copy


def volume_from_node(node, harden: bool = False) -> Volume:
    """The scan of a scalar volume node in world coordinates, under any linear parent transforms.

    Args:
        harden: whether a transform that is not linear is applied to a copy of the voxels, instead of refused. The
            mask then lies in world coordinates: give ``segmentation_from_labels`` no reference node.

    Raises:
        InputError: the node holds no scalar volume, or a parent transform is not linear.
    """
    parent = node.GetParentTransformNode()
    if harden and parent is not None and not parent.IsTransformToWorldLinear() and node.GetImageData() is not None:
        copy = hardened_copy(node)
        try:
            return volume_from_node(copy)
        finally:
            node.GetScene().RemoveNode(copy)
    image = node.GetImageData()
    if image is None or image.GetNumberOfScalarComponents() != 1:
        raise InputError("The volume node holds no gray-scale image; choose a scalar volume.")
    local = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(local)
    affine = _to_numpy(local)
    if parent is not None:
        if not parent.IsTransformToWorldLinear():
            raise InputError("The volume lies under a transform that is not linear; harden the transform on a copy of the volume first.")
        to_world = vtk.vtkMatrix4x4()
        parent.GetMatrixTransformToWorld(to_world)
        affine = _to_numpy(to_world) @ affine
    voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    return Volume(voxels.astype(np.float32), affine)


def node_from_volume(volume: Volume, scene, name: str):
    """A new ``vtkMRMLScalarVolumeNode`` with the volume's voxels and geometry."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    _fill(node, volume)
    return node


def _fill(node, volume: Volume) -> None:
    image = vtk.vtkImageData()
    image.SetDimensions(volume.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(volume.voxels).ravel(), deep=True))
    node.SetIJKToRASMatrix(_to_vtk(volume.ijk_to_ras))
    node.SetAndObserveImageData(image)


def segmentation_from_labels(labels: Volume, structures: Sequence[Structure], scene, name: str, reference_node=None):
    """A new segmentation node with one named, coded and colored segment for each structure present.

    Args:
        labels: label map on the voxels of the reference scan.
        structures: those that ``labels`` may hold; each segment's ID is the structure's key.
        scene: a ``vtkMRMLScene``.
        reference_node: the scan's volume node; the segments take its voxel grid and its parent transform.

    Returns:
        A ``vtkMRMLSegmentationNode`` whose segments share one binary label map.

    Raises:
        InputError: the label map and the reference node have different sizes.
    """
    affine = labels.ijk_to_ras
    if reference_node is not None:
        local = vtk.vtkMatrix4x4()
        reference_node.GetIJKToRASMatrix(local)
        affine = _to_numpy(local)
        if tuple(reference_node.GetImageData().GetDimensions()) != labels.shape[::-1]:
            raise InputError("The mask and the scan have different sizes; segment the scan again.")
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    if reference_node is not None:
        node.SetReferenceImageGeometryParameterFromVolumeNode(reference_node)
        node.SetAndObserveTransformNodeID(reference_node.GetTransformNodeID())
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(labels.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(labels.voxels, dtype=np.uint16).ravel(), deep=True))
    image.SetImageToWorldMatrix(_to_vtk(affine))
    present = set(np.unique(labels.voxels).tolist())
    representation = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    for structure in structures:
        if structure.label not in present:
            continue
        segment = slicer.vtkSegment()
        segment.SetName(structure.name)
        segment.SetColor(*(channel / 255 for channel in structure.color))
        segment.SetTag("TerminologyEntry", terminology_entry(structure))
        segment.SetLabelValue(structure.label)
        segment.AddRepresentation(representation, image)
        node.GetSegmentation().AddSegment(segment, structure.key)
    return node


def write_segmentation(node, path: str | Path) -> None:
    """Writes ``.seg.nrrd`` through Slicer's segmentation storage node, under a temporary name first.

    Raises:
        InputError: Slicer could not write the file.
    """
    path = Path(path)
    storage = node.GetScene().AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    try:
        with tempfile.TemporaryDirectory(prefix=".neurospineseg-", dir=path.parent) as folder:
            temporary = Path(folder) / "mask.seg.nrrd"
            storage.SetFileName(str(temporary))
            if not storage.WriteData(node) or not temporary.is_file():
                raise InputError(f"'{path.name}' could not be written; check the folder and the free space.")
            temporary.replace(path)
    except OSError as error:
        raise InputError(f"'{path.name}' could not be written ({error.strerror}); choose another folder.") from error
    finally:
        node.GetScene().RemoveNode(storage)
