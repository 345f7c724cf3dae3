"""Corrections teach: how many there are, the plot, a fine-tuning that is watched, paused, canceled, gone on with, and its model that is offered."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import slicer

import neurospineseg
from neurospineseg.owners import owner_mark
from neurospineseg.pipeline.fine_tuning import DONE, RUNNING, Figures, TuningProgress, write_progress

PROGRAM = """
import sys, time, pathlib
sys.path.insert(0, sys.argv[1])
from dataclasses import replace
from neurospineseg.owners import owner_mark
from neurospineseg.pipeline.fine_tuning import PAUSE, TuningProgress, write_progress
run = pathlib.Path(sys.argv[2])
write_progress(run, TuningProgress("running", "Learning", 0.4, 120.0, "tumor", "tiny_tumor", "tiny_tumor_tuned", "kept", owner=owner_mark()))
time.sleep(60)
"""
"""Stands in for the training program: it learns for ever."""


def correct(folder: Path, second: int, dice: float) -> None:
    case = folder / f"tumor-20260101-1200{second:02d}000000-{second:08x}"
    case.mkdir(parents=True)
    for name in ("t1c.nii.gz", "label.nii.gz"):
        (case / name).touch()
    said = {"task": "tumor", "scans": {"t1c": "t1c.nii.gz"}, "label": "label.nii.gz", "structures": {"edema": 2}}
    said |= {"model": {"name": "tiny_tumor"}, "dice_prediction_correction": {"edema": dice, "enhancing_tumor": 0.5}}
    (case / "case.json").write_text(json.dumps(said), encoding="utf-8")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    for second, dice in enumerate((0.5, 0.7, 0.9)):
        correct(tmp_path / "kept", second, dice)
    return tmp_path / "kept"


@pytest.fixture
def home(application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, and a program that only seems to learn."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    library = str(Path(neurospineseg.__file__).resolve().parents[1])

    def arguments(corrections: Path, model: str, *more: str) -> list[str]:
        return ["-c", PROGRAM, library, more[more.index("--folder") + 1]]

    monkeypatch.setattr("neurospineseg_panel.tuning_process.tuning_arguments", arguments)
    monkeypatch.setattr("neurospineseg_panel.teach_section.missing_training_packages", lambda: [])
    return tmp_path / "home"


@pytest.fixture
def panel(home: Path, tumor_panel, kept: Path):
    tumor_panel.parameters.corrections = str(kept)
    return tumor_panel


def run_of(home: Path) -> Path:
    return home / ".neurospineseg" / "fine-tuning" / "tiny_tumor_tuned"


def told(home: Path, state: str, fraction: float = 0.4) -> None:
    """A run that tells something, of a process that is no more."""
    run_of(home).mkdir(parents=True)
    gone = owner_mark().partition("-")[0] + "-999999999"
    figures = Figures(2, 0.41, 0.83, {"edema": (0.41, 0.83)}), Figures(2, 0.7, 0.69)
    done = figures if state == DONE else (None, None)
    progress = TuningProgress(state, "Learning", fraction, None, "tumor", "tiny_tumor", "tiny_tumor_tuned", "kept", "", gone, *done)
    write_progress(run_of(home), progress)


def test_the_corrections_are_counted_with_how_the_model_did(panel) -> None:
    assert "3 corrected scans in 3 versions. Mean Dice before correction 0.60, of the last one 0.70." in panel.ui.teachLabel.text
    assert panel.ui.teachButton.enabled


def test_one_correction_teaches_nothing(panel, tmp_path: Path) -> None:
    correct(tmp_path / "one", 1, 0.5)
    panel.parameters.corrections = str(tmp_path / "one")
    assert "2 corrected scans and more" in panel.ui.teachLabel.text
    assert not panel.ui.teachButton.enabled


def test_the_plot_shows_each_structure_over_time(bench, panel, monkeypatch) -> None:
    shown = []
    monkeypatch.setattr("neurospineseg_panel.teach_section.show_chart", shown.append)
    bench.click(panel.ui.teachPlotButton)
    bench.click(panel.ui.teachPlotButton)
    series = slicer.util.getNodesByClass("vtkMRMLPlotSeriesNode")
    table = series[0].GetTableNode().GetTable()
    assert [node.GetName() for node in series] == ["Mean", "Edema", "Enhancing tumor"]
    assert [table.GetValueByName(row, "edema").ToDouble() for row in range(3)] == [0.5, 0.7, 0.9]
    assert shown[0] is shown[1]


def test_a_curve_that_is_drawn_no_more_leaves_the_scene(bench, panel, monkeypatch) -> None:
    from neurospineseg_panel.correction_plot import draw_history

    judged = panel.teach.history.judged
    draw_history("tumor", judged)
    draw_history("tumor", [replace(each, dice={"edema": each.dice["edema"]}) for each in judged])
    assert [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLPlotSeriesNode")] == ["Mean", "Edema"]


def test_a_fine_tuning_is_watched_paused_and_canceled(bench, panel, home: Path) -> None:
    bench.click(panel.ui.teachButton)
    bench.spin(lambda: "Learning (40 %, about 2 min left)" in panel.ui.teachLabel.text)
    assert panel.ui.teachBar.value == 400
    bench.click(panel.ui.teachPauseButton)
    assert (run_of(home) / "pause").is_file()
    assert "Paused." in panel.ui.teachLabel.text
    bench.click(panel.ui.teachPauseButton)
    assert not (run_of(home) / "pause").exists()
    process = panel.teach.tuning._process
    bench.click(panel.ui.teachCancelButton)
    assert "no model was changed" in panel.ui.statusLabel.text
    assert process.poll() is not None
    assert not run_of(home).exists()
    assert panel.ui.teachButton.text == "Fine-tune on my corrections"


def test_after_slicer_was_closed_it_goes_on(bench, home: Path, panel) -> None:
    bench.click(panel.ui.teachButton)
    bench.spin(lambda: "Learning" in panel.ui.teachLabel.text)
    process = panel.teach.tuning._process
    bench.close(panel)
    assert process.poll() is not None
    again = bench.open("TumorSeg")
    assert "was interrupted at 40 %" in again.ui.teachLabel.text
    bench.click(again.ui.teachButton)
    bench.spin(lambda: "Learning (40 %" in again.ui.teachLabel.text)
    assert again.teach.tuning.is_mine


def test_the_new_model_is_offered_with_the_figures_of_both(bench, home: Path, tumor_panel, tiny_models: Path) -> None:
    told(home, DONE)
    models = home / ".neurospineseg" / "models"
    shutil.copytree(tiny_models / "tiny_tumor", models / "tiny_tumor_tuned")
    metadata = models / "tiny_tumor_tuned" / "configs" / "metadata.json"
    metadata.write_text(metadata.read_text().replace('"name": "tiny_tumor"', '"name": "tiny_tumor_tuned"'))
    tumor_panel.teach.look_for_run()
    words = tumor_panel.ui.teachLabel.text
    assert "taught neither (2): mean Dice 0.830, 'tiny_tumor' reaches 0.410." in words
    assert "Use it from now on?" in words
    bench.click(tumor_panel.ui.teachButton)
    assert tumor_panel.parameters.model == "tiny_tumor_tuned"
    assert tumor_panel.ui.modelSelector.itemData(tumor_panel.ui.modelSelector.currentIndex) == "tiny_tumor_tuned"
    assert not run_of(home).exists()


def test_who_refuses_keeps_the_old_model(bench, home: Path, tumor_panel) -> None:
    told(home, DONE)
    tumor_panel.teach.look_for_run()
    bench.click(tumor_panel.ui.teachCancelButton)
    assert tumor_panel.parameters.model == "tiny_tumor"
    assert "is used as before" in tumor_panel.ui.statusLabel.text


def test_what_went_wrong_is_a_sentence(home: Path, tumor_panel) -> None:
    told(home, RUNNING)
    (run_of(home) / "progress.json").write_text(
        (run_of(home) / "progress.json")
        .read_text()
        .replace('"running"', '"failed"')
        .replace('"message": ""', '"message": "The disk is full."')
    )
    tumor_panel.teach.look_for_run()
    assert "The fine-tuning failed: The disk is full." in tumor_panel.ui.statusLabel.text
    assert tumor_panel.teach.tuning is None


def test_packages_that_are_missing_are_asked_for_in_a_sentence(bench, panel, monkeypatch) -> None:
    monkeypatch.setattr("neurospineseg_panel.teach_section.missing_training_packages", lambda: ["lightning", "pyyaml"])
    bench.click(panel.ui.teachButton)
    assert "slicer.util.pip_install('lightning pyyaml')" in panel.ui.statusLabel.text
    assert panel.ui.teachButton.text == "Fine-tune on my corrections"
