"""Segmentation nodes and their files lie on the scan, on Slicer's own libraries."""

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import vtk
from scipy.spatial.transform import Rotation
from vtk.util.numpy_support import vtk_to_numpy

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.mrml import node_from_volume, segmentation_from_labels, volume_from_node, write_segmentation
from neurospineseg.tasks.anatomy import structure, structures_of, terminology_entry


def in_order(points: np.ndarray) -> np.ndarray:
    """Points (N, 3) sorted to a thousandth."""
    return points[np.lexsort(np.round(points, 3).T)]


def oblique(flip=1.0):
    affine = np.eye(4)
    axes = Rotation.from_euler("xyz", (20, -35, 50), degrees=True).as_matrix() @ np.diag([flip, 1, 1])
    affine[:3, :3] = axes @ np.diag([0.8, 1.1, 3.0])
    affine[:3, 3] = [-40, 25, 60]
    return affine


@pytest.fixture
def scene():
    return slicer.vtkMRMLScene()


def labeled(affine):
    voxels = np.zeros((9, 10, 11), np.uint16)
    voxels[2:5, 3:7, 2:6] = structure("left_subthalamic_nucleus").label
    voxels[5:8, 3:7, 6:9] = structure("right_red_nucleus").label
    return Volume(voxels, affine)


def scan(affine):
    return Volume(np.random.default_rng(0).normal(size=(9, 10, 11)).astype(np.float32), affine)


@pytest.mark.parametrize("flip", [1.0, -1.0], ids=["right-handed", "left-handed"])
def test_volume_node_round_trip(scene, flip):
    given = scan(oblique(flip))
    back = volume_from_node(node_from_volume(given, scene, "Scan"))
    np.testing.assert_allclose(back.ijk_to_ras, given.ijk_to_ras, atol=1e-9)
    np.testing.assert_array_equal(back.voxels, given.voxels)


def test_linear_parent_transform_moves_the_scan(scene):
    node = node_from_volume(scan(oblique()), scene, "Scan")
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Moved")
    shift = vtk.vtkMatrix4x4()
    shift.SetElement(0, 3, 12.0)
    transform.SetMatrixTransformToParent(shift)
    node.SetAndObserveTransformNodeID(transform.GetID())
    moved = volume_from_node(node)
    np.testing.assert_allclose(moved.ijk_to_ras[:3, 3] - oblique()[:3, 3], [12, 0, 0], atol=1e-9)
    segmentation = segmentation_from_labels(labeled(moved.ijk_to_ras), structures_of("subcortical"), scene, "Mask", node)
    assert segmentation.GetTransformNodeID() == transform.GetID()


def test_nonlinear_parent_transform_is_refused(scene):
    node = node_from_volume(scan(oblique()), scene, "Scan")
    transform = scene.AddNewNodeByClass("vtkMRMLTransformNode", "Bent")
    transform.SetAndObserveTransformToParent(vtk.vtkThinPlateSplineTransform())
    node.SetAndObserveTransformNodeID(transform.GetID())
    with pytest.raises(InputError, match="not linear"):
        volume_from_node(node)


def test_nonlinear_parent_transform_is_hardened_on_a_copy_when_asked(scene):
    voxels = np.zeros((20, 24, 28), np.float32)
    voxels[8:12, 8:14, 10:18] = 100
    node = node_from_volume(Volume(voxels, np.diag([2.0, 2.0, 2.0, 1.0])), scene, "Scan")
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for corner in np.ndindex(2, 2, 2):
        source.InsertNextPoint(*np.multiply(corner, (54, 46, 38)))
        target.InsertNextPoint(*np.multiply(corner, (54, 46, 38)))
    source.InsertNextPoint(27, 21, 19)
    target.InsertNextPoint(32, 21, 19)
    bend = vtk.vtkThinPlateSplineTransform()
    bend.SetSourceLandmarks(source)
    bend.SetTargetLandmarks(target)
    bend.SetBasisToR()
    transform = scene.AddNewNodeByClass("vtkMRMLTransformNode", "Bent")
    transform.SetAndObserveTransformToParent(bend)
    node.SetAndObserveTransformNodeID(transform.GetID())
    count = scene.GetNumberOfNodes()
    hardened = volume_from_node(node, harden=True)
    middle = hardened.ijk_to_ras[:3, :3] @ np.argwhere(hardened.voxels > 50).mean(0)[::-1] + hardened.ijk_to_ras[:3, 3]
    np.testing.assert_allclose(middle, (32, 21, 19), atol=1.5)
    assert scene.GetNumberOfNodes() == count
    assert node.GetTransformNodeID() == transform.GetID()
    assert np.array_equal(vtk_to_numpy(node.GetImageData().GetPointData().GetScalars()).reshape(voxels.shape), voxels)


def test_a_sheared_scan_keeps_its_mask_in_the_scene_and_through_the_file(scene, tmp_path):
    affine = oblique()
    affine[:3, :3] = affine[:3, :3] @ np.array([[1, 0.15, 0], [0, 1, 0.1], [0, 0, 1]])
    node = node_from_volume(scan(affine), scene, "Scan")
    labels = labeled(affine)
    segmentation = segmentation_from_labels(labels, structures_of("subcortical"), scene, "Mask", node)
    path = tmp_path / "mask.seg.nrrd"
    write_segmentation(segmentation, path)
    storage = scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(path))
    for place in (segmentation, scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Read")):
        if place is not segmentation:
            assert storage.ReadData(place)
        image = place.GetBinaryLabelmapInternalRepresentation("left_subthalamic_nucleus")
        matrix = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(matrix)
        low = np.array(image.GetExtent())[::2]
        found = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
        value = place.GetSegmentation().GetSegment("left_subthalamic_nucleus").GetLabelValue()
        ijk = np.argwhere(found == value)[:, ::-1] + low
        to_world = np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(4)])
        truth = np.argwhere(labels.voxels == structure("left_subthalamic_nucleus").label)[:, ::-1]
        np.testing.assert_allclose(
            in_order(ijk @ to_world[:3, :3].T + to_world[:3, 3]), in_order(truth @ affine[:3, :3].T + affine[:3, 3]), atol=1e-4
        )


@pytest.mark.parametrize("flip", [1.0, -1.0], ids=["right-handed", "left-handed"])
def test_written_file_overlays_the_scan(scene, tmp_path, flip):
    affine = oblique(flip)
    node = node_from_volume(scan(affine), scene, "Scan")
    labels = labeled(affine)
    segmentation = segmentation_from_labels(labels, structures_of("subcortical"), scene, "Mask", node)
    assert list(segmentation.GetSegmentation().GetSegmentIDs()) == ["left_subthalamic_nucleus", "right_red_nucleus"]
    path = tmp_path / "mask.seg.nrrd"
    write_segmentation(segmentation, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["mask.seg.nrrd"]
    image = sitk.ReadImage(str(path))
    assert image.GetMetaData("Segment0_Name") == "Left subthalamic nucleus"
    assert image.GetMetaData("Segment0_Tags").find(terminology_entry(structure("left_subthalamic_nucleus"))) >= 0
    voxels = sitk.GetArrayFromImage(image)
    for number, key in enumerate(("left_subthalamic_nucleus", "right_red_nucleus")):
        value = int(image.GetMetaData(f"Segment{number}_LabelValue"))
        written = np.argwhere(voxels == value)[:, ::-1]
        places = np.array([image.TransformIndexToPhysicalPoint([int(n) for n in ijk]) for ijk in written]) * [-1, -1, 1]
        truth = np.argwhere(labels.voxels == structure(key).label)[:, ::-1] @ affine[:3, :3].T + affine[:3, 3]
        np.testing.assert_allclose(in_order(places), in_order(truth), atol=1e-4)


def test_terminology_is_read_back_by_slicer():
    entry = slicer.vtkSlicerTerminologyEntry()
    for task in ("tumor", "spine", "subcortical"):
        for found in structures_of(task):
            assert slicer.vtkSlicerTerminologiesModuleLogic.DeserializeTerminologyEntry(terminology_entry(found), entry)
            assert entry.GetTypeObject().GetCodeValue() == found.type.value
            assert entry.GetTypeModifierObject().GetCodeValue() == (found.side.value if found.side else None)
