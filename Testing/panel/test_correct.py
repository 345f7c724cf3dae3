"""What else is done with a result: merging, undo, the segment editor, uncertain regions, renumbering."""

from __future__ import annotations

import json

import numpy as np
import slicer

from neurospineseg.images.volume import Volume
from neurospineseg.mrml import segmentation_from_labels
from neurospineseg.mrml.segment_masks import own_mask
from neurospineseg.tasks.anatomy import structure, structures_of
from neurospineseg.tasks.spine.renumbering import LEVELS


def segments(node) -> dict[str, bytes]:
    segmentation = node.GetSegmentation()
    return {
        segmentation.GetNthSegmentID(n): np.packbits(own_mask(segmentation.GetNthSegment(n))[0]).tobytes()
        for n in range(segmentation.GetNumberOfSegments())
    }


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


def test_a_scene_that_is_added_takes_no_choice_away(bench, tumor_panel, mine) -> None:
    """Slicer's selectors make their rows anew after each import, and tell that nothing is chosen."""
    bench.segment(tumor_panel)
    tumor_panel.ui.correctSection.collapsed = False
    tumor_panel.parameters.shown = tumor_panel.parameters.result = mine
    other = slicer.vtkMRMLScene()
    other.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Another")
    other.SetSaveToXMLString(1)
    other.Commit()
    scene, scan, editor = slicer.mrmlScene, tumor_panel.parameters.t1c, tumor_panel.correct.editor
    scene.SetLoadFromXMLString(1)
    scene.SetSceneXMLString(other.GetSceneXMLString())
    scene.Import()
    scene.SetLoadFromXMLString(0)
    bench.spin(0.1)
    assert slicer.util.getNodes("Another")
    assert tumor_panel.parameters.t1c is scan
    assert tumor_panel.parameters.shown is mine
    assert tumor_panel.parameters.result is mine
    assert tumor_panel.ui.shownSelector.currentNode() is mine
    assert editor.segmentationNode() is mine
    assert editor.mrmlSegmentEditorNode().GetSegmentationNode() is mine


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


def spine_node(name: str, keys: tuple[str, ...]):
    labels = np.zeros((4 * len(keys), 6, 6), np.uint16)
    for number, key in enumerate(keys):
        labels[4 * (len(keys) - 1 - number) : 4 * (len(keys) - number), :4, 1:5] = structure(key).label
    return segmentation_from_labels(Volume(labels, np.diag([5.0, 5.0, 8.0, 1.0])), structures_of("spine"), slicer.mrmlScene, name)


def names_of(node) -> list[str]:
    segmentation = node.GetSegmentation()
    return [segmentation.GetNthSegment(n).GetName() for n in range(segmentation.GetNumberOfSegments())]


def test_a_rival_numbering_is_one_click(bench) -> None:
    node = spine_node("Spine", ("vertebra_L4", "disc_L4_L5", "vertebra_L5", "disc_L5_S1", "sacrum"))
    widget = bench.open("SpineSeg")
    widget.parameters.shown = node
    selector = widget.ui.renumberProposalSelector
    assert [selector.itemText(row) for row in range(1, selector.count)] == [
        "The lowest is L5: 84 % likely",
        "The lowest is L4: 8 % likely",
        "The lowest is L6 or S1: 8 % likely",
    ]
    selector.activated.emit(3)
    bench.spin(widget.ui.renumberButton.isEnabled)
    assert sorted(names_of(node)) == ["L5 vertebra", "L5-L6 disc", "L6 vertebra", "L6-S1 disc", "Sacrum"]


def test_another_segmentation_gives_its_levels(bench) -> None:
    node = spine_node("Spine", ("vertebra_3", "disc_2", "vertebra_2", "disc_1", "vertebra_1"))
    spine_node("Localizer", ("vertebra_T11", "disc_T11_T12", "vertebra_T12", "disc_T12_L1", "vertebra_L1"))
    widget = bench.open("SpineSeg")
    widget.parameters.shown = node
    selector = widget.ui.renumberProposalSelector
    assert [selector.itemText(row) for row in range(1, selector.count)] == ["As in Localizer"]
    selector.activated.emit(1)
    bench.spin(widget.ui.renumberButton.isEnabled)
    assert {"T11 vertebra", "T12 vertebra", "L1 vertebra"} < set(names_of(node))
    assert "3 of 3 vertebrae" in widget.ui.statusLabel.text


def test_renumbering_is_for_the_spine(bench, tumor_panel) -> None:
    assert tumor_panel.ui.renumberWidget.isHidden()


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
