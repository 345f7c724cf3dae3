"""A module for a task of somebody else's: a copied folder with other names, and rows for its own scans."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import slicer

from neurospineseg.mrml import node_from_array
from neurospineseg.tasks.channel import Channel
from neurospineseg.tasks.structure import Code, Structure
from neurospineseg.tasks.task import Task, forget_task, register_task
from Testing.small_scans import ball, oblique_affine

ROOT = Path(__file__).resolve().parents[2]
KNEE = Task(
    "knee",
    "Knee",
    "bones of the knee in MR",
    (Channel("pd", "Proton density", contrast="pd"), Channel("t1", "T1", contrast="t1"), Channel("model", "Another scan")),
    (Structure("knee_femur", "Femur of the knee", 60001, Code("SCT", "71341001", "Femur"), (200, 180, 140)),),
    (10.0, 10.0, 10.0),
)


@pytest.fixture
def knee() -> Iterator[Task]:
    register_task(KNEE)
    yield KNEE
    forget_task("knee")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of TumorSeg, copied and renamed."""
    shutil.copytree(ROOT / "TumorSeg", tmp_path / "KneeSeg")
    text = (tmp_path / "KneeSeg" / "TumorSeg.py").read_text(encoding="utf-8")
    renamed = text.replace("TumorSeg", "KneeSeg").replace('task="tumor"', 'task="knee"')
    (tmp_path / "KneeSeg" / "KneeSeg.py").write_text(renamed, encoding="utf-8")
    return tmp_path / "KneeSeg"


@pytest.fixture
def panel(bench, knee, folder):
    return bench.open("KneeSeg", folder)


def scan(name: str):
    return node_from_array(ball(), oblique_affine(), slicer.mrmlScene, name)


def test_a_copied_folder_is_a_module_with_rows_for_its_scans(panel) -> None:
    assert list(panel.inputs.selectors) == ["pd", "t1", "model"]
    assert not panel.ui.renumberWidget.isVisibleTo(panel.panel)
    assert not panel.ui.registerCheckBox.isVisibleTo(panel.panel)
    assert panel.ui.structuresList.item(0).text() == "Femur of the knee"


def test_its_scans_are_guessed(bench, panel) -> None:
    nodes = {"pd": scan("sag pd_tse_fs"), "t1": scan("t1_se_cor"), "model": scan("t2_tse_tra")}
    bench.leave(panel)
    bench.enter(panel)
    assert panel.scans() == nodes


def test_its_scans_are_chosen_shown_and_removed(bench, panel) -> None:
    first, second = scan("a"), scan("b")
    panel.inputs.selectors["pd"].setCurrentNode(first)
    panel.inputs.selectors["model"].setCurrentNode(second)
    assert panel.scans() == {"pd": first, "model": second}
    assert panel.parameters.model == "", "a channel that is named like a parameter is another thing"
    slicer.mrmlScene.RemoveNode(second)
    assert panel.scans() == {"pd": first}
    assert panel.inputs.selectors["model"].currentNode() is None


def test_a_saved_scene_brings_its_scans_back(bench, panel) -> None:
    panel.inputs.selectors["pd"].setCurrentNode(scan("a"))
    scene = slicer.mrmlScene
    scene.SetSaveToXMLString(1)
    scene.Commit()
    saved = scene.GetSceneXMLString()
    scene.SetSaveToXMLString(0)
    bench.leave(panel)
    scene.Clear(0)
    scene.SetLoadFromXMLString(1)
    scene.SetSceneXMLString(saved)
    scene.Import()
    scene.SetLoadFromXMLString(0)
    bench.enter(panel)
    assert [node.GetName() for node in panel.scans().values()] == ["a"]
    assert panel.inputs.selectors["pd"].currentNode() is panel.scans()["pd"]


def test_a_scan_of_another_task_is_refused_by_name(panel) -> None:
    with pytest.raises(ValueError, match="'t1c' is no scan of KneeSeg; it takes pd, t1, model"):
        panel.logic.segment({"t1c": scan("a")})
