"""A folder of cases: found by their names, resumable, one bad case does not stop the others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from neurospineseg.cli.main import main
from neurospineseg.errors import InputError
from neurospineseg.pipeline.batch import run_batch
from neurospineseg.pipeline.cases import find_cases
from Testing.small_scans import ball, write_nifti


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    folder = tmp_path / "cases"
    for name, files in {
        "a": ("a_t1ce.nii.gz", "a_flair.nii.gz", "a_seg.nii.gz"),
        "b": ("b-t1c.nii.gz", "b-t2f.nii.gz", "b-t1n.nii.gz", "b-t2w.nii.gz"),
    }.items():
        (folder / name).mkdir(parents=True)
        for seed, file in enumerate(files):
            write_nifti(folder / name / file, ball(seed=seed))
    return folder


def test_tumor_cases_are_folders(cases: Path) -> None:
    found = {case.name: set(case.scans) for case in find_cases("tumor", cases)}
    assert found == {"a": {"t1c", "flair"}, "b": {"t1c", "flair", "t1", "t2"}}


def test_other_cases_are_files_or_series(tmp_path: Path) -> None:
    write_nifti(tmp_path / "one.nii.gz", ball())
    (tmp_path / "series").mkdir()
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "one.seg.nrrd").write_text("")
    assert [(case.name, case.scans["image"].name) for case in find_cases("spine", tmp_path)] == [
        ("one", "one.nii.gz"),
        ("series", "series"),
    ]


@pytest.mark.parametrize("task, words", [("tumor", "subfolders"), ("spine", "DICOM")])
def test_a_folder_without_cases(tmp_path: Path, task: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        find_cases(task, tmp_path)


def test_two_cases_of_one_name_are_left_out_and_the_others_segmented(tmp_path: Path) -> None:
    for name in ("one.nii.gz", "one.nii", "two.nii"):
        write_nifti(tmp_path / name, ball())
    outcomes = run_batch("spine", tmp_path, tmp_path / "masks", lambda scans, target: None)
    assert outcomes["two"] == "done"
    assert outcomes["one"] == "'one.nii' and 'one.nii.gz' are both called 'one'; rename one of them."


def test_an_interrupted_run_goes_on(cases: Path, tmp_path: Path) -> None:
    output, seen = tmp_path / "masks", []

    def segment(scans, target: Path) -> None:
        seen.append(target.name)
        if len(seen) == 2:
            raise KeyboardInterrupt
        target.write_text("mask")

    with pytest.raises(KeyboardInterrupt):
        run_batch("tumor", cases, output, segment)
    assert run_batch("tumor", cases, output, segment) == {"a": "kept", "b": "done"}
    assert seen == ["a.seg.nrrd", "b.seg.nrrd", "b.seg.nrrd"]
    assert (output / "summary.csv").read_text().splitlines() == ["case,outcome,warnings", "a,kept,", "b,done,"]


def test_a_file_that_lies_where_a_report_would_go_stays(cases: Path, tmp_path: Path) -> None:
    output, seen = tmp_path / "masks", []
    output.mkdir()
    (output / "a.json").write_text("mine")

    def segment(scans, target: Path) -> None:
        seen.append(target.name)
        target.write_text("mask")

    outcomes = run_batch("tumor", cases, output, segment)
    assert seen == ["b.seg.nrrd"]
    assert outcomes["b"] == "done"
    assert "'a.json'" in outcomes["a"]
    assert "another output folder" in outcomes["a"]
    (output / "a.json").unlink()
    assert run_batch("tumor", cases, output, segment) == {"a": "done", "b": "kept"}


def test_from_the_shell(cases: Path, tmp_path: Path, tiny_models: Path, capsys) -> None:
    (cases / "b" / "b-t1c.nii.gz").write_bytes(b"broken")
    command = ["batch", "tumor", str(cases), "-o", str(tmp_path / "masks"), "--model", str(tiny_models / "tiny_tumor"), "--device", "cpu"]
    assert main(command) == 2
    printed = capsys.readouterr()
    assert "1 segmented, 0 had their masks, 1 failed" in printed.out
    assert "b-t1c" in printed.err
    assert (tmp_path / "masks" / "a.seg.nrrd").is_file()
    assert not (tmp_path / "masks" / "b.seg.nrrd").exists()


def test_a_summary_that_another_program_holds_open_stops_nothing(cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output, told, locked = tmp_path / "masks", [], [True]
    replace = os.replace

    def replace_unless_locked(source, target) -> None:
        if locked[0]:
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    def segment(scans, target: Path) -> None:
        target.write_text("mask")

    output.mkdir()
    (output / "summary.csv").write_text("case,outcome\n")
    monkeypatch.setattr(os, "replace", replace_unless_locked)
    assert run_batch("tumor", cases, output, segment, warn=told.append) == {"a": "done", "b": "done"}
    assert len(told) == 2
    assert "is open in another program" in told[0]
    assert "run again" in told[1]
    assert sorted(path.name for path in output.iterdir()) == ["a.seg.nrrd", "b.seg.nrrd", "summary.csv"]
    assert (output / "summary.csv").read_text() == "case,outcome\n"
    told.clear()
    (output / "b.seg.nrrd").unlink()

    def close_and_segment(scans, target: Path) -> None:
        locked[0] = False
        target.write_text("mask")

    assert run_batch("tumor", cases, output, close_and_segment, warn=told.append) == {"a": "kept", "b": "done"}
    assert told == []
    assert (output / "summary.csv").read_text().splitlines() == ["case,outcome,warnings", "a,kept,", "b,done,"]


@pytest.mark.parametrize("mine", ["subject,age\n1,60\n", "case,outcome,dice\na,done,0.9\n", ""])
def test_a_summary_that_is_somebody_elses_stays(cases: Path, tmp_path: Path, mine: str) -> None:
    output, told = tmp_path / "masks", []
    output.mkdir()
    (output / "summary.csv").write_text(mine)

    def segment(scans, target: Path) -> None:
        target.write_text("mask")

    run_batch("tumor", cases, output, segment, warn=told.append)
    assert len(told) == 1
    assert "'summary-2.csv'" in told[0]
    run_batch("tumor", cases, output, segment, warn=told.append)
    assert sorted(path.name for path in output.glob("*.csv")) == ["summary-2.csv", "summary.csv"]
    assert (output / "summary.csv").read_text() == mine
    assert (output / "summary-2.csv").read_text().splitlines() == ["case,outcome,warnings", "a,kept,", "b,kept,"]


@pytest.mark.parametrize("output", ["masks", "results/masks"])
def test_the_output_folder_is_no_case(tmp_path: Path, output: str) -> None:
    write_nifti(tmp_path / "one.nii.gz", ball())
    (tmp_path / output).mkdir(parents=True)
    assert list(run_batch("spine", tmp_path, tmp_path / output, lambda scans, target: None)) == ["one"]
    (tmp_path / "one.nii.gz").unlink()
    with pytest.raises(InputError, match="holds no case"):
        run_batch("spine", tmp_path, tmp_path / output, lambda scans, target: None)


def test_masks_may_lie_in_a_case_that_is_a_series(tmp_path: Path) -> None:
    (tmp_path / "series" / "masks").mkdir(parents=True)
    (tmp_path / "series" / "1.dcm").write_bytes(b"")
    assert [case.name for case in find_cases("spine", tmp_path, tmp_path / "series" / "masks")] == ["series"]
