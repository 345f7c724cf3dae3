"""Accepted corrections read back: cases, versions, and how the model did, in the library and in the shell."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from neurospineseg.cli.main import BAD_INPUT, DONE, main
from neurospineseg.errors import InputError
from neurospineseg.pipeline.correction_history import read_corrections

EDEMA, CORE = "edema", "necrotic_core"


def correct(folder: Path, day: int, scan: str, dice: dict[str, float], model: str | None = "tumor_glioma", task: str = "tumor") -> Path:
    """A case as ``store_correction`` writes it, without voxels."""
    case = folder / f"{task}-202601{day:02d}-120000000000-{scan}"
    case.mkdir(parents=True)
    for name in ("flair.nii.gz", "label.nii.gz"):
        (case / name).touch()
    said = {"task": task, "scans": {"flair": "flair.nii.gz"}, "label": "label.nii.gz", "structures": {EDEMA: 2}}
    said |= {"model": {"name": model} if model else None, "dice_prediction_correction": dice}
    (case / "case.json").write_text(json.dumps(said), encoding="utf-8")
    return case


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two cases, the first of them corrected twice."""
    correct(tmp_path / "kept", 3, "aaaaaaaa", {EDEMA: 0.8})
    correct(tmp_path / "kept", 1, "aaaaaaaa", {EDEMA: 0.6, CORE: 0.4})
    correct(tmp_path / "kept", 2, "bbbbbbbb", {EDEMA: 0.7})
    return tmp_path / "kept"


def test_a_scan_that_was_corrected_twice_is_two_versions_of_a_case(folder: Path) -> None:
    versions = [(each.when.day, each.scan[0], each.version, each.is_newest) for each in read_corrections(folder).corrections]
    assert versions == [(1, "a", 1, False), (2, "b", 1, True), (3, "a", 2, True)]


def test_the_newest_version_teaches_and_is_judged(folder: Path) -> None:
    history = read_corrections(folder)
    assert [each.folder.name[6:14] for each in history.teaching] == ["20260102", "20260103"]
    assert [each.mean_dice for each in history.judged] == [0.7, 0.8]


def test_a_newer_version_without_figures_leaves_the_older_ones(folder: Path) -> None:
    correct(folder, 4, "bbbbbbbb", {}, None)
    history = read_corrections(folder)
    assert [each.mean_dice for each in history.judged] == [0.7, 0.8]
    assert [each.when.day for each in history.teaching] == [3, 4]


def test_each_model_is_judged_by_itself(folder: Path) -> None:
    correct(folder, 5, "aaaaaaaa", {EDEMA: 0.95}, "tumor_glioma_tuned")
    assert [(each.model, each.mean_dice) for each in read_corrections(folder).judged][-2:] == [
        ("tumor_glioma", 0.8),
        ("tumor_glioma_tuned", 0.95),
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"structures": {"elbow": 1}}, "is not one that the panel writes"),
        ({"scans": {"flair": "../flair.nii.gz"}}, "is not one that the panel writes"),
        ({"dice_prediction_correction": {EDEMA: 7}}, "is not one that the panel writes"),
        ({"label": "gone.nii.gz"}, "its file 'gone.nii.gz' is missing"),
    ],
)
def test_a_case_that_cannot_be_used_is_named_and_the_others_stay(folder: Path, change: dict, sentence: str) -> None:
    broken = correct(folder, 6, "cccccccc", {})
    (broken / "case.json").write_text(json.dumps(json.loads((broken / "case.json").read_text()) | change), encoding="utf-8")
    history = read_corrections(folder)
    assert len(history.corrections) == 3
    assert [broken.name in problem and sentence in problem for problem in history.problems] == [True]


def test_other_folders_and_other_tasks_are_passed_over(folder: Path) -> None:
    correct(folder, 7, "dddddddd", {}, task="spine")
    (folder / "notes").mkdir()
    assert len(read_corrections(folder, "tumor").corrections) == 3


def test_a_folder_that_is_missing_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        read_corrections(tmp_path / "nowhere")


def test_the_shell_prints_the_versions_and_the_dice_over_time(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corrections", str(folder)]) == DONE
    said = " ".join(capsys.readouterr().out.split())
    assert "2 cases in 3 versions" in said
    assert "Edema tumor_glioma 2 0.750 0.70 0.80" in said


def test_the_shell_writes_a_table(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    assert main(["corrections", str(folder), "-o", str(table)]) == DONE
    with open(table, encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [(row["scan"][0], row["version"], row["teaches"], row["structure"], row["dice"]) for row in rows][:2] == [
        ("a", "1", "no", EDEMA, "0.6000"),
        ("a", "1", "no", CORE, "0.4000"),
    ]


def test_a_folder_without_corrections_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corrections", str(tmp_path), "--task", "spine"]) == BAD_INPUT
    assert "holds no corrections for spine" in capsys.readouterr().err


def test_a_table_is_never_a_file_of_another_kind(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = next(folder.rglob("*.json"))
    before = kept.read_bytes()
    assert main(["corrections", str(folder), "-o", str(kept), "--overwrite"]) == BAD_INPUT
    assert "must end in .csv" in capsys.readouterr().err
    assert kept.read_bytes() == before
