"""The output folder is removed in mid-run: one sentence, nothing elsewhere, and the next run works."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from neurospineseg.cli.main import main
from neurospineseg.errors import InputError
from neurospineseg.pipeline.batch import run_batch
from neurospineseg.pipeline.segmenter import Segmenter
from Testing.small_scans import ball, write_nifti


def test_of_one_scan(tmp_path: Path, with_tiny_models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    scan, output, run = write_nifti(tmp_path / "scan.nii.gz", ball()), tmp_path / "out", Segmenter.run

    def run_and_remove(*arguments: object) -> object:
        found = run(*arguments)
        shutil.rmtree(output)
        return found

    command = ["segment", "tumor", "--t1c", str(scan), "-o", str(output / "mask.seg.nrrd"), "--device", "cpu", "--model", "tiny_tumor"]
    output.mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(Segmenter, "run", run_and_remove)
        assert main(command) in (1, 2)
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0
    assert "fault of the program" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scan.nii.gz"]
    output.mkdir()
    assert main(command) == 0
    assert sorted(path.name for path in output.iterdir()) == ["mask.json", "mask.seg.nrrd"]


def test_of_a_batch(tmp_path: Path) -> None:
    cases, output, seen = tmp_path / "cases", tmp_path / "out", []
    cases.mkdir()
    for number in range(3):
        write_nifti(cases / f"case{number}.nii.gz", ball(seed=number))

    def segment(scans: Mapping[str, Path], target: Path) -> None:
        seen.append(target.name)
        if len(seen) == 2:
            shutil.rmtree(output)
        if not target.parent.is_dir():
            raise InputError("The output folder is gone.")
        target.write_text("mask")

    with pytest.raises(InputError) as refused:
        run_batch("spine", cases, output, segment, warn=lambda sentence: None)
    assert "\n" not in str(refused.value)
    assert not output.exists()
    assert set(run_batch("spine", cases, output, lambda scans, target: target.write_text("mask") and None).values()) == {"done"}
