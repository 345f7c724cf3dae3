"""What the panel says and how much room it takes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import slicer
from PySide6 import QtCore, QtGui, QtTest, QtWidgets

from neurospineseg.images.volume import Volume
from neurospineseg.mrml import segmentation_from_labels
from neurospineseg.tasks.anatomy import structures_of
from Testing.small_scans import ball, oblique_affine

WIDEST = 450
"""Pixels; Slicer's own module panel is as wide."""


@pytest.fixture
def panel(tumor_panel):
    tumor_panel.logic.stop()
    return tumor_panel


def lines(panel) -> list[str]:
    return panel.ui.statusLabel.text.split("\n")


def test_sentences_that_are_alike_stand_once_and_all_in_the_log(panel) -> None:
    alike = [f"'Nucleus {n}' shows the same structure as 'Nucleus {n} (2)' and was left as it is." for n in range(18)]
    panel.say("\n".join(["Segmented.", *alike, "Something else."]))
    assert len(lines(panel)) == 3
    assert "17" in lines(panel)[1]
    assert "Something else." in lines(panel)
    assert panel.ui.logText.plainText.count("was left as it is") == 18


def test_many_different_sentences_are_cut_and_it_is_said(panel) -> None:
    panel.say("\n".join(f"Sentence {letter}." for letter in "abcdefghij"))
    assert len(lines(panel)) == 6
    assert "messages under 'Advanced'" in lines(panel)[-1]


@pytest.mark.parametrize("words", ["use --register.", "name a bundle's folder with --model."])
def test_the_shells_options_are_said_in_the_panels_words(panel, words: str) -> None:
    panel.say(f"The scans do not overlap; {words}")
    assert "--" not in panel.ui.statusLabel.text
    assert "--" not in panel.ui.logText.plainText


def test_the_folder_of_corrections_is_empty_at_first_and_says_so(panel) -> None:
    button = panel.ui.correctionsFolderButton
    assert button.text == "Choose a folder"
    assert panel.parameters.corrections == ""


def test_without_a_folder_none_is_called_empty(panel, tmp_path) -> None:
    assert panel.ui.teachLabel.text == "A model can learn from 2 corrected scans and more."
    panel.ui.correctionsFolderButton.directory = str(tmp_path)
    assert "No corrections are in the folder yet." in panel.ui.teachLabel.text


def test_no_room_is_kept_for_an_uncertain_region_that_is_not_told(panel) -> None:
    assert panel.ui.uncertainLabel.isHidden()
    panel.correct.uncertain._tell("Region 1 of 7")
    assert not panel.ui.uncertainLabel.isHidden()


def test_the_folder_that_the_dialog_offers_can_be_chosen(panel) -> None:
    button = panel.ui.correctionsFolderButton
    offered = os.path.abspath(button.directory)
    button.directory = offered
    assert panel.parameters.corrections == offered
    assert button.text == Path(offered).name
    assert button.toolTip == offered


def test_another_scene_has_no_folder_yet(panel, tmp_path) -> None:
    panel.ui.correctionsFolderButton.directory = str(tmp_path)
    slicer.mrmlScene.Clear(0)
    panel.initializeParameterNode()
    assert panel.ui.correctionsFolderButton.text == "Choose a folder"


def test_the_box_of_the_region_is_an_outline(bench, panel, scan) -> None:
    from neurospineseg_panel.parameters import RegionKind

    box = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    box.SetCenter(0.0, 0.0, 0.0)
    box.SetSize(10.0, 10.0, 10.0)
    panel.parameters.region, panel.parameters.regionKind = box, RegionKind.BOX
    bench.click(panel.ui.previewRegionButton)
    assert not box.GetDisplayNode().GetFillVisibility()
    assert box.GetDisplayNode().GetOutlineVisibility()


@pytest.mark.parametrize("module", ["SubcorticalSeg", "SpineSeg", "TumorSeg"])
def test_models_can_be_told_apart_in_a_narrow_panel(bench, module: str) -> None:
    widget = bench.open(module)
    widget.parent.resize(WIDEST, 900)
    widget.parent.show()
    bench.spin(0.1)
    selector, option = widget.ui.modelSelector, QtWidgets.QStyleOptionComboBox()
    option.initFrom(selector)
    complex_control, field = QtWidgets.QStyle.ComplexControl.CC_ComboBox, QtWidgets.QStyle.SubControl.SC_ComboBoxEditField
    room = QtWidgets.QWidget.style(selector).subControlRect(complex_control, option, field, selector).width()
    for number in range(selector.count):
        assert QtGui.QFontMetrics(QtWidgets.QWidget.font(selector)).horizontalAdvance(selector.itemText(number)) <= room


def test_the_model_card_leaves_the_panel_to_be_seen(bench, panel) -> None:
    panel.parent.resize(460, 900)
    panel.parent.move(0, 0)
    panel.parent.show()
    bench.spin(0.1)
    panel.ui.noticeLabel.setFocus()
    for key in (QtCore.Qt.Key.Key_Tab, QtCore.Qt.Key.Key_Return):
        QtTest.QTest.keyClick(panel.ui.noticeLabel, key)
    card = panel.models._card
    assert "Research only" in card.plainText, "the model of the tests has no card"
    right = panel.ui.segmentButton.mapToGlobal(panel.ui.segmentButton.rect.bottomRight())
    assert QtWidgets.QWidget.isWindow(card)
    assert card.x > right.x()
    card.close()


@pytest.fixture
def full(bench, panel, scan):
    """A panel with every section open, long names and long messages."""
    scan.SetName("A scan with a name that is much longer than any selector of the panel is wide, t1c")
    labels = np.zeros(ball().shape, np.uint16)
    for number, found in enumerate(structures_of("subcortical")):
        labels[number, 2:9, 2:9] = found.label
    node = segmentation_from_labels(Volume(labels, oblique_affine()), structures_of("subcortical"), slicer.mrmlScene, scan.GetName(), scan)
    node.CreateDefaultDisplayNodes()
    panel.parameters.shown = panel.parameters.result = node
    for section in ("advancedSection", "resultSection", "measureSection", "correctSection", "batchSection"):
        getattr(panel.ui, section).collapsed = False
    panel.say("A sentence of more words than one line of the panel has room for, so that it takes three or four of them. " * 2)
    panel.correct.uncertain._tell("Region 1 of 7: Left globus pallidus externus, marked, but uncertain (0.04 mL), and more words than fit.")
    return panel


def test_no_hint_is_wider_than_slicers_panel(bench, full) -> None:
    assert full.panel.sizeHint().width() <= WIDEST, "qSlicerModulePanel.cxx leaves no margin around it"
    assert full.panel.minimumSizeHint().width() <= WIDEST


def test_nothing_lies_over_anything_where_the_panel_gets_no_more_than_its_least_height(bench, full) -> None:
    full.parent.show()
    for _ in range(3):
        full.parent.resize(WIDEST, full.parent.minimumSizeHint().height())
        bench.spin(0.1)
    label = full.ui.statusLabel
    assert QtWidgets.QWidget.height(label) >= label.heightForWidth(QtWidgets.QWidget.width(label))
    table, button = full.ui.segmentsTable, full.ui.show3DButton
    assert QtWidgets.QWidget.geometry(table).bottom() < QtWidgets.QWidget.geometry(button).top()
    assert QtWidgets.QWidget.geometry(label).bottom() < QtWidgets.QWidget.geometry(full.ui.resultSection).top()


def test_a_label_gives_its_room_back(bench, full) -> None:
    full.parent.show()
    full.parent.resize(WIDEST, 1600)
    bench.spin(0.1)
    high = full.ui.statusLabel.minimumHeight
    full.say("Short.")
    assert 0 < full.ui.statusLabel.minimumHeight < high
    full.say("")
    assert full.ui.statusLabel.minimumHeight == 0
