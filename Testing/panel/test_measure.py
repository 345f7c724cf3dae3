"""The section *Measure*: the same numbers as the shell's, in a table of the scene, which never are silently old."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import slicer
import vtk
from PySide6 import QtCore, QtTest

from neurospineseg.cli.main import DONE, main
from neurospineseg.errors import InputError
from neurospineseg.measurements.measurement import measurements_of
from neurospineseg.mrml import write_segmentation
from neurospineseg.worker.client import WorkerClient
from Testing.panel.measured_spine import measure, number_of, table_node, table_of, turned_spine_node, values


def test_shell_console_and_panel_give_the_same_numbers(bench, measuring_panel, spine, tmp_path: Path) -> None:
    prepared, measuring_panel.logic.client = measuring_panel.logic.client, WorkerClient()
    write_segmentation(spine, tmp_path / "mask.seg.nrrd")
    assert main(["measure", str(tmp_path / "mask.seg.nrrd"), "-o", str(tmp_path / "table.json")]) == DONE
    shell = values(measurements_of(json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))))
    console = values(measuring_panel.logic.measure(spine))
    measuring_panel.logic.client.stop()
    measuring_panel.logic.client = prepared
    measure(bench, measuring_panel)
    assert abs(float(shell["vertebra_L3.body_height_middle [mm]"] or 0) - 24.0) < 0.3
    for found in (console, values(table_of(spine))):
        assert found.keys() == shell.keys()
        assert {name: value for name, value in found.items() if shell[name] is None and value is not None} == {}
        assert max(abs(float(found[name] or 0) - float(value)) for name, value in shell.items() if value is not None) < 0.05


def test_the_list_shows_them_with_their_error_bars(bench, measuring_panel, spine) -> None:
    measure(bench, measuring_panel)
    rows = {row.toolTip(0): row.text(1) for row in measuring_panel.measure.tree._rows}
    depth = table_of(spine).find("body_depth", "vertebra_L2")
    assert depth is not None
    assert rows["L2 Body depth"] == depth.text
    assert "numbers:" in measuring_panel.ui.statusLabel.text


def test_the_table_lies_in_a_folder_beside_the_segmentation(bench, measuring_panel, spine) -> None:
    from neurospineseg_panel.measure_folder import FOLDER_ATTRIBUTE

    measuring_panel.logic.measure(spine)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    folder = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(table_node(spine)))
    assert hierarchy.GetItemAttribute(folder, FOLDER_ATTRIBUTE)
    assert hierarchy.GetItemParent(folder) == hierarchy.GetItemParent(hierarchy.GetItemByDataNode(spine))


def test_measuring_again_fills_the_same_table(bench, measuring_panel, spine) -> None:
    measuring_panel.logic.measure(spine)
    table, before = table_node(spine), len(slicer.util.getNodesByClass("vtkMRMLTableNode"))
    measuring_panel.logic.measure(spine)
    assert len(slicer.util.getNodesByClass("vtkMRMLTableNode")) == before
    assert table_node(spine) is table


def test_what_has_changed_since_is_said_to_be_outdated(bench, measuring_panel, spine) -> None:
    measure(bench, measuring_panel)
    assert "as the segmentation is now" in measuring_panel.ui.measureLabel.text
    spine.GetSegmentation().GetSegment("vertebra_L3").SetColor(0.1, 0.2, 0.3)
    bench.spin(0.8)
    assert "OUTDATED" not in measuring_panel.ui.measureLabel.text
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(spine, "vertebra_L3")
    slicer.util.updateSegmentBinaryLabelmapFromArray(np.roll(mask, 1, 2), spine, "vertebra_L3")
    bench.spin(lambda: "OUTDATED" in measuring_panel.ui.measureLabel.text, 5)
    measure(bench, measuring_panel)
    assert "OUTDATED" not in measuring_panel.ui.measureLabel.text


def test_renumbering_makes_them_outdated_and_measuring_again_follows_it(bench, measuring_panel, spine) -> None:
    from neurospineseg.mrml import renumber

    measure(bench, measuring_panel)
    before = table_of(spine).find("body_depth", "vertebra_L3")
    renumber(spine, "vertebra_L3", "L4")
    bench.spin(lambda: "OUTDATED" in measuring_panel.ui.measureLabel.text, 5)
    measure(bench, measuring_panel)
    after = table_of(spine).find("body_depth", "vertebra_L4")
    assert before is not None
    assert after is not None
    assert after.value == before.value


def test_places_are_the_worlds_under_a_parent_transform(bench, measuring_panel, spine) -> None:
    before = measuring_panel.logic.measure(spine).find("body_depth", "vertebra_L2")
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 40.0)
    transform.SetMatrixTransformToParent(matrix)
    for moved in (spine, spine.GetNodeReference(spine.GetReferenceImageGeometryReferenceRole())):
        moved.SetAndObserveTransformNodeID(transform.GetID())
    after = measuring_panel.logic.measure(spine).find("body_depth", "vertebra_L2")
    np.testing.assert_allclose(np.array(after.points) - before.points, [[40.0, 0, 0]] * 2, atol=0.01)


def place_of_red() -> list[float]:
    view = next(view for view in slicer.util.getNodesByClass("vtkMRMLSliceNode") if view.GetLayoutName() == "Red")
    return [view.GetSliceToRAS().GetElement(row, 3) for row in range(3)]


@pytest.mark.parametrize("by", ["mouse over it", "a click", "mouse over it, but told not to follow"])
def test_a_row_takes_the_slices_to_where_it_was_measured(bench, measuring_panel, spine, by: str) -> None:
    measure(bench, measuring_panel)
    tree, number = measuring_panel.measure.tree, number_of(measuring_panel, "body_depth", "vertebra_L2")
    measuring_panel.ui.measureFollowCheckBox.checked = "told" not in by
    measuring_panel.parent.resize(460, 1200)
    measuring_panel.parent.show()
    bench.spin(0.1)
    for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        view.JumpSliceByCentering(0.0, 0.0, 0.0)
    place, ports = tree.tree.visualItemRect(tree._rows[number]).center(), tree.tree.viewport()
    if by == "a click":
        QtTest.QTest.mouseClick(ports, QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.KeyboardModifier.NoModifier, place)
    else:
        QtTest.QTest.mouseMove(ports, place - QtCore.QPoint(0, 30))
        bench.spin(0.05)
        QtTest.QTest.mouseMove(ports, place)
        bench.spin(lambda: tree._under == number, 60)
    wanted = np.zeros(3) if "told" in by else np.mean(measuring_panel.measure.measured.items[number].points, 0)
    bench.spin(lambda: not tree._rests.isActive() and np.abs(place_of_red() - wanted).max() < 0.6, 60)
    np.testing.assert_allclose(place_of_red(), wanted, atol=0.6)


def test_other_programs_names_are_understood(bench, measuring_panel, spine) -> None:
    segment = spine.GetSegmentation().GetSegment("vertebra_L3")
    for name in ("NeuroSpineSeg.Structure", "TerminologyEntry"):
        segment.RemoveTag(name)
    segment.SetName("vertebrae_L3")
    assert measuring_panel.logic.measure(spine).find("body_depth", "vertebra_L3") is not None


def test_nothing_of_the_module_in_it_is_said(bench, measuring_panel, scan, mine) -> None:
    measuring_panel.parameters.shown = mine
    measuring_panel.ui.measureSection.collapsed = False
    bench.click(measuring_panel.ui.measureButton)
    bench.spin(lambda: not measuring_panel.runs.busy)
    assert "No segment of 'Mine' shows a structure of this module" in measuring_panel.ui.statusLabel.text


def test_canceling_leaves_the_scene_as_it_is(bench, measuring_panel, spine) -> None:
    measuring_panel.logic.client.send = lambda request: 0
    bench.click(measuring_panel.ui.measureButton)
    bench.spin(0.1)
    assert measuring_panel.ui.segmentButton.text == "Cancel"
    bench.click(measuring_panel.ui.segmentButton)
    bench.spin(0.2)
    assert table_node(spine) is None
    assert measuring_panel.ui.statusLabel.text == "Canceled."


def test_a_segmentation_that_left_the_scene_has_no_nodes_of_ours(bench, measuring_panel, spine) -> None:
    from neurospineseg_panel.measure_folder import own_nodes

    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "Mine")
    slicer.mrmlScene.RemoveNode(spine)
    assert own_nodes(spine) == {}


def test_one_in_no_scene_is_one_sentence(bench, measuring_panel) -> None:
    from neurospineseg_panel.run import Listener

    node = slicer.vtkMRMLSegmentationNode()
    with pytest.raises(InputError, match="is in no scene"):
        measuring_panel.logic.measure_run(node, Listener())


def test_a_copy_of_the_table_stays_as_it_is(bench, measuring_panel, spine) -> None:
    measuring_panel.logic.measure(spine)
    table, copy = table_node(spine), slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "Mine")
    name = copy.GetName()
    copy.Copy(table)
    copy.SetName(name)
    assert table_node(spine) is table


def test_a_spine_that_comes_into_the_scene_is_offered_for_its_levels(bench, measuring_panel, spine) -> None:
    proposals = measuring_panel.ui.renumberProposalSelector
    offered = lambda: [proposals.itemText(row) for row in range(proposals.count)]  # noqa: E731
    assert "As in Localizer" not in offered()
    turned_spine_node().SetName("Localizer")
    bench.spin(lambda: "As in Localizer" in offered(), 60)


def test_a_segment_and_its_copy_are_said_to_be_measured_as_one(bench, measuring_panel, spine) -> None:
    segmentation = spine.GetSegmentation()
    copy = slicer.vtkSegment()
    copy.DeepCopy(segmentation.GetSegment("vertebra_L3"))
    copy.SetName("L3 before")
    segmentation.AddSegment(copy, "copy")
    measure(bench, measuring_panel)
    assert "Measured as one, L3 vertebra:" in measuring_panel.ui.statusLabel.text
    assert "'L3 before'" in measuring_panel.ui.statusLabel.text
