"""Paths that are no text (not UTF-8, as in archives of Windows), terminals that know only ASCII, and names as long as a file system takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from neurospineseg.cli.main import BAD_INPUT, DONE, main
from neurospineseg.pipeline.batch import run_batch
from Testing.bad_scans import PIXDIM_OFFSET, edited
from Testing.small_scans import ball, write_nifti

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
ENDINGS = (".nii", ".nii.gz", ".nrrd", ".mha", ".mhd", ".nhdr")
READ_ALL = """
import os, sys
from pathlib import Path
from neurospineseg.errors import InputError
from neurospineseg.images.volume import read_volume, write_volume
for path in sorted(Path(os.fsdecode(sys.argv[1].encode() + b"/R\\xfccken")).iterdir()):
    if path.suffix == ".raw":
        continue
    try:
        volume = read_volume(path)
        print(path.suffix, volume.shape)
    except InputError as error:
        print(path.suffix, error)
write_volume(volume, path.with_name(os.fsdecode(b"\\xe4.mha")))
print(read_volume(path.with_name(os.fsdecode(b"\\xe4.mha"))).shape)
"""


def odd(folder: Path, name: bytes = b"R\xfccken") -> Path:
    """A new folder whose name is not UTF-8."""
    path = Path(os.fsdecode(os.path.join(os.fsencode(folder), name)))
    try:
        path.mkdir(parents=True)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    return path


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *arguments], capture_output=True, env=os.environ | environment)


@pytest.mark.parametrize("environment", [{}, ASCII], ids=["UTF-8", "ASCII"])
def test_files_of_every_kind_are_read_and_none_ends_the_process(tmp_path: Path, environment: dict[str, str]) -> None:
    folder = odd(tmp_path)
    for ending in ENDINGS:
        sitk.WriteImage(sitk.GetImageFromArray(ball()), str(tmp_path / f"scan{ending}"))
        (tmp_path / f"scan{ending}").rename(folder / f"scan{ending}")
    (tmp_path / "scan.raw").rename(folder / "scan.raw")
    edited(write_nifti(folder / "two.nii", ball()), PIXDIM_OFFSET + 4, 5, 5, 9)
    done = run("-c", READ_ALL, str(tmp_path), **environment)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert len(lines) == len(ENDINGS) + 2
    assert sum("(24, 26, 28)" in line for line in lines) >= len(ENDINGS) + 1, lines


def test_a_detached_header_whose_own_name_is_odd_is_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = odd(tmp_path)
    sitk.WriteImage(sitk.GetImageFromArray(ball()), str(tmp_path / "scan.mhd"))
    (tmp_path / "scan.mhd").rename(folder / os.fsdecode(b"\xe4.mhd"))
    (tmp_path / "scan.raw").rename(folder / "scan.raw")
    assert main(["segment", "tumor", "--t1c", str(folder / os.fsdecode(b"\xe4.mhd")), "-o", str(tmp_path / "mask.nii.gz")]) == BAD_INPUT
    assert (
        capsys.readouterr().err == "The name of '?.mhd' is not in UTF-8, so that it cannot be read with what lies beside it; rename it.\n"
    )


def test_a_batch_goes_on_and_keeps_its_summary(tmp_path: Path, tiny_models: Path) -> None:
    models = odd(tmp_path, b"mod\xe8les")
    (models / "tiny_tumor").symlink_to(tiny_models / "tiny_tumor")
    for folder, seed in ((odd(tmp_path / "cases", b"A_R\xfccken"), 0), (tmp_path / "cases" / "z", 1)):
        folder.mkdir(exist_ok=True)
        write_nifti(folder / "t1c.nii.gz", ball(seed=seed))
    command = ["-m", "neurospineseg", "batch", "tumor", tmp_path / "cases", "-o", tmp_path / "masks", "--model", models / "tiny_tumor"]
    done = run(*command, "--device", "cpu", **ASCII)
    assert done.returncode == DONE, done.stderr
    assert b"1 of 2: A_R?cken" in done.stderr
    assert sorted(os.listdir(os.fsencode(tmp_path / "masks")))[:2] == [b"A_R\xfccken.json", b"A_R\xfccken.seg.nrrd"]
    lines = (tmp_path / "masks" / "summary.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [["A_R?cken", "done"], ["z", "done"]]
    assert run(*command, "--device", "cpu", **ASCII).stdout.startswith(b"0 segmented, 2 had their masks, 0 failed")


@pytest.mark.parametrize("ending", [".nii.gz", ".seg.nrrd", ".nii", ".mha"])
def test_a_name_as_long_as_the_file_system_takes(ending: str, head: Path, tmp_path: Path, with_tiny_models: Path) -> None:
    longest = os.pathconf(tmp_path, "PC_NAME_MAX") if hasattr(os, "pathconf") else 255
    output = tmp_path / ("b" * (longest - max(len(ending), len(".json"))) + ending)
    assert main(["segment", "tumor", "--t1c", str(head), "-o", str(output), "--model", "tiny_tumor", "--device", "cpu"]) == DONE
    assert output.is_file()


@pytest.mark.parametrize("letters, ending", [(251, ".nii"), (255, ".nii.gz"), (400, ".seg.nrrd")])
def test_a_longer_name_is_refused_before_the_work(
    letters: int, ending: str, head: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.iterdir())
    command = ["segment", "tumor", "--t1c", str(head), "-o", str(tmp_path / ("b" * letters + ending)), "--model", "no_such_model"]
    assert main(command) == BAD_INPUT
    said = capsys.readouterr().err
    assert "too long" in said
    assert len(said.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


def test_an_input_with_a_longer_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment", "spine", "x" * 300 + ".nii", "-o", str(tmp_path / "mask.nii")]) == BAD_INPUT
    assert "too long" in capsys.readouterr().err


def test_a_case_whose_mask_would_have_a_longer_name_does_not_stop_the_batch(tmp_path: Path) -> None:
    for name in ("a" * 250, "b"):
        (tmp_path / "cases" / name).mkdir(parents=True)
        write_nifti(tmp_path / "cases" / name / "t1c.nii.gz", np.ones((2, 2, 2), np.int16))
    outcomes = run_batch("tumor", tmp_path / "cases", tmp_path / "masks", lambda scans, target: None)
    assert outcomes["b"] == "done"
    assert "too long" in outcomes["a" * 250]
