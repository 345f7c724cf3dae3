"""What cannot be used is answered with one sentence and exit code 2, and nothing is written."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from neurospineseg.cli.main import BAD_INPUT, DONE, main
from Testing.bad_scans import BAD_SCANS, constant, four_dimensions
from Testing.small_scans import ball, oblique_affine, write_nifti


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence that a refused command prints."""
    code = main(arguments)
    captured = capsys.readouterr()
    assert code == BAD_INPUT, captured.err
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1, captured.err
    sentence = lines[0]
    assert sentence.endswith("."), sentence
    assert not sentence.endswith(".."), sentence
    assert sentence[0].isupper() or sentence[0] == "'", sentence
    assert "Traceback" not in sentence
    return sentence


@pytest.fixture
def out_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("bad", BAD_SCANS, ids=lambda bad: bad.__name__)
def test_bad_scan(
    bad: Callable[[Path], Path], tmp_path: Path, out_folder: Path, with_tiny_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = bad(tmp_path)
    sentence = refused(["segment", "tumor", "--t1c", str(scan), "-o", str(out_folder / "mask.nii.gz")], capsys)
    assert BAD_SCANS[bad] in sentence
    assert list(out_folder.iterdir()) == []


def test_modalities_apart_in_space(
    head: Path, tmp_path: Path, out_folder: Path, with_tiny_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    far = write_nifti(tmp_path / "far.nii.gz", ball(seed=1), oblique_affine(offset=(400.0, 0.0, 0.0)))
    sentence = refused(["segment", "tumor", "--t1c", str(head), "--flair", str(far), "-o", str(out_folder / "mask.nii.gz")], capsys)
    assert "overlap" in sentence
    assert list(out_folder.iterdir()) == []


def test_region_outside_the_scan(head: Path, out_folder: Path, with_tiny_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box = "900,950,900,950,900,950"
    sentence = refused(["segment", "tumor", "--t1c", str(head), "--roi", box, "-o", str(out_folder / "mask.nii.gz")], capsys)
    assert "outside" in sentence
    assert list(out_folder.iterdir()) == []


BAD_OPTIONS = {
    "unknown structure": (["--structures", "edema,liver"], "'liver'"),
    "unknown model": (["--model", "no_such_model"], "no_such_model"),
    "model without a name": (["--model", ""], "no model ''"),
    "unknown device": (["--device", "abacus"], "abacus"),
    "absent device": (["--device", "cuda:63"], "cuda:63"),
    "region of five numbers": (["--roi", "0,1,0,1,0"], "six numbers"),
    "region of words": (["--roi", "here"], "six numbers"),
    "region the wrong way round": (["--roi", "-10,-20,0,1,0,1"], "six numbers"),
    "frame of words": (["--frame", "first"], "frame"),
    "no such option": (["--paint", "red"], "--paint"),
}


@pytest.mark.parametrize("options, words", BAD_OPTIONS.values(), ids=list(BAD_OPTIONS))
def test_bad_option(
    options: list[str], words: str, head: Path, out_folder: Path, with_tiny_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = refused(["segment", "tumor", "--t1c", str(head), "-o", str(out_folder / "mask.nii.gz"), *options], capsys)
    assert words in sentence
    assert list(out_folder.iterdir()) == []


INCOMPLETE = [
    [],
    ["segment"],
    ["segment", "liver"],
    ["segment", "tumor", "-o", "a.nii.gz"],
    ["segment", "spine", "-o", "a.nii.gz"],
    ["paint"],
]


@pytest.mark.parametrize("arguments", INCOMPLETE, ids=" ".join)
def test_incomplete_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    refused(arguments, capsys)


def test_frame_out_of_range(tmp_path: Path, out_folder: Path, with_tiny_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan = four_dimensions(tmp_path)
    sentence = refused(["segment", "tumor", "--t1c", str(scan), "--frame", "3", "-o", str(out_folder / "mask.nii.gz")], capsys)
    assert "frames 0 to 2" in sentence


@pytest.mark.parametrize("name", ["mask", "mask.txt", "mask.nii.bz2", ".nii.gz", "mask.seg"])
def test_output_of_no_known_kind(name: str, head: Path, out_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "end in" in refused(["segment", "tumor", "--t1c", str(head), "-o", str(out_folder / name)], capsys)


def test_output_folder_is_missing(head: Path, out_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sentence = refused(["segment", "tumor", "--t1c", str(head), "-o", str(out_folder / "deeper" / "mask.nii.gz")], capsys)
    assert "does not exist" in sentence
    assert list(out_folder.iterdir()) == []


def test_output_folder_is_a_file(head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(["segment", "tumor", "--t1c", str(head), "-o", str(head / "mask.nii.gz")], capsys)


def test_output_folder_cannot_be_written(
    head: Path, out_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    assert "cannot be written" in refused(["segment", "tumor", "--t1c", str(head), "-o", str(out_folder / "mask.nii.gz")], capsys)


def test_output_is_a_folder(head: Path, out_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (out_folder / "mask.nii.gz").mkdir()
    assert "is a folder" in refused(["segment", "tumor", "--t1c", str(head), "-o", str(out_folder / "mask.nii.gz")], capsys)


@pytest.mark.parametrize("existing", ["mask.nii.gz", "mask.json"])
def test_existing_output_is_kept(existing: str, head: Path, out_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (out_folder / existing).write_text("precious")
    assert "--overwrite" in refused(["segment", "tumor", "--t1c", str(head), "-o", str(out_folder / "mask.nii.gz")], capsys)
    assert (out_folder / existing).read_text() == "precious"
    assert [path.name for path in out_folder.iterdir()] == [existing]


def test_a_failed_run_keeps_the_output_it_was_to_replace(
    tmp_path: Path, out_folder: Path, with_tiny_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (out_folder / "mask.nii.gz").write_text("precious")
    refused(["segment", "tumor", "--t1c", str(constant(tmp_path)), "-o", str(out_folder / "mask.nii.gz"), "--overwrite"], capsys)
    assert (out_folder / "mask.nii.gz").read_text() == "precious"
    assert len(list(out_folder.iterdir())) == 1


def test_an_input_is_never_overwritten(head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = head.read_bytes()
    assert "one of the inputs" in refused(["segment", "tumor", "--t1c", str(head), "-o", str(head), "--overwrite"], capsys)
    assert head.read_bytes() == before


def test_few_nan_voxels_are_repaired_with_a_warning(
    tmp_path: Path, out_folder: Path, with_tiny_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    voxels = ball().astype(np.float32)
    voxels[10, 10, 10:13] = [np.nan, np.inf, -np.inf]
    scan = write_nifti(tmp_path / "scan.nii.gz", voxels)
    code = main(["segment", "tumor", "--t1c", str(scan), "-o", str(out_folder / "mask.nii.gz"), "--model", "tiny_tumor"])
    error = capsys.readouterr().err
    assert code == DONE, error
    assert error.count("not numbers") == 1
    assert "Warning: " in error
