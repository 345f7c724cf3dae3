"""Bad inputs and refused packages get one sentence; neither log nor report says what nodes are called."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest
import slicer
import vtk

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals")


@pytest.fixture
def panel(tumor_panel):
    return tumor_panel


def idle(widget) -> bool:
    return widget.ui.segmentButton.text == "Segment"


def no_scan(panel, scan) -> None:
    scan.SetAndObserveImageData(vtk.vtkImageData())


def one_slice(panel, scan) -> None:
    image = vtk.vtkImageData()
    image.SetDimensions(8, 8, 1)
    image.AllocateScalars(vtk.VTK_SHORT, 1)
    scan.SetAndObserveImageData(image)


def bent(panel, scan) -> None:
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLBSplineTransformNode")
    spline = vtk.vtkThinPlateSplineTransform()
    points = vtk.vtkPoints()
    for place in ((0, 0, 0), (50, 0, 0), (0, 50, 0), (0, 0, 50), (40, 40, 40)):
        points.InsertNextPoint(place)
    moved = vtk.vtkPoints()
    moved.DeepCopy(points)
    moved.SetPoint(4, 45, 30, 40)
    spline.SetSourceLandmarks(points)
    spline.SetTargetLandmarks(moved)
    spline.SetBasisToR()
    transform.SetAndObserveTransformToParent(spline)
    scan.SetAndObserveTransformNodeID(transform.GetID())


def no_box(panel, scan) -> None:
    from neurospineseg_panel.parameters import RegionKind

    panel.parameters.regionKind = RegionKind.BOX


def empty_box(panel, scan) -> None:
    no_box(panel, scan)
    panel.parameters.region = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")


def far_box(panel, scan) -> None:
    empty_box(panel, scan)
    panel.parameters.region.SetCenter(9000.0, 0.0, 0.0)
    panel.parameters.region.SetSize(10.0, 10.0, 10.0)


@pytest.mark.parametrize(
    "spoil, words",
    [
        (no_scan, "no gray-scale image"),
        (one_slice, "too small"),
        (bent, "not linear"),
        (no_box, "No box"),
        (empty_box, "empty"),
        (far_box, "outside"),
    ],
)
def test_a_bad_input_gets_one_sentence(bench, panel, scan, spoil, words: str) -> None:
    spoil(panel, scan)
    bench.click(panel.ui.segmentButton)
    bench.spin(lambda: idle(panel))
    message = panel.ui.statusLabel.text
    assert words in message
    assert "Traceback" not in message
    assert "\n" not in message
    assert not slicer.util.getNodesByClass("vtkMRMLSegmentationNode")


def test_the_report_names_no_scan(bench, panel, scan) -> None:
    scan.SetName("Miller^Anna t1c")
    bench.segment(panel)
    bench.click(panel.ui.copyReportButton)
    text = bench.app.clipboard().text()
    assert "tiny_tumor" in text
    assert "torch" in text
    assert "Miller" not in text


def test_cancel_lets_go_of_the_results_files_before_their_folder_goes(bench, panel, monkeypatch) -> None:
    bench.click(panel.ui.segmentButton)
    bench.spin(lambda: "Taking the result" in panel.ui.statusLabel.text)
    run, client, held = panel.logic.run, panel.logic.client, []
    stop = client.stop
    monkeypatch.setattr(client, "stop", lambda: (held.append(run._steps.gi_frame), stop()))
    panel.logic.cancel()
    assert held == [None], "Windows removes no file that is mapped"


def test_neither_log_nor_report_says_what_nodes_are_called(bench, panel, scan) -> None:
    scan.SetName("Miller^Anna")
    bench.segment(panel)
    (node,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert node.GetName() == "Miller^Anna tumor"
    node.GetSegmentation().GetNthSegment(0).SetName("Annas tumor")
    bench.click(panel.ui.volumesNodeButton)
    assert "'Miller^Anna tumor volumes'" in panel.ui.statusLabel.text, "the user sees the name"
    panel.say("'Annas tumor' of Miller^Anna is not like '(Miller)^Anna'.")
    panel.messages.log(f"No such file or directory: {str(Path.home() / 'scan.nii')!r}")
    scan.SetName("11")
    bench.click(panel.ui.copyReportButton)
    log, report = panel.ui.logText.plainText, bench.app.clipboard().text()
    for text in (log, report):
        assert "Miller^Anna" not in text
        assert "Annas" not in text
        assert str(Path.home()) not in text
        assert "The table '<table 1>' was added" in text
        assert "'<segment 1>' of <volume 1> is not" in text
        assert "'~" in text
    assert f"Python {platform.python_version()}" in report
    assert "tiny_tumor" in report


def test_an_implausible_scan_is_segmented_only_where_the_user_insists(bench, panel, scan, doubting_models, monkeypatch) -> None:
    monkeypatch.setenv("NEUROSPINESEG_MODELS", str(doubting_models))
    panel.logic.stop()
    bench.segment(panel)
    assert "No brain was found" in panel.ui.statusLabel.text
    assert not slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    bench.spin(lambda: panel.ui.forceButton.isVisibleTo(panel.panel))
    bench.click(panel.ui.forceButton)
    bench.spin(lambda: idle(panel) and " by " in panel.ui.statusLabel.text)
    assert "No brain was found" in panel.ui.statusLabel.text, "the warning is told with the result"
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert not panel.ui.forceButton.isVisibleTo(panel.panel)


def test_another_scan_clears_the_question(bench, panel, scan, doubting_models, monkeypatch) -> None:
    monkeypatch.setenv("NEUROSPINESEG_MODELS", str(doubting_models))
    panel.logic.stop()
    bench.segment(panel)
    bench.spin(lambda: panel.ui.forceButton.isVisibleTo(panel.panel))
    panel.parameters.t2, panel.parameters.t1c = panel.parameters.t1c, None
    bench.spin(0.1)
    assert not panel.ui.forceButton.isVisibleTo(panel.panel)


@pytest.fixture
def implausible(bench, panel, scan, doubting_models, monkeypatch):
    """A panel that has just found a scan implausible."""
    monkeypatch.setenv("NEUROSPINESEG_MODELS", str(doubting_models))
    panel.logic.stop()
    bench.segment(panel)
    bench.spin(lambda: panel.ui.forceButton.isVisibleTo(panel.panel))
    return panel


def test_another_target_or_rule_clears_the_question(bench, implausible) -> None:
    from neurospineseg.mrml import MergeRule

    implausible.parameters.mergeRule = MergeRule.ADD
    bench.spin(0.1)
    assert not implausible.ui.forceButton.isVisibleTo(implausible.panel)
    implausible.parameters.mergeRule = MergeRule.REPLACE
    implausible.parameters.result = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    bench.spin(0.1)
    assert not implausible.ui.forceButton.isVisibleTo(implausible.panel)


def test_the_question_ends_with_the_scene(bench, implausible) -> None:
    implausible.onSceneStartClose(None, None)
    assert implausible.runs.refused is None


def test_the_console_says_how_to_go_on(implausible, scan) -> None:
    with pytest.raises(ValueError, match="With force=True"):
        implausible.logic.segment({"t1c": scan}, wait=True, device="cpu")
    assert implausible.logic.segment({"t1c": scan}, wait=True, device="cpu", force=True) is not None
