"""The one list of segments: what it tells, what a click does, and the Segment Editor that follows it."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from PySide6 import QtCore, QtTest

from neurospineseg.images.volume import Volume
from neurospineseg.mrml import segmentation_from_labels
from neurospineseg.mrml.segment_masks import CONFIDENCE_TAG
from neurospineseg.tasks.anatomy import structure, structures_of
from Testing.small_scans import ball, oblique_affine

SHAPE = ball().shape
FIRST_OWN = 6
"""The first column beside those of qMRMLSegmentsModel.cxx."""


@pytest.fixture
def panel(tumor_panel):
    """A panel with nothing under way, so that nothing but the scene moves it."""
    tumor_panel.logic.stop()
    return tumor_panel


@pytest.fixture
def node(panel, scan):
    labels = np.zeros(SHAPE, np.uint16)
    labels[2:6, 2:6, 2:6], labels[10:16, 12:16, 12:16] = structure("necrotic_core").label, structure("edema").label
    made = segmentation_from_labels(Volume(labels, oblique_affine()), structures_of("tumor"), slicer.mrmlScene, "Mine", scan)
    made.CreateDefaultDisplayNodes()
    made.GetSegmentation().GetSegment("edema").SetTag(CONFIDENCE_TAG, "0.875")
    panel.parameters.shown = made
    panel.ui.resultSection.collapsed = False
    return made


def row_of(panel, identifier: str) -> int:
    return panel.ui.segmentsTable.rowForSegmentID(identifier)


def cells(panel, identifier: str) -> list[str]:
    model = panel.ui.segmentsTable.model()
    row = panel.result.table._rows().index(identifier)
    return [model.item(row, column).text() for column in range(FIRST_OWN, model.columnCount())]


def click(panel, identifier: str, column: int = 3) -> None:
    """A click into a row of the table, beside the text."""
    panel.parent.resize(460, 900)
    panel.parent.show()
    table = panel.ui.segmentsTable.tableWidget()
    place = table.visualRect(table.model().index(row_of(panel, identifier), column)).center()
    QtTest.QTest.mouseClick(table.viewport(), QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.KeyboardModifier.NoModifier, place)


def test_there_is_one_list_and_it_tells_volume_and_confidence(bench, panel, node) -> None:
    lists = [table for table in panel.ui.resultSection.findChildren(QtCore.QObject) if table.inherits("QTableView")]
    assert lists == [panel.ui.segmentsTable.tableWidget()]
    bench.spin(lambda: cells(panel, "edema")[0] and cells(panel, "necrotic_core")[0])
    assert cells(panel, "edema") == [f"{6 * 4 * 4 * 0.125:.1f}", "88%"]
    assert cells(panel, "necrotic_core") == ["8.000", ""]


def test_volumes_follow_the_edits_and_can_be_copied(bench, panel, node, scan) -> None:
    bench.click(panel.ui.copyVolumesButton)
    lines = bench.app.clipboard().text().splitlines()
    assert lines[0] == "Structure\tmL\tConfidence"
    assert "Edema\t12.0000\t88%" in [line.replace("Peritumoral edema", "Edema") for line in lines]
    assert len(lines) == 1 + node.GetSegmentation().GetNumberOfSegments()
    slicer.util.updateSegmentBinaryLabelmapFromArray(np.ones(SHAPE, np.uint8), node, "necrotic_core", scan)
    bench.spin(lambda: cells(panel, "necrotic_core")[0] == f"{ball().size * 0.125:.1f}", seconds=20)
    bench.click(panel.ui.volumesNodeButton)
    (table,) = slicer.util.getNodesByClass("vtkMRMLTableNode")
    assert table.GetNumberOfRows() == len(lines) - 1


def test_rows_that_slicer_makes_anew_tell_what_is_known_at_once(bench, panel, node) -> None:
    bench.spin(lambda: cells(panel, "edema")[0])
    node.GetSegmentation().AddEmptySegment("mine", "Mine")
    node.InvokeEvent(slicer.vtkMRMLSegmentationNode.SegmentationChangedEvent)
    assert cells(panel, "edema")[1] == "88%"
    bench.spin(lambda: cells(panel, "mine")[0] == "0.000")
    node.GetSegmentation().RemoveSegment("edema")
    assert row_of(panel, "edema") < 0


def test_a_click_centers_the_slices_on_the_structure_again_and_again(bench, panel, node) -> None:
    middle = (oblique_affine() @ [13.5, 13.5, 12.5, 1])[:3]
    for _ in range(2):
        for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
            view.JumpSliceByCentering(0.0, 0.0, 0.0)
        click(panel, "edema")
        bench.spin(lambda: not panel.result._placing.busy)
        for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
            place = [view.GetSliceToRAS().GetElement(row, 3) for row in range(3)]
            assert np.abs(np.subtract(place, middle)).max() < 6.0


@pytest.mark.parametrize("column, can_edit", [(3, True), (FIRST_OWN, False), (FIRST_OWN + 1, False)])
def test_a_key_edits_names_and_nothing_that_is_told(bench, panel, node, column: int, can_edit: bool) -> None:
    bench.spin(lambda: cells(panel, "edema")[0])
    node.GetSegmentation().GetSegment("edema").Modified()
    click(panel, "edema", column)
    table = panel.ui.segmentsTable.tableWidget()
    assert table.currentIndex().column() == column
    QtTest.QTest.keyClick(table, QtCore.Qt.Key.Key_F2)
    editors = [child for child in table.viewport().children() if child.inherits("QLineEdit")]
    assert bool(editors) == can_edit


def test_a_click_on_an_empty_segment_moves_nothing(bench, panel, node) -> None:
    node.GetSegmentation().AddEmptySegment("mine", "Mine")
    (view, *_) = slicer.util.getNodesByClass("vtkMRMLSliceNode")
    view.JumpSliceByCentering(1.0, 2.0, 3.0)
    click(panel, "mine")
    assert view.GetSliceToRAS().GetElement(0, 3) == 1.0
    assert ("showStatusMessage", "'Mine' is empty.") in bench.app.messages


def test_hiding_a_segment_does_not_jump(bench, panel, node) -> None:
    (view, *_) = slicer.util.getNodesByClass("vtkMRMLSliceNode")
    view.JumpSliceByCentering(1.0, 2.0, 3.0)
    panel.parent.show()
    bench.spin(0.1)
    table = panel.ui.segmentsTable.tableWidget()
    button = table.indexWidget(table.model().index(row_of(panel, "edema"), 0))
    QtTest.QTest.mouseClick(button, QtCore.Qt.MouseButton.LeftButton)
    assert not node.GetDisplayNode().GetSegmentVisibility("edema")
    assert view.GetSliceToRAS().GetElement(0, 3) == 1.0


def test_the_editor_has_no_list_of_its_own_and_changes_what_is_selected(bench, panel, node) -> None:
    click(panel, "edema")
    panel.ui.correctSection.collapsed = False
    editor = panel.correct.editor
    assert editor.findChild(QtCore.QObject, "SegmentsTableResizableFrame").isHidden()
    assert not editor.show3DButtonVisible
    assert editor.currentSegmentID() == "edema", "what was selected before the editor was there"
    click(panel, "necrotic_core")
    assert editor.currentSegmentID() == "necrotic_core"


def test_the_list_follows_the_editor_without_a_jump(bench, panel, node) -> None:
    panel.ui.correctSection.collapsed = False
    click(panel, "edema")
    (view, *_) = slicer.util.getNodesByClass("vtkMRMLSliceNode")
    view.JumpSliceByCentering(1.0, 2.0, 3.0)
    panel.correct.editor.setCurrentSegmentID("necrotic_core")
    assert list(panel.ui.segmentsTable.selectedSegmentIDs()) == ["necrotic_core"]
    assert view.GetSliceToRAS().GetElement(0, 3) == 1.0


def test_a_folded_editor_is_not_made(bench, panel, node) -> None:
    panel.ui.editorSection.collapsed = True
    panel.ui.correctSection.collapsed = False
    assert panel.correct.editor is None
    panel.ui.editorSection.collapsed = False
    assert panel.correct.editor is not None


def test_names_are_not_cut_where_there_is_room(bench, panel, scan) -> None:
    longest = max((found for found in structures_of("subcortical")), key=lambda found: len(found.name))
    labels = np.full(SHAPE, longest.label, np.uint16)
    shown = segmentation_from_labels(Volume(labels, oblique_affine()), [longest], slicer.mrmlScene, "Nuclei", scan)
    shown.CreateDefaultDisplayNodes()
    panel.parameters.shown = shown
    panel.ui.resultSection.collapsed = False
    panel.parent.resize(460, 900)
    panel.parent.show()
    bench.spin(0.2)
    table = panel.ui.segmentsTable.tableWidget()
    assert table.fontMetrics().horizontalAdvance(longest.name) < table.columnWidth(3)
    assert not table.property("wordWrap")
