"""A result in an existing segmentation: what was asked for changes, and nothing else by a bit."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from vtk.util.numpy_support import vtk_to_numpy

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.mrml import (
    FoundStructure,
    Merge,
    MergeRule,
    RegionMerge,
    label_map_of,
    node_from_array,
    segmentation_from_labels,
    volumes_table,
)
from neurospineseg.mrml.segment_masks import BINARY, SURFACE, confidence_of, mask_in_box, own_mask, structure_of_segment, tag
from neurospineseg.mrml.volume_node import local_geometry, to_vtk
from neurospineseg.tasks.anatomy import structure, structures_of, terminology_entry

SHAPE = (12, 14, 16)
EVERYWHERE = tuple(slice(0, n) for n in SHAPE)
OBLIQUE = np.array([[0.9, -0.3, 0.05, 11.0], [0.25, 1.1, 0.2, -7.0], [0.1, -0.2, -2.0, 5.0], [0, 0, 0, 1]])
EDEMA, CORE, ENHANCING = structure("edema"), structure("necrotic_core"), structure("enhancing_tumor")


@pytest.fixture
def scene():
    return slicer.vtkMRMLScene()


@pytest.fixture
def scan(scene):
    return node_from_array(np.zeros(SHAPE, np.int16), OBLIQUE, scene, "Scan")


def block(k: slice, j: slice, i: slice) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[k, j, i] = True
    return mask


def found(kind, mask: np.ndarray) -> FoundStructure:
    inside = np.argwhere(mask)
    low, high = inside.min(0), inside.max(0) + 1
    return FoundStructure(kind, mask[tuple(slice(a, b) for a, b in zip(low, high))], tuple(int(n) for n in low))


OLD_EDEMA, OLD_CORE = block(slice(2, 6), slice(2, 9), slice(3, 9)), block(slice(6, 9), slice(2, 9), slice(3, 9))
NEW_EDEMA = block(slice(4, 8), slice(5, 12), slice(6, 14))


@pytest.fixture
def existing(scene, scan):
    """Edema, necrotic core and the user's own segment, all in one shared layer."""
    labels = np.zeros(SHAPE, np.uint16)
    labels[OLD_EDEMA], labels[OLD_CORE] = EDEMA.label, CORE.label
    node = segmentation_from_labels(Volume(labels, OBLIQUE), structures_of("tumor"), scene, "Mine", scan)
    image = node.GetSegmentation().GetSegment("edema").GetRepresentation(BINARY)
    vtk_to_numpy(image.GetPointData().GetScalars()).reshape(SHAPE)[10:, 10:, 10:] = 9
    own = slicer.vtkSegment()
    own.SetName("Hand")
    own.SetColor(0.1, 0.9, 0.3)
    own.SetLabelValue(9)
    own.AddRepresentation(BINARY, image)
    node.GetSegmentation().AddSegment(own, "hand")
    return node


def mask_of(node, segment_id: str) -> np.ndarray:
    return mask_in_box(node.GetSegmentation().GetSegment(segment_id), EVERYWHERE, OBLIQUE)


def state(node, *but: str) -> dict:
    """Everything that can be seen of a node's segments."""
    segmentation, result = node.GetSegmentation(), {}
    for number in range(segmentation.GetNumberOfSegments()):
        identifier, segment = segmentation.GetNthSegmentID(number), segmentation.GetNthSegment(number)
        if identifier not in but:
            mask, start, matrix = own_mask(segment)
            tags = [segment.GetName(), segment.GetColor(), tag(segment, "TerminologyEntry")]
            result[identifier] = (np.packbits(mask).tobytes(), mask.shape, start, matrix.tobytes(), *tags)
    return result


def test_a_new_node_lies_on_the_scan(scene, scan) -> None:
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(to_vtk(np.array([[0, -1, 0, 9], [1, 0, 0, 3], [0, 0, 1, 1], [0, 0, 0, 1.0]])))
    scan.SetAndObserveTransformNodeID(transform.GetID())
    merge = Merge(scene, scan, name="Result")
    merge.prepare(found(EDEMA, NEW_EDEMA))
    node = merge.apply(attributes={"Model": "some"})
    segment = node.GetSegmentation().GetSegment("edema")
    assert node.GetTransformNodeID() == transform.GetID()
    assert node.GetAttribute("NeuroSpineSeg.Model") == "some"
    np.testing.assert_array_equal(mask_of(node, "edema"), NEW_EDEMA)
    mask, start, matrix = own_mask(segment)
    np.testing.assert_allclose(matrix, OBLIQUE, atol=1e-9)
    assert mask.shape == (4, 7, 8)
    assert start == (4, 5, 6)
    assert segment.GetName() == "Edema"
    assert structure_of_segment(segment) == EDEMA
    image = slicer.vtkOrientedImageData()
    node.GetBinaryLabelmapRepresentation("edema", image)
    assert image.GetExtent() == (6, 13, 5, 11, 4, 7)


def test_replacing_leaves_the_neighbors_of_a_shared_layer(scene, scan, existing) -> None:
    node, before = existing, state(existing, "edema")
    node.GetSegmentation().GetSegment("edema").SetName("My edema")
    merge = Merge(scene, scan, node)
    merge.prepare(found(EDEMA, NEW_EDEMA))
    merge.prepare(found(ENHANCING, OLD_CORE))
    assert merge.apply() is node
    assert state(node, "edema", "enhancing_tumor") == before
    np.testing.assert_array_equal(mask_of(node, "edema"), NEW_EDEMA)
    np.testing.assert_array_equal(mask_of(node, "enhancing_tumor"), OLD_CORE)
    segmentation = node.GetSegmentation()
    assert [segmentation.GetNthSegmentID(n) for n in range(4)] == ["necrotic_core", "edema", "hand", "enhancing_tumor"]
    assert segmentation.GetSegment("edema").GetName() == "My edema"


def test_only_where_empty(scene, scan, existing) -> None:
    before = state(existing, "edema")
    merge = Merge(scene, scan, existing, MergeRule.ONLY_EMPTY)
    merge.prepare(found(EDEMA, NEW_EDEMA))
    merge.prepare(found(ENHANCING, OLD_CORE))
    merge.apply()
    assert state(existing, "edema") == before, "the enhancing part lies wholly in others, so it is not added"
    np.testing.assert_array_equal(mask_of(existing, "edema"), OLD_EDEMA | (NEW_EDEMA & ~OLD_CORE))


def test_adding_keeps_all_that_is_there(scene, scan, existing) -> None:
    before = state(existing)
    for expected in ("Edema (2)", "Edema (3)"):
        merge = Merge(scene, scan, existing, MergeRule.ADD)
        merge.prepare(found(EDEMA, NEW_EDEMA))
        merge.apply()
        segmentation = existing.GetSegmentation()
        last = segmentation.GetNthSegmentID(segmentation.GetNumberOfSegments() - 1)
        assert segmentation.GetSegment(last).GetName() == expected
        np.testing.assert_array_equal(mask_of(existing, last), NEW_EDEMA)
    assert {key: value for key, value in state(existing).items() if key in before} == before


@pytest.mark.parametrize("rule", list(MergeRule))
def test_a_completed_segment_is_locked(scene, scan, existing, rule: MergeRule) -> None:
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetSegmentStatus(existing.GetSegmentation().GetSegment("edema"), logic.Completed)
    before = state(existing)
    merge = Merge(scene, scan, existing, rule)
    merge.prepare(found(EDEMA, NEW_EDEMA))
    merge.apply()
    assert {key: value for key, value in state(existing).items() if key in before} == before
    assert bool(merge.notes) == (rule is not MergeRule.ADD)


def test_one_undo_takes_all_back(scene, scan, existing) -> None:
    history = slicer.vtkSegmentationHistory()
    history.SetSegmentation(existing.GetSegmentation())
    before = state(existing)
    merge = Merge(scene, scan, existing)
    for kind, mask in ((EDEMA, NEW_EDEMA), (CORE, OLD_EDEMA), (ENHANCING, OLD_CORE)):
        merge.prepare(found(kind, mask))
    assert state(existing) == before
    merge.apply(history.SaveState)
    after = state(existing)
    assert after != before
    assert history.RestorePreviousState()
    assert state(existing) == before
    assert history.RestoreNextState()
    assert state(existing) == after


def test_surfaces_do_not_go_stale(scene, scan, existing) -> None:
    existing.CreateClosedSurfaceRepresentation()
    merge = Merge(scene, scan, existing)
    merge.prepare(found(EDEMA, NEW_EDEMA))
    merge.apply()
    assert not existing.GetSegmentation().ContainsRepresentation(SURFACE)
    assert merge.notes
    assert existing.CreateClosedSurfaceRepresentation()


def test_another_parent_transform(scene, scan, existing) -> None:
    moved = np.array([[1, 0, 0, 20], [0, 0, -1, 3], [0, 1, 0, 1], [0, 0, 0, 1.0]])
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(to_vtk(moved))
    existing.SetAndObserveTransformNodeID(transform.GetID())
    merge = Merge(scene, scan, existing)
    merge.prepare(found(ENHANCING, NEW_EDEMA))
    merge.apply()
    _, start, matrix = own_mask(existing.GetSegmentation().GetSegment("enhancing_tumor"))
    np.testing.assert_allclose(moved @ matrix, local_geometry(scan), atol=1e-9)


def test_only_inside_a_region(scene, scan, existing) -> None:
    inside = block(slice(3, 7), slice(0, 14), slice(4, 12))
    region = found(EDEMA, inside)
    before = state(existing, "edema", "necrotic_core")
    merge = RegionMerge(scene, scan, existing, region.mask, region.start, structures_of("tumor"))
    merge.prepare(found(EDEMA, NEW_EDEMA))
    merge.apply()
    np.testing.assert_array_equal(mask_of(existing, "edema"), np.where(inside, NEW_EDEMA, OLD_EDEMA))
    np.testing.assert_array_equal(mask_of(existing, "necrotic_core"), OLD_CORE & ~inside)
    assert state(existing, "edema", "necrotic_core") == before


def test_inside_a_region_a_renumbered_vertebra_keeps_its_name(scene, scan) -> None:
    labels = np.zeros(SHAPE, np.uint16)
    labels[OLD_EDEMA] = structure("vertebra_L3").label
    node = segmentation_from_labels(Volume(labels, OBLIQUE), structures_of("spine"), scene, "Spine", scan)
    region = found(EDEMA, block(slice(3, 7), slice(0, 14), slice(4, 12)))
    merge = RegionMerge(scene, scan, node, region.mask, region.start, structures_of("spine"))
    merge.prepare(found(structure("vertebra_2"), OLD_EDEMA))
    merge.apply()
    assert node.GetSegmentation().GetNumberOfSegments() == 1
    np.testing.assert_array_equal(mask_of(node, "vertebra_L3"), OLD_EDEMA)


def test_a_segment_on_another_grid(scene, scan, existing) -> None:
    coarse = node_from_array(np.zeros((6, 7, 8), np.int16), OBLIQUE @ np.diag([2, 2, 2, 1.0]), scene, "Coarse")
    merge = Merge(scene, coarse, existing, MergeRule.ONLY_EMPTY)
    merge.prepare(FoundStructure(ENHANCING, np.ones((6, 7, 8), bool), (0, 0, 0)))
    merge.apply()
    mask, _, _ = own_mask(existing.GetSegmentation().GetSegment("enhancing_tumor"))
    occupied = (OLD_EDEMA | OLD_CORE | block(slice(10, 12), slice(10, 14), slice(10, 16)))[::2, ::2, ::2]
    np.testing.assert_array_equal(mask, ~occupied)
    with pytest.raises(InputError, match="another grid"):
        RegionMerge(scene, coarse, existing, np.ones((6, 7, 8), bool), (0, 0, 0), structures_of("tumor")).apply()


def test_a_scan_that_shrank_meanwhile(scene, scan, existing) -> None:
    before = state(existing)
    merge = Merge(scene, scan, existing)
    merge.prepare(found(EDEMA, NEW_EDEMA))
    scan.GetImageData().SetDimensions(4, 4, 4)
    with pytest.raises(InputError, match="changed while"):
        merge.apply()
    assert state(existing) == before


def test_beside_the_scan_in_the_subject_hierarchy(scene) -> None:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.ResolveSubjectHierarchy(scene)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "Study")
    scan = node_from_array(np.zeros(SHAPE, np.int16), OBLIQUE, scene, "Scan")
    item = hierarchy.GetItemByDataNode(scan) or hierarchy.CreateItem(study, scan)
    hierarchy.SetItemParent(item, study)
    merge = Merge(scene, scan)
    merge.prepare(found(EDEMA, NEW_EDEMA))
    node = merge.apply()
    assert hierarchy.GetItemByDataNode(node)
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == study


def test_volumes_and_the_way_back(scene, scan, existing) -> None:
    voxel_ml = abs(np.linalg.det(OBLIQUE[:3, :3])) / 1000
    table = {identifier: ml for identifier, _, ml in volumes_table(existing)}
    assert table["edema"] == pytest.approx(OLD_EDEMA.sum() * voxel_ml)
    labels, structures = label_map_of(existing, scan, "tumor")
    np.testing.assert_array_equal(labels, np.where(OLD_EDEMA, EDEMA.label, np.where(OLD_CORE, CORE.label, 0)))
    assert set(structures) == {EDEMA, CORE}
    segment = slicer.vtkSegment()
    segment.SetName("Vertebra 2 (from below)")
    segment.SetTag("TerminologyEntry", terminology_entry(structure("vertebra_2")))
    assert structure_of_segment(segment) == structure("vertebra_2")


def test_a_scan_whose_grid_changed_meanwhile(scene, scan, existing) -> None:
    merge = Merge(scene, scan, existing)
    merge.prepare(found(EDEMA, NEW_EDEMA))
    before = state(existing)
    scan.SetAndObserveImageData(node_from_array(np.zeros((30, 30, 30), np.int16), OBLIQUE, scene, "Larger").GetImageData())
    with pytest.raises(InputError, match="changed while"):
        merge.apply()
    assert state(existing) == before


def test_a_segment_says_how_certain_the_model_was_until_it_gets_other_voxels(scene, scan, existing) -> None:
    sure = FoundStructure(EDEMA, found(EDEMA, NEW_EDEMA).mask, found(EDEMA, NEW_EDEMA).start, 0.875)
    merge = Merge(scene, scan, existing)
    merge.prepare(sure)
    merge.apply(token="first")
    segment = existing.GetSegmentation().GetSegment("edema")
    assert confidence_of(segment) == 0.875
    again = Merge(scene, scan, existing)
    again.prepare(found(EDEMA, OLD_EDEMA))
    again.apply(token="second")
    assert confidence_of(segment) is None
