"""Label maps to segmentation nodes and to Slicer's own file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
from vtk.util.numpy_support import numpy_to_vtk

from neurospineseg.atomic_files import whole_file
from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import writing_failed
from neurospineseg.mrml.beside_scan import place_beside
from neurospineseg.mrml.segment_masks import BINARY, describe
from neurospineseg.mrml.volume_node import local_geometry, to_vtk
from neurospineseg.tasks.anatomy import Structure

if TYPE_CHECKING:
    from neurospineseg.images.volume import Volume


def segmentation_from_labels(labels: Volume, structures: Sequence[Structure], scene: Any, name: str, reference_node: Any = None) -> Any:
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
        affine = local_geometry(reference_node)
        if tuple(reference_node.GetImageData().GetDimensions()) != labels.shape[::-1]:
            raise InputError("The mask and the scan have different sizes; segment the scan again.")
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    if reference_node is not None:
        place_beside(node, reference_node)
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(labels.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(labels.voxels, dtype=np.uint16).ravel(), deep=True))
    image.SetImageToWorldMatrix(to_vtk(affine))
    present = set(np.unique(labels.voxels).tolist())
    for structure in structures:
        if structure.label not in present:
            continue
        segment = slicer.vtkSegment()
        describe(segment, structure)
        segment.SetLabelValue(structure.label)
        segment.AddRepresentation(BINARY, image)
        node.GetSegmentation().AddSegment(segment, structure.key)
    return node


def write_segmentation(node: Any, path: str | Path) -> None:
    """Writes ``.seg.nrrd`` through Slicer's segmentation storage node, under a temporary name first.

    Raises:
        InputError: Slicer could not write the file.
    """
    path = Path(path)
    storage = node.GetScene().AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    try:
        with whole_file(path) as new:
            storage.SetFileName(str(new))
            if not storage.WriteData(node) or not new.is_file():
                raise InputError(f"'{path.name}' could not be written; check the folder and the free space.")
    except OSError as error:
        raise writing_failed(error, path.name) from error
    finally:
        node.GetScene().RemoveNode(storage)
