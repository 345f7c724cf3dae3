"""KneeSeg, a copy of TumorSeg's folder as the page on adding a module makes it, on the panel's bench."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer

from Testing.knee import known_knee, write_module
from Testing.small_scans import ball, oblique_affine

BONES = {"Femur", "Tibia", "Patella"}


@pytest.fixture(scope="module")
def knee(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with known_knee(tmp_path_factory.mktemp("repository")) as folder:
        write_module(folder)
        yield folder


@pytest.fixture
def knee_panel(bench: Any, knee: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module's panel with a scan that it chose itself."""
    from neurospineseg.mrml import node_from_array

    node_from_array(ball(), oblique_affine(), slicer.mrmlScene, "knee sag t1").CreateDefaultDisplayNodes()
    monkeypatch.setattr(sys.modules[type(bench).__module__], "ROOT", knee)
    return bench.open("KneeSeg")


def ids_of(node: Any) -> list[str]:
    return [node.GetSegmentation().GetNthSegmentID(number) for number in range(node.GetSegmentation().GetNumberOfSegments())]


def names_of(node: Any) -> set[str]:
    segmentation = node.GetSegmentation()
    return {segmentation.GetNthSegment(number).GetName() for number in range(segmentation.GetNumberOfSegments())}


def test_the_module_declares_itself(bench: Any, knee_panel: Any) -> None:
    assert bench.declared.title == "KneeSeg"
    assert "patella" in bench.declared.helpText
    bench.app.send("startupCompleted()")
    assert not getattr(slicer.modules, "sampleDataSources", {}).get("NeuroSpineSeg"), "no scan of a knee is drawn"


def test_it_offers_its_scan_its_model_and_its_structures(knee_panel: Any) -> None:
    assert [node.GetName() for node in knee_panel.scans().values()] == ["knee sag t1"]
    assert knee_panel.model.name == "knee_bones"
    rows = knee_panel.ui.structuresList
    assert {rows.item(row).text() for row in range(rows.count)} == BONES


def test_it_segments_and_merges(bench: Any, knee_panel: Any) -> None:
    bench.segment(knee_panel)
    node = knee_panel.parameters.shown
    assert node.GetName() == "knee sag t1 knee"
    found = names_of(node)
    assert found
    assert found <= BONES
    knee_panel.parameters.result = node
    bench.segment(knee_panel)
    assert names_of(node) == found


def test_it_accepts_a_correction(bench: Any, knee_panel: Any, tmp_path: Path) -> None:
    bench.segment(knee_panel)
    knee_panel.parameters.corrections = str(tmp_path / "corrections")
    bench.click(knee_panel.ui.acceptButton)
    bench.spin(lambda: any((tmp_path / "corrections").glob("knee-*/label.nii.gz")))


def test_it_segments_inside_a_box_again(bench: Any, knee_panel: Any) -> None:
    bench.segment(knee_panel)
    node = knee_panel.parameters.shown
    scan = knee_panel.scans()["image"]
    before = {name: slicer.util.arrayFromSegmentBinaryLabelmap(node, name, scan).copy() for name in ids_of(node)}
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    roi.SetCenter(*(oblique_affine() @ [14, 13, 12, 1])[:3])
    roi.SetSize(40.0, 40.0, 40.0)
    knee_panel.parameters.region = roi
    bench.click(knee_panel.ui.againButton)
    bench.spin(lambda: knee_panel.ui.segmentButton.text == "Segment")
    corner = np.s_[:4, :4, :4]
    for name in ids_of(node):
        after = slicer.util.arrayFromSegmentBinaryLabelmap(node, name, scan)
        np.testing.assert_array_equal(after[corner], before[name][corner])


def test_it_tests_itself(bench: Any, knee_panel: Any) -> None:
    slicer.selfTests["KneeSeg"](msec=0)


@pytest.fixture
def leg_panel(bench: Any, knee: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The panel of a task, registered while the program runs, whose two channels no other task has; with a scan for each and another."""
    from neurospineseg.mrml import node_from_array
    from neurospineseg.tasks.channel import Channel
    from neurospineseg.tasks.structure import Code, Structure
    from neurospineseg.tasks.task import PlausibleVolumes, forget_task, register_task, task_named

    fibula = Structure("fibula", "Fibula", 1, Code("SCT", "87342007", "Fibula"), (200, 160, 120))
    channels = (Channel("proton", "Proton density", contrast="pd"), Channel("dark", "T2*", contrast="t2_star"))
    register_task(replace(task_named("knee"), name="leg", channels=channels, structures=(fibula,), plausible=PlausibleVolumes("bones")))
    module = knee / "LegSeg"
    shutil.copytree(knee / "KneeSeg", module, dirs_exist_ok=True)
    text = (module / "KneeSeg.py").read_text(encoding="utf-8").replace("KneeSeg", "LegSeg").replace('task="knee"', 'task="leg"')
    (module / "LegSeg.py").write_text(text, encoding="utf-8")
    for name in ("leg pd", "leg t2*", "leg t1"):
        node_from_array(ball(), oblique_affine(), slicer.mrmlScene, name).CreateDefaultDisplayNodes()
    monkeypatch.setattr(sys.modules[type(bench).__module__], "ROOT", knee)
    yield bench.open("LegSeg")
    forget_task("leg")


def test_each_channel_of_a_task_has_a_row_with_its_scan(leg_panel: Any) -> None:
    assert list(leg_panel.inputs.selectors) == ["proton", "dark"]
    assert {key: node.GetName() for key, node in leg_panel.scans().items()} == {"proton": "leg pd", "dark": "leg t2*"}
    leg_panel.inputs.selectors["proton"].setCurrentNode(slicer.util.getNode("leg t1"))
    assert leg_panel.scans()["proton"].GetName() == "leg t1"


def test_a_task_without_a_model_says_so(leg_panel: Any) -> None:
    assert not leg_panel.ui.segmentButton.isEnabled()
    assert "No model is installed" in leg_panel.ui.segmentButton.toolTip
