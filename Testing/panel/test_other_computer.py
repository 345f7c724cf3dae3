"""Another computer segments for the panel: the same voxels, remembered, and a sentence where it cannot."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import slicer

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.mrml import label_map_of
from neurospineseg.pipeline.segmenter import Segmenter, Settings
from Testing.small_scans import ball, oblique_affine
from Testing.stand_in_ssh import StandInSsh

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the program in the place of ssh is a shell script")


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandInSsh:
    return StandInSsh(tmp_path / "bin", monkeypatch)


@pytest.fixture
def panel(ssh, tumor_panel):
    tumor_panel.logic.stop()
    tumor_panel.ui.advancedSection.collapsed = False
    return tumor_panel


def choose(panel, name: str, python: str = sys.executable) -> None:
    """Types both fields as a user does."""
    for edit, text in ((panel.ui.hostPythonEdit, python), (panel.ui.hostEdit, name)):
        edit.text = text
        edit.editingFinished.emit()


def idle(panel) -> bool:
    return panel.ui.segmentButton.text == "Segment"


def test_it_gives_the_voxels_of_this_computer(bench, panel, scan, ssh, tiny_models) -> None:
    choose(panel, "workstation")
    panel.parameters.device = type(panel.parameters.device).CPU
    bench.segment(panel)
    (node,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    expected = Segmenter("tumor", Settings(model=str(tiny_models / "tiny_tumor"), device="cpu")).run(
        {"t1c": Volume(ball().astype(np.float32), oblique_affine())}
    )
    np.testing.assert_array_equal(label_map_of(node, scan, "tumor")[0], expected.labels.voxels)
    assert "on cpu of 'workstation'" in panel.ui.statusLabel.text
    assert panel.logic.client.pid is None, "the worker of this computer was not needed"
    assert scan.GetName() not in (ssh.folder / "asked").read_text()
    bench.click(panel.ui.testConnectionButton)
    bench.spin(lambda: "is ready" in panel.ui.statusLabel.text)
    assert "tiny_tumor" in panel.ui.statusLabel.text


@pytest.mark.parametrize("button", ["segmentButton", "testConnectionButton"])
def test_what_is_wrong_with_it_is_a_sentence(bench, panel, button: str) -> None:
    choose(panel, "nowhere")
    bench.click(getattr(panel.ui, button))
    bench.spin(lambda: panel.ui.statusLabel.text.startswith("There is no computer 'nowhere' in the network"))
    bench.spin(lambda: idle(panel))
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []


def test_what_is_no_name_is_said_and_what_was_chosen_stays(panel, ssh) -> None:
    choose(panel, "workstation")
    choose(panel, "-oProxyCommand=x")
    assert "is no name of a computer" in panel.ui.statusLabel.text
    assert panel.ui.hostEdit.text == "workstation"
    assert panel.logic.host == ssh.host()


def test_it_is_remembered_by_every_panel_and_may_be_this_computer_again(bench, panel, ssh) -> None:
    choose(panel, "workstation")
    other = bench.open("SpineSeg")
    assert other.logic.host == ssh.host()
    choose(other, "")
    bench.enter(panel)
    assert panel.logic.host is None
    assert not panel.ui.testConnectionButton.enabled


def test_while_it_works_it_cannot_be_changed_and_cancel_is_immediate(bench, panel, ssh) -> None:
    choose(panel, "workstation")
    bench.click(panel.ui.segmentButton)
    assert not panel.ui.hostEdit.enabled
    bench.spin(lambda: any(ssh.there.glob("*/*scan0.npy")))
    bench.click(panel.ui.segmentButton)
    assert idle(panel)
    assert panel.ui.hostEdit.enabled
    panel.logic.stop()
    bench.spin(lambda: not any(ssh.there.glob("*/*scan0.npy")))


def test_packages_of_this_computer_are_not_needed(bench, panel, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise InputError("packages are missing")

    monkeypatch.setattr("neurospineseg_panel.run_logic.ensure_dependencies", refuse)
    choose(panel, "nowhere")
    bench.click(panel.ui.segmentButton)
    bench.spin(lambda: panel.ui.statusLabel.text.startswith("There is no computer 'nowhere'"))


def test_the_console_names_it_too(panel, scan) -> None:
    with pytest.raises(InputError, match="There is no computer 'nowhere' in the network"):
        panel.logic.segment(scan, model="tiny_tumor", host="nowhere")
    with pytest.raises(InputError, match="no name of a computer"):
        panel.logic.segment(scan, model="tiny_tumor", host="a b")
    panel.logic.use_host(None)
