"""A scan under a rotated parent transform has the mask that it has without, and its segments lie on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import slicer
from scipy.spatial.transform import Rotation

from neurospineseg.geometry.affine import Affine
from neurospineseg.images.volume import Volume
from neurospineseg.mrml import node_from_volume, segmentation_from_labels, volume_from_node
from neurospineseg.mrml.volume_node import to_vtk
from neurospineseg.pipeline.segmenter import Segmenter, Settings
from Testing.small_scans import ball


@pytest.mark.parametrize("angles", [(20, 10, 0), (0, 45, 0), (25, -25, 20)])
def test_a_rotated_parent_transform_changes_no_voxel_of_the_mask(tiny_models: Path, angles: tuple[float, ...]) -> None:
    scene = slicer.vtkMRMLScene()
    node = node_from_volume(Volume(ball(), Affine.of(np.diag((-5.0, -5.0, 5.0)), (60, 55, -50))), scene, "Scan")
    segmenter = Segmenter("tumor", Settings(model=str(tiny_models / "tiny_tumor"), device="cpu"))
    straight = segmenter.run({"t1c": volume_from_node(node)}).labels
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Turned")
    rotation = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    transform.SetMatrixTransformToParent(to_vtk(Affine.of(rotation, (10, -20, 30)).matrix))
    node.SetAndObserveTransformNodeID(transform.GetID())
    result = segmenter.run({"t1c": volume_from_node(node)})
    assert straight.voxels.any()
    np.testing.assert_array_equal(result.labels.voxels, straight.voxels)
    segmentation = segmentation_from_labels(result.labels, result.structures, scene, "Mask", node)
    assert segmentation.GetTransformNodeID() == transform.GetID()
