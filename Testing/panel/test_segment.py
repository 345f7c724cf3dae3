"""Clicking Segment: the right voxels, and nothing lost whatever happens meanwhile."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import slicer
import vtk

from neurospineseg.images.volume import Volume
from neurospineseg.mrml import label_map_of, node_from_array
from neurospineseg.pipeline.segmenter import Segmenter, Settings
from Testing.small_scans import ball, oblique_affine

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals")


@pytest.fixture
def panel(tumor_panel):
    return tumor_panel


def idle(widget) -> bool:
    return widget.ui.segmentButton.text == "Segment"


def under_way(widget) -> bool:
    """Whether the worker has the run's own request, not just that to warm up."""
    return widget.logic.run is not None and widget.logic.run._number in widget.logic.client._waiting


def segmentations() -> list:
    return slicer.util.getNodesByClass("vtkMRMLSegmentationNode")


def expected(tiny_models: Path) -> np.ndarray:
    settings = Settings(model=str(tiny_models / "tiny_tumor"), device="cpu")
    return Segmenter("tumor", settings).run({"t1c": Volume(ball().astype(np.float32), oblique_affine())}).labels.voxels


def test_a_click_gives_what_the_library_gives(bench, panel, scan, tiny_models) -> None:
    assert panel.parameters.t1c is scan, "the slot is filled from the name"
    bench.segment(panel)
    (node,) = segmentations()
    np.testing.assert_array_equal(label_map_of(node, scan, "tumor")[0], expected(tiny_models))
    assert panel.parameters.shown is node
    assert not panel.ui.resultSection.collapsed
    assert panel.ui.segmentsTable.segmentCount == node.GetSegmentation().GetNumberOfSegments() > 0
    assert node.GetAttribute("NeuroSpineSeg.Model") == "tiny_tumor"
    assert len(node.GetAttribute("NeuroSpineSeg.ModelSHA256")) == 64
    assert "tiny_tumor" in panel.ui.statusLabel.text
    assert panel.ui.progressBar.isHidden()


def test_the_mask_follows_the_scans_transform(bench, panel, scan) -> None:
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 25.0)
    transform.SetMatrixTransformToParent(matrix)
    scan.SetAndObserveTransformNodeID(transform.GetID())
    bench.segment(panel)
    assert segmentations()[0].GetTransformNodeID() == transform.GetID()


def test_cancel_is_immediate_and_the_next_click_works(bench, panel) -> None:
    bench.click(panel.ui.segmentButton)
    bench.spin(lambda: under_way(panel))
    bench.click(panel.ui.segmentButton)
    assert idle(panel)
    assert not segmentations()
    assert "Canceled" in panel.ui.statusLabel.text
    bench.segment(panel)
    assert len(segmentations()) == 1


def test_a_killed_worker_is_said_in_one_sentence(bench, panel) -> None:
    before = slicer.mrmlScene.GetNumberOfNodes()
    bench.click(panel.ui.segmentButton)
    bench.spin(lambda: under_way(panel))
    os.kill(panel.logic.client.pid, signal.SIGKILL)
    bench.spin(lambda: idle(panel))
    assert "was killed" in panel.ui.statusLabel.text
    assert "Traceback" not in panel.ui.statusLabel.text
    assert slicer.mrmlScene.GetNumberOfNodes() == before
    bench.segment(panel)
    assert len(segmentations()) == 1


def test_a_full_disk_is_a_sentence(bench, panel) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limits[1]))
    try:
        bench.segment(panel)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "choose a folder on another disk" in panel.ui.statusLabel.text
    assert panel.parameters.shown is None
    bench.segment(panel)
    assert panel.parameters.shown is not None


def test_the_scene_is_closed_in_mid_run(bench, panel) -> None:
    bench.click(panel.ui.segmentButton)
    bench.spin(0.3)
    slicer.mrmlScene.Clear(0)
    bench.spin(0.3)
    assert not segmentations()
    assert panel.logic.run is None or panel.logic.run.over
    scan = node_from_array(ball(), oblique_affine(), slicer.mrmlScene, "y-t1c")
    bench.leave(panel)
    bench.enter(panel)
    panel.parameters.model = "tiny_tumor"
    assert panel.parameters.t1c is scan
    bench.segment(panel)
    assert len(segmentations()) == 1


def test_the_last_message_goes_with_the_scene(bench, panel) -> None:
    bench.segment(panel)
    assert panel.ui.statusLabel.text
    slicer.mrmlScene.Clear(0)
    assert panel.ui.statusLabel.text == ""


def test_the_scan_is_deleted_in_mid_run(bench, panel, scan) -> None:
    bench.click(panel.ui.segmentButton)
    bench.spin(0.3)
    slicer.mrmlScene.RemoveNode(scan)
    bench.spin(lambda: not panel.logic.client.busy)
    bench.spin(0.2)
    assert "was removed" in panel.ui.statusLabel.text
    assert not segmentations()
    assert not panel.ui.segmentButton.enabled, "there is nothing left to segment"


def test_the_chosen_segmentation_is_deleted_in_mid_run(bench, panel) -> None:
    target = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Mine")
    panel.parameters.result = target
    bench.click(panel.ui.segmentButton)
    bench.spin(0.2)
    slicer.mrmlScene.RemoveNode(target)
    bench.spin(lambda: idle(panel))
    assert len(segmentations()) == 1
    assert "went into a new one" in panel.ui.statusLabel.text


def test_leaving_the_module_in_mid_run_keeps_the_result(bench, panel) -> None:
    bench.click(panel.ui.segmentButton)
    bench.spin(0.1)
    bench.leave(panel)
    bench.spin(lambda: panel.logic.run is None and not panel.runs.busy)
    assert len(segmentations()) == 1
    bench.enter(panel)
    assert panel.parameters.shown is segmentations()[0]
    assert idle(panel)


def test_the_module_is_reloaded(bench, panel) -> None:
    bench.click(panel.ui.segmentButton)
    bench.spin(0.2)
    bench.close(panel)
    assert not panel.logic.client.running
    again = bench.open("TumorSeg")
    assert again.parameters.model == "tiny_tumor"
    assert idle(again)
    bench.segment(again)
    assert len(segmentations()) == 1


def test_the_application_quits_in_mid_run(bench, panel) -> None:
    bench.click(panel.ui.segmentButton)
    bench.spin(lambda: under_way(panel))
    folder = panel.logic.client.folder
    bench.app.send("aboutToQuit()")
    assert not panel.logic.client.running
    assert not folder.exists()


def test_entering_warms_the_worker_up(bench, panel) -> None:
    assert panel.logic.client.running
    bench.spin(lambda: not panel.logic.client.busy)
    pid = panel.logic.client.pid
    bench.segment(panel)
    assert panel.logic.client.pid == pid, "the warm process did the work"


def test_a_saved_scene_brings_the_choices_back(bench, panel, scan, tmp_path) -> None:
    from neurospineseg.mrml import MergeRule
    from neurospineseg_panel.parameters import Device, RegionKind

    bench.segment(panel)
    parameters = panel.parameters
    parameters.device, parameters.mergeRule, parameters.regionKind = Device.CPU, MergeRule.ADD, RegionKind.AUTOMATIC
    parameters.structures, parameters.register = ["edema"], True
    uncertain = panel.ui.uncertainButton.enabled
    text = slicer.mrmlScene
    text.SetSaveToXMLString(1)
    text.Commit()
    xml = text.GetSceneXMLString()
    text.SetSaveToXMLString(0)
    bench.leave(panel)
    slicer.mrmlScene.Clear(0)
    slicer.mrmlScene.SetLoadFromXMLString(1)
    slicer.mrmlScene.SetSceneXMLString(xml)
    slicer.mrmlScene.Import()
    slicer.mrmlScene.SetLoadFromXMLString(0)
    bench.enter(panel)
    parameters = panel.parameters
    assert (parameters.device, parameters.mergeRule, parameters.regionKind) == (Device.CPU, MergeRule.ADD, RegionKind.AUTOMATIC)
    assert list(parameters.structures) == ["edema"]
    assert parameters.register
    assert parameters.model == "tiny_tumor"
    assert parameters.t1c.GetName() == "x-t1c"
    assert parameters.shown is segmentations()[0]
    assert panel.ui.deviceSelector.currentText == "CPU"
    assert panel.ui.uncertainButton.enabled == uncertain


@pytest.fixture
def impatient(panel, monkeypatch):
    """A panel whose worker ends as soon as it has nothing to do."""
    client = panel.logic.client
    client.stop()
    monkeypatch.setattr(client, "idle_seconds", 0.2)
    return panel


def click_unpolled(bench, panel, until) -> None:
    """Clicks Segment and goes on until something holds, so quickly that nobody notices what becomes of the worker."""
    bench.click(panel.ui.segmentButton)
    panel.logic._timer.stop()
    while not until() and not panel.logic.run.step():
        pass


def test_a_worker_that_has_just_ended_for_want_of_work_is_started_again(bench, impatient) -> None:
    panel, client = impatient, impatient.logic.client
    client.start()
    client._process.wait()
    click_unpolled(bench, panel, lambda: panel.logic.run._number is not None)
    panel.logic._timer.start(5)
    bench.spin(lambda: idle(panel))
    assert len(segmentations()) == 1, panel.ui.statusLabel.text


@pytest.mark.parametrize("files, polled", [(0, False), (1, True), (1, False)])
def test_a_worker_that_ends_for_want_of_work_while_it_is_given_the_scans(bench, impatient, files: int, polled: bool) -> None:
    panel, client = impatient, impatient.logic.client
    other = node_from_array(ball()[::-1], oblique_affine(), slicer.mrmlScene, "x-flair")
    panel.parameters.flair = other
    client.start()
    folder = client.folder
    click_unpolled(bench, panel, lambda: len(panel.logic.run._files) > files)
    client._process.wait()
    if polled:
        bench.spin(lambda: client.poll() is not None and client.folder is None)
    else:
        while panel.logic.run._number is None and not panel.logic.run.step():
            pass
    panel.logic._timer.start(5)
    bench.spin(lambda: idle(panel))
    assert len(segmentations()) == 1, panel.ui.statusLabel.text
    assert not folder.exists(), panel.ui.statusLabel.text


def test_a_request_that_the_ending_worker_did_not_read_is_sent_again(bench, impatient) -> None:
    panel, client = impatient, impatient.logic.client
    client.start()
    client._process.wait()
    client.folder.mkdir()
    click_unpolled(bench, panel, lambda: panel.logic.run._number is not None)
    panel.logic._timer.start(5)
    bench.spin(lambda: idle(panel))
    assert len(segmentations()) == 1, panel.ui.statusLabel.text


def test_a_worker_that_ends_between_the_last_look_and_the_request_is_asked_again(bench, impatient, monkeypatch) -> None:
    panel, client = impatient, impatient.logic.client
    client.start()
    folder = client.folder
    click_unpolled(bench, panel, lambda: len(panel.logic.run._files) > 0)
    place = panel.logic.run.place

    def place_and_end(name: str) -> Path:
        found = place(name)
        if found == folder:
            client._process.wait()
        return found

    monkeypatch.setattr(panel.logic.run, "place", place_and_end)
    panel.logic._timer.start(5)
    bench.spin(lambda: idle(panel))
    assert len(segmentations()) == 1, panel.ui.statusLabel.text
    assert not folder.exists(), panel.ui.statusLabel.text


def test_a_worker_that_always_ends_is_said_in_one_sentence(bench, impatient, monkeypatch) -> None:
    panel, client = impatient, impatient.logic.client
    monkeypatch.setattr(client, "executable", "/bin/true")
    bench.segment(panel)
    assert "ended" in panel.ui.statusLabel.text
    assert "\n" not in panel.ui.statusLabel.text
    assert not segmentations()


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("stage", ["Sending the scans", "Taking the result"])
def test_a_worker_that_is_stopped_by_another_panel_is_said_in_one_sentence(bench, panel, stage: str, restarted: bool) -> None:
    bench.spin(lambda: not panel.logic.client.busy)
    bench.click(panel.ui.segmentButton)
    bench.spin(lambda: stage in panel.ui.statusLabel.text)
    panel.logic.client.stop()
    if restarted:
        panel.logic.client.start()
    bench.spin(lambda: idle(panel))
    assert "ended before the work was done" in panel.ui.statusLabel.text
    assert not segmentations()
    bench.segment(panel)
    assert len(segmentations()) == 1
