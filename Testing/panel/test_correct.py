"""What is done with a result: merging, undo, uncertain regions, renumbering, the box again, accepting, tables."""

from __future__ import annotations

import json

import numpy as np
import pytest
import slicer

from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.mrml import label_map_of, node_from_array, segmentation_from_labels
from neurospineseg.mrml.segment_masks import own_mask
from neurospineseg.tasks.anatomy import structure, structures_of
from neurospineseg.tasks.spine.renumbering import LEVELS
from Testing.small_scans import ball, oblique_affine


def labels_of(node, scan) -> np.ndarray:
    return label_map_of(node, scan, "tumor")[0]


def segments(node) -> dict[str, bytes]:
    segmentation = node.GetSegmentation()
    return {
        segmentation.GetNthSegmentID(n): np.packbits(own_mask(segmentation.GetNthSegment(n))[0]).tobytes()
        for n in range(segmentation.GetNumberOfSegments())
    }


@pytest.fixture
def mine(scan):
    """A segmentation of the user's: an old necrotic core and something of their own, in one shared layer."""
    labels = np.zeros(ball().shape, np.uint16)
    labels[5:10, 5:10, 5:10], labels[12:16, 12:16, 12:16] = structure("necrotic_core").label, structure("edema").label
    node = segmentation_from_labels(Volume(labels, oblique_affine()), structures_of("tumor"), slicer.mrmlScene, "Mine", scan)
    segment = node.GetSegmentation().GetSegment("edema")
    segment.SetName("My cyst")
    segment.RemoveTag("NeuroSpineSeg.Structure")
    segment.RemoveTag("TerminologyEntry")
    return node


def test_the_result_goes_into_the_chosen_segmentation_and_undo_takes_it_back(bench, tumor_panel, mine) -> None:
    before = segments(mine)
    tumor_panel.parameters.result = mine
    assert not tumor_panel.ui.mergeRuleSelector.isHidden()
    bench.segment(tumor_panel)
    after = segments(mine)
    assert after["necrotic_core"] != before["necrotic_core"]
    assert after["edema"] == before["edema"]
    assert len(after) == 2
    tumor_panel.correct.editor.undo()
    assert segments(mine) == before
    tumor_panel.correct.editor.redo()
    assert segments(mine) == after


def test_the_rule_of_the_panel_is_used(bench, tumor_panel, mine) -> None:
    from neurospineseg.mrml import MergeRule

    before = segments(mine)
    tumor_panel.parameters.result = mine
    tumor_panel.parameters.mergeRule = MergeRule.ADD
    bench.segment(tumor_panel)
    after = segments(mine)
    assert {key: after[key] for key in before} == before
    assert len(after) > len(before)


def test_the_editor_comes_when_correct_is_opened_and_its_shortcuts_go_with_the_module(bench, tumor_panel) -> None:
    assert tumor_panel.correct.editor is None
    bench.segment(tumor_panel)
    tumor_panel.ui.correctSection.collapsed = False
    editor = tumor_panel.correct.editor
    assert editor.segmentationNode() is tumor_panel.parameters.shown
    assert editor.sourceVolumeNode() is tumor_panel.parameters.t1c
    assert editor.shortcuts
    assert editor.observing
    bench.leave(tumor_panel)
    assert not editor.shortcuts
    assert not editor.observing
    bench.enter(tumor_panel)
    assert editor.shortcuts


def test_the_editor_goes_on_after_a_scene_was_loaded_with_the_module_open(bench, tumor_panel) -> None:
    bench.segment(tumor_panel)
    tumor_panel.ui.correctSection.collapsed = False
    scene, editor = slicer.mrmlScene, tumor_panel.correct.editor
    scene.SetSaveToXMLString(1)
    scene.Commit()
    saved = scene.GetSceneXMLString()
    scene.SetSaveToXMLString(0)
    scene.SetLoadFromXMLString(1)
    scene.SetSceneXMLString(saved)
    scene.Connect()
    scene.SetLoadFromXMLString(0)
    bench.spin(0.1)
    assert tumor_panel.parameters.shown is not None
    assert editor.segmentationNode() is tumor_panel.parameters.shown
    assert editor.sourceVolumeNode() is tumor_panel.parameters.t1c
    assert editor.observing


def test_next_uncertain_region_centers_the_slices(bench, tumor_panel) -> None:
    assert not tumor_panel.ui.uncertainButton.enabled
    bench.segment(tumor_panel)
    node = tumor_panel.parameters.shown
    places = [
        {"ras": [5.0, -7.0, 9.0], "key": "necrotic_core", "marked": True, "ml": 1.25, "score": 1.0},
        {"ras": [0.0, 0.0, 1.0], "key": "enhancing_tumor", "marked": False, "ml": 0.5, "score": 0.4},
    ]
    tumor_panel.correct.scene_closes()  # a result of an earlier session tells its places by its attribute
    node.SetAttribute("NeuroSpineSeg.Doubtful", json.dumps(places))
    tumor_panel._update()
    for number in (0, 1, 0):
        bench.click(tumor_panel.ui.uncertainButton)
        for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
            matrix = view.GetSliceToRAS()
            np.testing.assert_allclose([matrix.GetElement(row, 3) for row in range(3)], places[number]["ras"], atol=1e-6)
        assert f"Region {number + 1} of 2" in tumor_panel.ui.uncertainLabel.text
    assert "1.25 mL" in tumor_panel.ui.uncertainLabel.text


def test_only_inside_the_box_again(bench, tumor_panel, scan) -> None:
    bench.segment(tumor_panel)
    node = tumor_panel.parameters.shown
    shape = ball().shape
    broken = np.zeros(shape, np.uint16)
    broken[:, ::2, :] = structure("necrotic_core").label
    slicer.util.updateSegmentBinaryLabelmapFromArray((broken > 0).astype(np.uint8), node, "necrotic_core", scan)
    spoiled = labels_of(node, scan)
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    middle = oblique_affine() @ [14, 13, 12, 1]
    roi.SetCenter(*middle[:3])
    roi.SetSize(40.0, 40.0, 40.0)
    tumor_panel.parameters.region = roi
    bench.click(tumor_panel.ui.againButton)
    bench.spin(lambda: tumor_panel.ui.segmentButton.text == "Segment")
    k, j, i = np.indices(shape)
    ras = np.stack([i, j, k, np.ones_like(i)], -1) @ oblique_affine().T
    inside = (np.abs(ras[..., :3] - middle[:3]) <= 20.0).all(-1)
    after = labels_of(node, scan)
    core_now, core_spoiled = after == structure("necrotic_core").label, spoiled == structure("necrotic_core").label
    np.testing.assert_array_equal(core_now[~inside], core_spoiled[~inside])
    assert (core_now[inside] != core_spoiled[inside]).any()
    tumor_panel.correct.editor.undo()
    np.testing.assert_array_equal(labels_of(node, scan), spoiled)


def box_around(middle_ijk: tuple[int, int, int], size: float):
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    roi.SetCenter(*(oblique_affine() @ [*middle_ijk, 1])[:3])
    roi.SetSize(size, size, size)
    return roi


def test_replacing_by_what_is_in_a_box_is_said(bench, tumor_panel, mine) -> None:
    from neurospineseg_panel.parameters import RegionKind

    tumor_panel.parameters.result = mine
    tumor_panel.parameters.region, tumor_panel.parameters.regionKind = box_around((14, 13, 12), 60.0), RegionKind.BOX
    bench.segment(tumor_panel)
    assert "hold nothing outside it" in tumor_panel.ui.statusLabel.text


def painted(result) -> np.ndarray:
    labels = np.zeros(ball().shape, np.uint16)
    list(result.paint(labels))
    return labels


def test_the_box_again_changes_what_was_predicted_in_the_box_only_and_undo_brings_it_back(bench, tumor_panel, scan) -> None:
    bench.segment(tumor_panel)
    node, correct = tumor_panel.parameters.shown, tumor_panel.correct
    first = correct._results.of(node)
    first.uncertain[:] = [
        {"ras": list((oblique_affine() @ [*ijk, 1])[:3]), "key": "necrotic_core", "marked": True, "ml": 1.0, "score": score}
        for ijk, score in (((14, 13, 12), 0.9), ((2, 2, 2), 0.5))
    ]
    before = painted(first)
    np.testing.assert_array_equal(before, labels_of(node, scan))
    tumor_panel.parameters.region = box_around((14, 13, 12), 40.0)
    bench.click(tumor_panel.ui.againButton)
    bench.spin(lambda: tumor_panel.ui.segmentButton.text == "Segment")
    second = correct._results.of(node)
    assert second is not first
    assert second.is_whole
    np.testing.assert_array_equal(painted(second), labels_of(node, scan))
    assert first.uncertain[1] in second.uncertain_regions()
    assert first.uncertain[0] not in second.uncertain_regions()
    assert json.loads(node.GetAttribute("NeuroSpineSeg.Doubtful")) == second.uncertain_regions()
    correct.editor.undo()
    assert correct._results.of(node) is first
    assert correct.uncertain_regions() == first.uncertain


def test_a_correction_is_never_stored_with_another_scan(bench, tumor_panel, scan, tmp_path) -> None:
    bench.segment(tumor_panel)
    tumor_panel.parameters.corrections = str(tmp_path / "cases")
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Other")
    other.CopyContent(scan)
    tumor_panel.parameters.t1c = other
    bench.click(tumor_panel.ui.acceptButton)
    assert "not segmented from 'Other'" in tumor_panel.ui.statusLabel.text
    tumor_panel.parameters.t1c, tumor_panel.parameters.flair = None, other
    bench.click(tumor_panel.ui.acceptButton)
    assert "'Other' in the slot flair was not segmented" in tumor_panel.ui.statusLabel.text
    assert not (tmp_path / "cases").exists()


def accepted(bench, panel, folder) -> list:
    panel.parameters.corrections = str(folder)
    bench.click(panel.ui.acceptButton)
    bench.spin(lambda: panel.ui.segmentButton.text == "Segment")
    bench.spin(0.2)
    return sorted(folder.iterdir()) if folder.exists() else []


def test_after_undo_a_correction_goes_with_the_scan_that_is_shown(bench, tumor_panel, scan, tmp_path) -> None:
    bench.segment(tumor_panel)
    node = tumor_panel.parameters.shown
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Other")
    other.CopyContent(scan)
    tumor_panel.parameters.t1c, tumor_panel.parameters.result = other, node
    bench.segment(tumor_panel)
    tumor_panel.correct.editor.undo()
    assert not accepted(bench, tumor_panel, tmp_path / "cases")
    tumor_panel.parameters.t1c = scan
    assert len(accepted(bench, tumor_panel, tmp_path / "cases")) == 1


def test_a_segmentation_from_a_file_is_accepted_on_the_scan_whose_grid_it_has(bench, tumor_panel, mine, scan, tmp_path) -> None:
    mine.SetNodeReferenceID(mine.GetReferenceImageGeometryReferenceRole(), None)
    tumor_panel.parameters.shown = mine
    assert len(accepted(bench, tumor_panel, tmp_path / "cases")) == 1
    assert "Not stored" in tumor_panel.ui.statusLabel.text
    assert "'My cyst'" in tumor_panel.ui.statusLabel.text
    scan.SetSpacing(1.0, 2.0, 3.0)
    assert len(accepted(bench, tumor_panel, tmp_path / "cases")) == 1
    assert "on the grid of none" in tumor_panel.ui.statusLabel.text


def test_what_is_covered_or_outside_is_said(bench, tumor_panel, mine, scan, tmp_path) -> None:
    everything = np.ones(ball().shape, np.uint8)
    editor = slicer.util.updateSegmentBinaryLabelmapFromArray
    segment = mine.GetSegmentation().AddEmptySegment("", "Enhancing tumor")
    editor(everything, mine, segment, scan)
    tumor_panel.parameters.shown = mine
    assert len(accepted(bench, tumor_panel, tmp_path / "cases")) == 1
    assert "'Enhancing tumor' covers voxels of other segments (125)" in tumor_panel.ui.statusLabel.text


def test_the_box_again_needs_the_scans_that_were_segmented(bench, tumor_panel, scan) -> None:
    bench.segment(tumor_panel)
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Other")
    other.CopyContent(scan)
    tumor_panel.parameters.region = box_around((14, 13, 12), 40.0)
    tumor_panel.parameters.t1c = other
    bench.click(tumor_panel.ui.againButton)
    assert "not segmented from 'Other'" in tumor_panel.ui.statusLabel.text


def test_nothing_to_accept_is_a_sentence(bench, tumor_panel, scan, tmp_path) -> None:
    labels = np.full(ball().shape, structure("vertebra_L3").label, np.uint16)
    tumor_panel.parameters.shown = segmentation_from_labels(
        Volume(labels, oblique_affine()), structures_of("spine"), slicer.mrmlScene, "Spine", scan
    )
    assert not accepted(bench, tumor_panel, tmp_path / "cases")
    assert "nothing was stored" in tumor_panel.ui.statusLabel.text


def test_a_correction_holds_the_structures_of_its_task_only(scan) -> None:
    labels = np.zeros(ball().shape, np.uint16)
    labels[2:5], labels[8:10] = structure("left_subthalamic_nucleus").label, structure("edema").label
    node = segmentation_from_labels(
        Volume(labels, oblique_affine()), [structure("left_subthalamic_nucleus"), structure("edema")], slicer.mrmlScene, "Both", scan
    )
    np.testing.assert_array_equal(labels_of(node, scan), np.where(labels == structure("edema").label, labels, 0))


def test_renumber_from_here(bench) -> None:
    labels = np.zeros((28, 6, 6), np.uint16)
    for number, key in enumerate(("vertebra_3", "disc_2", "vertebra_2", "disc_1", "vertebra_1")):
        labels[24 - 4 * number : 28 - 4 * number, :4, 1:5] = structure(key).label
    node = segmentation_from_labels(Volume(labels, np.diag([5.0, 5.0, 8.0, 1.0])), structures_of("spine"), slicer.mrmlScene, "Spine")
    widget = bench.open("SpineSeg")
    widget.parameters.shown = node
    before = segments(node)
    assert [name for _, name in widget.correct.renumbering.vertebrae] == [structure(f"vertebra_{n}").name for n in (1, 2, 3)]
    widget.ui.renumberSegmentSelector.setCurrentIndex(1)
    widget.ui.renumberLevelSelector.setCurrentIndex(LEVELS.index("L4"))
    bench.click(widget.ui.renumberButton)
    bench.spin(widget.ui.renumberButton.isEnabled)
    segmentation = node.GetSegmentation()
    assert {key: segmentation.GetSegment(key).GetName() for key in before} == {
        "vertebra_1": "L5 vertebra",
        "vertebra_2": "L4 vertebra",
        "vertebra_3": "L3 vertebra",
        "disc_1": "L4-L5 disc",
        "disc_2": "L3-L4 disc",
    }
    assert segments(node) == before
    widget.ui.renumberVariantSelector.setCurrentIndex(3)
    widget.ui.renumberLevelSelector.setCurrentIndex(LEVELS.index("L4"))
    bench.click(widget.ui.renumberButton)
    bench.spin(widget.ui.renumberButton.isEnabled)
    assert "lie below L4" in widget.ui.statusLabel.text
    assert segmentation.GetSegment("vertebra_1").GetName() == "L5 vertebra"
    widget.correct.editor.undo()
    assert segmentation.GetSegment("vertebra_1").GetName() == structure("vertebra_1").name


def test_renumbering_is_for_the_spine(bench, tumor_panel) -> None:
    assert tumor_panel.ui.renumberWidget.isHidden()


def test_accepting_a_correction(bench, tumor_panel, scan, tmp_path) -> None:
    bench.segment(tumor_panel)
    node = tumor_panel.parameters.shown
    predicted = labels_of(node, scan)
    slicer.util.updateSegmentBinaryLabelmapFromArray(np.zeros(predicted.shape, np.uint8), node, "necrotic_core", scan)
    tumor_panel.ui.correctionsFolderButton.directory = str(tmp_path / "cases")
    assert tumor_panel.parameters.corrections == str(tmp_path / "cases")
    for count in (1, 2):
        bench.click(tumor_panel.ui.acceptButton)
        bench.spin(lambda: tumor_panel.ui.segmentButton.text == "Segment")
        bench.spin(1.0)
        cases = sorted((tmp_path / "cases").iterdir())
        assert len(cases) == count, "an earlier case is never overwritten"
    case = cases[0]
    assert sorted(path.name for path in case.iterdir()) == ["case.json", "label.nii.gz", "t1c.nii.gz"]
    stored, image = read_volume(case / "label.nii.gz"), read_volume(case / "t1c.nii.gz")
    np.testing.assert_array_equal(stored.voxels, labels_of(node, scan))
    np.testing.assert_array_equal(image.voxels, ball())
    np.testing.assert_allclose(stored.ijk_to_ras, oblique_affine(), atol=1e-4)
    description = json.loads((case / "case.json").read_text())
    assert description["dice_prediction_correction"]["necrotic_core"] == 0.0
    assert description["model"]["name"] == "tiny_tumor"
    assert "Mean Dice" in tumor_panel.ui.statusLabel.text


def test_accepting_without_a_folder(bench, tumor_panel) -> None:
    bench.segment(tumor_panel)
    bench.click(tumor_panel.ui.acceptButton)
    assert "No folder was chosen" in tumor_panel.ui.statusLabel.text


def test_preview_of_the_region(bench, tumor_panel) -> None:
    from neurospineseg_panel.parameters import RegionKind

    assert not tumor_panel.ui.previewRegionButton.enabled
    tumor_panel.parameters.regionKind = RegionKind.AUTOMATIC
    bench.click(tumor_panel.ui.previewRegionButton)
    bench.spin(lambda: tumor_panel.parameters.region is not None)
    size = tumor_panel.parameters.region.GetSize()
    assert all(40 < side < 200 for side in size)
    bench.spin(lambda: tumor_panel.ui.segmentButton.text == "Segment")
    bench.segment(tumor_panel)
    assert tumor_panel.parameters.shown is not None


def test_every_segment_is_coded_completely(bench, tumor_panel) -> None:
    from neurospineseg_panel.declare import load_terminology

    load_terminology()
    bench.segment(tumor_panel)
    logic, segmentation = slicer.modules.terminologies.logic(), tumor_panel.parameters.shown.GetSegmentation()
    for number in range(segmentation.GetNumberOfSegments()):
        segment = segmentation.GetNthSegment(number)
        found, text = slicer.vtkSlicerTerminologyEntry(), segment.GetTerminology()
        assert logic.DeserializeTerminologyEntry(text, found), text
        assert found.GetTypeObject().GetCodeValue(), text


def test_canceling_while_a_correction_is_stored_leaves_nothing_of_it(bench, tumor_panel, tmp_path) -> None:
    noise = np.random.default_rng(0).integers(0, 30000, (200, 256, 256), np.int16)
    scan = node_from_array(noise, np.diag([0.5, 0.5, 0.5, 1.0]), slicer.mrmlScene, "noise")
    labels = np.zeros(noise.shape, np.uint16)
    labels[90:110, 90:110, 90:110] = structure("edema").label
    tumor_panel.parameters.t1c = scan
    tumor_panel.parameters.shown = segmentation_from_labels(
        Volume(labels, np.diag([0.5, 0.5, 0.5, 1.0])), structures_of("tumor"), slicer.mrmlScene, "Mine", scan
    )
    cases = tmp_path / "cases"
    tumor_panel.ui.correctionsFolderButton.directory = str(cases)
    bench.click(tumor_panel.ui.acceptButton)
    bench.spin(lambda: cases.is_dir() and any(list(room.iterdir()) for room in cases.iterdir()))
    bench.click(tumor_panel.ui.segmentButton)
    assert list(cases.iterdir()) == []
    assert "Canceled" in tumor_panel.ui.statusLabel.text


@pytest.mark.parametrize("idle", [False, True])
def test_the_worker_ends_while_a_correction_is_drawn(bench, tumor_panel, tmp_path, monkeypatch, idle: bool) -> None:
    bench.segment(tumor_panel)
    tumor_panel.ui.correctionsFolderButton.directory = str(tmp_path / "cases")
    client = tumor_panel.logic.client
    client.stop()
    monkeypatch.setattr(client, "idle_seconds", 0.5 if idle else 60.0)
    tumor_panel.logic._timer.stop()
    bench.click(tumor_panel.ui.acceptButton)
    tumor_panel.logic._timer.stop()
    tumor_panel.logic.run.step()
    if idle:
        bench.spin(lambda: client.poll() is not None and not client.running)
    else:
        client.stop()
    tumor_panel.logic._timer.start(5)
    bench.spin(lambda: tumor_panel.logic.run is None)
    if idle:
        assert len(list((tmp_path / "cases").iterdir())) == 1, tumor_panel.ui.statusLabel.text
    else:
        assert "ended before the work was done" in tumor_panel.ui.statusLabel.text
