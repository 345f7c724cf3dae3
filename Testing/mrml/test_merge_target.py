"""A segmentation that the user works on: undo, what happens meanwhile, what is kept, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.mrml import FoundStructure, Merge, MergeRule, RegionMerge, node_from_array, segmentation_from_labels
from neurospineseg.mrml.segment_masks import BINARY, STRUCTURE_TAG, SURFACE, own_mask, structure_of_segment, tag
from neurospineseg.tasks.anatomy import Structure, structure, structures_of, terminology_entry

SHAPE = (8, 9, 10)
GRID = np.diag([1.0, 2.0, 3.0, 1.0])
EDEMA, CORE, ENHANCING = structure("edema"), structure("necrotic_core"), structure("enhancing_tumor")
STATUS = slicer.vtkSlicerSegmentationsModuleLogic


@pytest.fixture
def scene():
    return slicer.vtkMRMLScene()


@pytest.fixture
def scan(scene):
    return node_from_array(np.zeros(SHAPE, np.int16), GRID, scene, "Scan")


@pytest.fixture
def target(scene, scan):
    """Necrotic core and edema in one layer, one above the other, edema hidden."""
    labels = np.zeros(SHAPE, np.uint16)
    labels[1:3, 2:6, 2:6], labels[3:5, 2:6, 2:6] = EDEMA.label, CORE.label
    node = segmentation_from_labels(Volume(labels, GRID), structures_of("tumor"), scene, "Mine", scan)
    node.GetDisplayNode().SetSegmentVisibility("edema", False)
    return node


def cube(kind: Structure, *start: int) -> FoundStructure:
    return FoundStructure(kind, np.ones((2, 2, 2), np.uint8), start)


def voxels(segment) -> set[tuple[int, ...]]:
    mask, start, _ = own_mask(segment)
    return {tuple(int(n) for n in place) for place in np.argwhere(mask) + start}


def cube_voxels(*start: int) -> set[tuple[int, ...]]:
    return {tuple(a + b for a, b in zip(start, offset)) for offset in np.ndindex(2, 2, 2)}


def picture(node) -> list:
    """All segments in their order, with everything that can be seen of them."""
    segmentation, seen = node.GetSegmentation(), []
    for number in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(number)
        surface = segment.GetRepresentation(SURFACE)
        mask, start, matrix = own_mask(segment)
        tags = [tag(segment, name) for name in ("TerminologyEntry", STRUCTURE_TAG, STATUS.GetStatusTagName())]
        points = None if surface is None else surface.GetNumberOfPoints()
        seen.append((segmentation.GetNthSegmentID(number), mask.tobytes(), mask.shape, start, matrix.tobytes(), points))
        seen.append((segment.GetName(), segment.GetColor(), segment.GetLabelValue(), *tags))
    return seen


def test_the_segment_editor_takes_all_back_in_one_step(scene, scan, target) -> None:
    logic, editor = slicer.vtkSlicerSegmentEditorLogic(), scene.AddNode(slicer.vtkMRMLSegmentEditorNode())
    logic.SetMRMLScene(scene)
    logic.SetSegmentEditorNode(editor)
    editor.SetAndObserveSegmentationNode(target)
    history = slicer.vtkSegmentationHistory()
    history.SetSegmentation(target.GetSegmentation())
    logic.SetSegmentationHistory(history)
    target.GetSegmentation().GetSegment("edema").SetTag(STRUCTURE_TAG, "")
    target.CreateClosedSurfaceRepresentation()
    before = picture(target)
    merge = Merge(scene, scan, target)
    for found in (cube(EDEMA, 4, 4, 4), cube(ENHANCING, 1, 2, 2)):
        merge.prepare(found)
    merge.apply(lambda: logic.SaveStateForUndo())
    after = picture(target)
    assert len(after) == len(before) + 2
    assert logic.CanUndo()
    logic.Undo()
    assert picture(target) == before
    assert not logic.CanUndo()
    logic.Redo()
    assert picture(target) == after


def test_undo_is_saved_only_for_a_change(scene, scan, target) -> None:
    calls = []
    merge = Merge(scene, scan, target, MergeRule.ONLY_EMPTY)
    merge.prepare(cube(ENHANCING, 2, 3, 3))
    assert merge.apply(lambda: calls.append(1)) is target
    assert not calls


def test_order_visibility_name_and_color_are_kept_and_the_segment_is_tagged(scene, scan, target) -> None:
    segmentation, segment = target.GetSegmentation(), target.GetSegmentation().GetSegment("edema")
    segment.RemoveTag(STRUCTURE_TAG)
    segment.SetTag("TerminologyEntry", "")
    segment.SetColor(0.25, 0.5, 0.75)
    order = list(segmentation.GetSegmentIDs())
    merge = Merge(scene, scan, target)
    merge.prepare(cube(EDEMA, 4, 4, 4))
    merge.apply()
    assert list(segmentation.GetSegmentIDs()) == order
    assert segment is segmentation.GetSegment("edema")
    assert segment.GetName() == "Edema"
    assert segment.GetColor() == (0.25, 0.5, 0.75)
    assert not target.GetDisplayNode().GetSegmentVisibility("edema")
    assert tag(segment, STRUCTURE_TAG) == "edema"
    assert tag(segment, "TerminologyEntry") == terminology_entry(EDEMA)


def test_the_shared_layer_is_cleared_of_the_replaced_segment_only(scene, scan, target) -> None:
    segmentation = target.GetSegmentation()
    layer = segmentation.GetSegment("necrotic_core").GetRepresentation(BINARY)
    merge = Merge(scene, scan, target)
    merge.prepare(cube(EDEMA, 4, 4, 4))
    merge.apply()
    assert segmentation.GetSegment("necrotic_core").GetRepresentation(BINARY) is layer
    assert set(np.unique(vtk_to_numpy(layer.GetPointData().GetScalars()))) == {0, CORE.label}
    assert segmentation.GetNumberOfLayers() == 2
    assert segmentation.GetSegment("edema").GetRepresentation(BINARY).GetExtent() == (4, 5, 4, 5, 4, 5)


def test_a_neighbor_with_the_same_label_value_keeps_its_voxels(scene, scan, target) -> None:
    segmentation = target.GetSegmentation()
    twin = slicer.vtkSegment()
    twin.SetName("Twin")
    twin.SetLabelValue(EDEMA.label)
    twin.AddRepresentation(BINARY, segmentation.GetSegment("edema").GetRepresentation(BINARY))
    segmentation.AddSegment(twin, "twin")
    before = voxels(twin)
    merge = Merge(scene, scan, target)
    merge.prepare(cube(EDEMA, 4, 4, 4))
    merge.apply()
    assert voxels(segmentation.GetSegment("twin")) == before
    assert voxels(segmentation.GetSegment("edema")) == cube_voxels(4, 4, 4)


def test_observers_of_the_node_are_told_once_a_kind(scene, scan, target) -> None:
    told = []
    for event in ("SourceRepresentationModified", "SegmentModified", "ContainedRepresentationNamesModified"):
        target.AddObserver(getattr(slicer.vtkSegmentation, event), lambda caller, name, kind=event: told.append(kind))
    target.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, name: told.append("Modified"))
    merge = Merge(scene, scan, target)
    for found in (cube(EDEMA, 4, 4, 4), cube(CORE, 1, 2, 2)):
        merge.prepare(found)
    assert not told
    merge.apply(attributes={"Task": "tumor", "Model": "some"})
    assert told
    assert all(told.count(kind) == 1 for kind in told)


@pytest.mark.parametrize("meanwhile", ["locked", "painted", "removed segment", "moved"])
def test_what_the_user_does_meanwhile_is_kept(scene, scan, target, meanwhile: str) -> None:
    segmentation = target.GetSegmentation()
    merge = Merge(scene, scan, target, MergeRule.ONLY_EMPTY if meanwhile == "painted" else MergeRule.REPLACE)
    merge.prepare(cube(EDEMA, 5, 5, 5))
    segment = segmentation.GetSegment("edema")
    former = voxels(segment)
    if meanwhile == "locked":
        STATUS.SetSegmentStatus(segment, STATUS.Completed)
    elif meanwhile == "painted":
        image = segment.GetRepresentation(BINARY)
        vtk_to_numpy(image.GetPointData().GetScalars()).reshape(SHAPE)[5, 5, 5] = CORE.label
        image.Modified()
    elif meanwhile == "removed segment":
        segmentation.RemoveSegment("edema")
    else:
        transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        shift = vtk.vtkMatrix4x4()
        shift.SetElement(0, 3, 7.0)
        transform.SetMatrixTransformToParent(shift)
        target.SetAndObserveTransformNodeID(transform.GetID())
    assert merge.apply() is target
    now = segmentation.GetSegment("edema")
    if meanwhile == "locked":
        assert voxels(now) == former
        assert len(merge.notes) == 1
    elif meanwhile == "painted":
        assert voxels(now) == (former | cube_voxels(5, 5, 5)) - {(5, 5, 5)}
        assert (5, 5, 5) in voxels(segmentation.GetSegment("necrotic_core"))
    else:
        assert voxels(now) == cube_voxels(5, 5, 5)
        if meanwhile == "moved":
            np.testing.assert_allclose(own_mask(now)[2][:3, 3], (-7, 0, 0))


def test_a_target_that_was_removed_meanwhile(scene, scan, target) -> None:
    merge = Merge(scene, scan, target)
    merge.prepare(cube(EDEMA, 5, 5, 5))
    scene.RemoveNode(target)
    node = merge.apply()
    assert node is not target
    assert scene.IsNodePresent(node)
    assert "removed" in merge.notes[0]
    assert voxels(node.GetSegmentation().GetSegment("edema")) == cube_voxels(5, 5, 5)


def test_surfaces_of_a_layer_of_its_own_do_not_go_stale(scene, scan, target) -> None:
    for start in ((4, 4, 4), (5, 5, 5)):
        target.CreateClosedSurfaceRepresentation()
        merge = Merge(scene, scan, target)
        merge.prepare(cube(EDEMA, *start))
        merge.apply()
        assert not target.GetSegmentation().ContainsRepresentation(SURFACE)
        assert "Show 3D" in merge.notes[0]
    target.CreateClosedSurfaceRepresentation()
    bounds = target.GetSegmentation().GetSegment("edema").GetRepresentation(SURFACE).GetBounds()
    assert np.allclose(np.array(bounds).reshape(3, 2).mean(1), GRID[:3, :3] @ (5.5, 5.5, 5.5), atol=0.5)


def test_a_new_segment_of_a_node_with_surfaces_gets_one(scene, scan, target) -> None:
    target.CreateClosedSurfaceRepresentation()
    segmentation = target.GetSegmentation()
    former = segmentation.GetSegment("edema").GetRepresentation(SURFACE)
    merge = Merge(scene, scan, target)
    merge.prepare(cube(ENHANCING, 5, 5, 5))
    merge.apply()
    assert segmentation.GetSegment("edema").GetRepresentation(SURFACE) is former
    assert not merge.notes
    assert segmentation.GetSegment("enhancing_tumor").GetRepresentation(SURFACE).GetNumberOfPoints() > 0


def test_surfaces_as_source_are_refused_and_kept(scene, scan, target) -> None:
    target.CreateClosedSurfaceRepresentation()
    target.SetSourceRepresentationToClosedSurface()
    points = target.GetSegmentation().GetSegment("edema").GetRepresentation(SURFACE).GetNumberOfPoints()
    with pytest.raises(InputError, match="binary labelmap"):
        Merge(scene, scan, target)
    assert target.GetSegmentation().GetSegment("edema").GetRepresentation(SURFACE).GetNumberOfPoints() == points > 0


def test_a_bent_transform_between_scan_and_target_is_refused(scene, scan, target) -> None:
    transform = scene.AddNewNodeByClass("vtkMRMLTransformNode", "Bent")
    transform.SetAndObserveTransformToParent(vtk.vtkThinPlateSplineTransform())
    target.SetAndObserveTransformNodeID(transform.GetID())
    with pytest.raises(InputError, match="harden"):
        Merge(scene, scan, target)
    scan.SetAndObserveTransformNodeID(transform.GetID())
    merge = Merge(scene, scan, target)
    merge.prepare(cube(EDEMA, 5, 5, 5))
    np.testing.assert_allclose(own_mask(merge.apply().GetSegmentation().GetSegment("edema"))[2], GRID)


def test_only_one_of_several_alike_is_replaced(scene, scan, target) -> None:
    added = Merge(scene, scan, target, MergeRule.ADD)
    added.prepare(cube(EDEMA, 0, 0, 0))
    added.apply()
    merge = Merge(scene, scan, target)
    merge.prepare(cube(EDEMA, 5, 5, 5))
    merge.apply()
    segmentation = target.GetSegmentation()
    second = segmentation.GetSegment(segmentation.GetSegmentIdBySegmentName("Edema (2)"))
    assert voxels(segmentation.GetSegment("edema")) == cube_voxels(5, 5, 5)
    assert voxels(second) == cube_voxels(0, 0, 0)
    assert len(merge.notes) == 1
    assert "'Edema (2)'" in merge.notes[0]


def test_a_region_on_a_layer_whose_grid_begins_elsewhere(scene, scan) -> None:
    moved = GRID.copy()
    moved[:3, 3] = GRID[:3, :3] @ (2, 2, 1)
    labels = np.zeros((6, 6, 6), np.uint16)
    labels[:4, :4, :4] = EDEMA.label
    node = segmentation_from_labels(Volume(labels, moved), structures_of("tumor"), scene, "Imported")
    merge = RegionMerge(scene, scan, node, np.ones((3, 9, 10), bool), (0, 0, 0), structures_of("tumor"))
    merge.prepare(cube(EDEMA, 2, 6, 6))
    merge.apply()
    mask, start, matrix = own_mask(node.GetSegmentation().GetSegment("edema"))
    outside = {(k, j, i) for k in (3, 4) for j in range(2, 6) for i in range(2, 6)}
    found = {(2, j, i) for j in (6, 7) for i in (6, 7)}
    assert {tuple(int(n) for n in place) for place in np.argwhere(mask) + start} == outside | found
    np.testing.assert_allclose(matrix, GRID, atol=1e-12)
    assert mask.shape == (3, 6, 6), "only what is needed is allocated"


def test_only_empty_beside_a_layer_whose_grid_begins_elsewhere(scene, scan) -> None:
    moved = GRID.copy()
    moved[:3, 3] = GRID[:3, :3] @ (1, 2, 3)
    node = segmentation_from_labels(Volume(np.full((2, 2, 2), CORE.label, np.uint16), moved), structures_of("tumor"), scene, "Imported")
    merge = Merge(scene, scan, node, MergeRule.ONLY_EMPTY)
    merge.prepare(FoundStructure(EDEMA, np.ones(SHAPE, bool), (0, 0, 0)))
    merge.apply()
    assert voxels(node.GetSegmentation().GetSegment("edema")) == set(np.ndindex(*SHAPE)) - cube_voxels(3, 2, 1)


def test_a_region_without_the_structure_clears_it(scene, scan, target) -> None:
    merge = RegionMerge(scene, scan, target, np.ones(SHAPE, bool), (0, 0, 0), [EDEMA])
    merge.apply()
    segmentation = target.GetSegmentation()
    assert voxels(segmentation.GetSegment("edema")) == set()
    assert len(voxels(segmentation.GetSegment("necrotic_core"))) == 32


def test_what_a_segment_shows() -> None:
    generic, disc = terminology_entry(structure("vertebra_L6")), terminology_entry(structure("left_thalamus"))
    for entry, name, expected in (
        (terminology_entry(structure("vertebra_L1")), "mine", "vertebra_L1"),
        (generic, "L6 vertebra", "vertebra_L6"),
        (generic, "T13 vertebra", "vertebra_T13"),
        (generic, "L1 vertebra", "vertebra_L1"),
        (generic, "mine", None),
        (disc, "Right thalamus", "left_thalamus"),
        ("", "Right thalamus", "right_thalamus"),
        ("Any~SCT^85756007^Tissue~SCT^85756007^Tissue~^^~~^^~^^", "Edema", "edema"),
        ("", "mine", None),
    ):
        segment = slicer.vtkSegment()
        segment.SetName(name)
        segment.SetTag("TerminologyEntry", entry)
        assert structure_of_segment(segment) == (expected and structure(expected)), (entry, name)


def test_a_tag_counts_until_the_user_makes_another_structure_of_the_segment() -> None:
    generic, lumbar = terminology_entry(structure("vertebra_L6")), terminology_entry(structure("vertebra_L4"))
    for key, entry, name, expected in (
        ("vertebra_2", generic, "mine", "vertebra_2"),
        ("edema", terminology_entry(structure("edema")), "My edema", "edema"),
        ("vertebra_L3", lumbar, "L3 vertebra", "vertebra_L4"),
        ("vertebra_L3", terminology_entry(structure("vertebra_L3")), "L4 vertebra", "vertebra_L4"),
        ("edema", "Any~SCT^85756007^Tissue~SCT^85756007^Tissue~^^~~^^~^^", "My cyst", None),
        ("edema", "", "My edema", "edema"),
    ):
        segment = slicer.vtkSegment()
        segment.SetName(name)
        segment.SetTag("TerminologyEntry", entry)
        segment.SetTag(STRUCTURE_TAG, key)
        assert structure_of_segment(segment) == (expected and structure(expected)), (key, entry, name)
