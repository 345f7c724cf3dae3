"""The bench refuses what Slicer, PythonQt or ctk would refuse, and does what they do where that surprises."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import slicer

from Testing.panel.bench.scripted_module import ModuleParent


@pytest.fixture
def qt(application: Any) -> Any:
    import qt

    return qt


@pytest.fixture
def combo(bench: Any) -> Any:
    made = slicer.qMRMLNodeComboBox()
    made.nodeTypes = ["vtkMRMLSegmentationNode"]
    made.setMRMLScene(slicer.mrmlScene)
    return made


def segmentation(name: str) -> Any:
    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)


def test_an_attribute_that_is_no_property(qt: Any) -> None:
    with pytest.raises(AttributeError, match="'tooltip' of type 'QLabel' does not exist"):
        qt.QLabel().tooltip = "misspelled"


def test_a_signal_that_there_is_not(qt: Any) -> None:
    with pytest.raises(ValueError, match="no signal pressed"):
        qt.QPushButton().connect("pressed(bool)", print)


def test_a_slot_that_cannot_be_called(qt: Any) -> None:
    with pytest.raises(TypeError, match="cannot be connected"):
        qt.QPushButton().connect("clicked(bool)", None)


def test_a_signal_that_the_application_has_not(application: Any) -> None:
    with pytest.raises(ValueError, match="started"):
        application.connect("started()", print)


def test_a_message_that_is_no_text(application: Any) -> None:
    with pytest.raises(ValueError, match="takes a text"):
        slicer.util.errorDisplay(None)


def test_a_message_with_an_argument_too_many(application: Any) -> None:
    with pytest.raises(TypeError):
        slicer.util.showStatusMessage("a", 1, 2)


def test_a_translation_of_nothing(application: Any) -> None:
    with pytest.raises(TypeError):
        slicer.i18n.tr(None)


def test_a_module_that_declares_what_modules_have_not(application: Any) -> None:
    parent = ModuleParent("x.py")
    parent.contributors = ["somebody"]
    with pytest.raises(AttributeError, match="contributors"):
        parent.contributors = "somebody"
    with pytest.raises(AttributeError, match="acknowledgmentText"):
        parent.acknowledgmentText = "thanks"


def test_a_panel_file_that_is_not_there(application: Any, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="file not found"):
        slicer.util.loadUI(str(tmp_path / "none.ui"))


def test_a_sample_without_addresses(application: Any) -> None:
    import SampleData

    with pytest.raises(TypeError):
        SampleData.SampleDataLogic.registerCustomSampleDataSource(category="x", sampleName="x", uris=None)


def test_a_selector_without_none_takes_the_first_node_of_its_scene(bench: Any) -> None:
    first, _second = segmentation("first"), segmentation("second")
    made = slicer.qMRMLNodeComboBox()
    made.nodeTypes = ["vtkMRMLSegmentationNode"]
    made.setMRMLScene(slicer.mrmlScene)
    assert made.currentNode() is first


def test_a_selector_with_actions_takes_nothing_that_comes(combo: Any) -> None:
    first = segmentation("first")
    assert combo.currentNode() is None
    combo.setCurrentNode(first)
    slicer.mrmlScene.Clear(0)
    assert combo.currentNode() is None
    segmentation("second")
    assert combo.currentNode() is None


def test_a_selector_has_nothing_chosen_after_an_import(combo: Any) -> None:
    combo.setCurrentNode(segmentation("mine"))
    slicer.mrmlScene.StartState(slicer.vtkMRMLScene.ImportState)
    slicer.mrmlScene.EndState(slicer.vtkMRMLScene.ImportState)
    assert combo.currentNode() is None
    assert combo.nodeCount() == 1


def test_a_selector_of_nodes_alone_takes_the_first_that_comes(combo: Any) -> None:
    combo.addEnabled = combo.removeEnabled = False
    first = segmentation("first")
    segmentation("second")
    assert combo.currentNode() is first


def test_a_selector_goes_to_the_neighbor_of_a_node_that_is_removed(combo: Any) -> None:
    first, second, third = (segmentation(name) for name in ("a", "b", "c"))
    combo.setCurrentNode(second)
    slicer.mrmlScene.RemoveNode(second)
    assert combo.currentNode() is third
    slicer.mrmlScene.RemoveNode(third)
    assert combo.currentNode() is first


def test_a_selector_does_not_take_a_node_of_another_kind(combo: Any) -> None:
    segmentation("a")
    combo.setCurrentNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode"))
    assert combo.currentNode() is None
    with pytest.raises(ValueError, match="takes a vtkMRMLNode"):
        combo.setCurrentNode("a")


def test_a_folder_becomes_absolute_and_is_told_once(qt: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ctk

    monkeypatch.chdir(tmp_path)
    button, changed, selected = ctk.ctkDirectoryButton(), [], []
    button.connect("directoryChanged(QString)", changed.append)
    button.connect("directorySelected(QString)", selected.append)
    for folder in ("cases", "cases", str(tmp_path / "cases")):
        button.directory = folder
    assert (button.directory, len(changed), len(selected)) == (os.path.join(os.getcwd(), "cases"), 1, 3)


def test_the_editor_needs_a_volume_for_effects(bench: Any, scan: Any) -> None:
    editor = slicer.qMRMLSegmentEditorWidget()
    editor.setMRMLScene(slicer.mrmlScene)
    editor.setMRMLSegmentEditorNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
    node = segmentation("mine")
    editor.setSegmentationNode(node)
    assert editor.segmentationNode() is node
    node.GetSegmentation().AddEmptySegment("one")
    editor.setActiveEffectByName("Margin")
    assert editor.activeEffect() is None
    editor.setSourceVolumeNode(scan)
    assert editor.activeEffect().name == "Margin"
