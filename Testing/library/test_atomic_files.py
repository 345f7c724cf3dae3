"""A file is there whole, or as it was before."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from neurospineseg.atomic_files import HeldOpen, whole_file
from neurospineseg.images.volume import Volume, write_volume
from neurospineseg.staging import staging_folder


def test_a_file_appears_when_its_block_ends(tmp_path: Path) -> None:
    with whole_file(tmp_path / "scores.csv") as new:
        new.write_text("new")
        assert new.name == "scores.csv"
        assert not (tmp_path / "scores.csv").exists()
    assert (tmp_path / "scores.csv").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]


def test_an_error_leaves_the_former_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text("former")
    with pytest.raises(RuntimeError, match="half"), whole_file(tmp_path / "scores.csv") as new:
        new.write_text("ha")
        raise RuntimeError("half written")
    assert (tmp_path / "scores.csv").read_text() == "former"
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]


def test_a_file_that_another_program_holds_is_told_from_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "held open")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(HeldOpen), whole_file(tmp_path / "scores.csv") as new:
        new.write_text("new")
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "no folder" / "scores.csv"):
        pass


def test_a_scan_that_cannot_be_written_leaves_the_former_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = Volume(np.zeros((3, 4, 5), np.uint8), np.eye(4))
    write_volume(scan, tmp_path / "scan.nii.gz")
    former = (tmp_path / "scan.nii.gz").read_bytes()

    def fill_the_disk(image: object, path: Path) -> None:
        path.write_bytes(b"ha")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nibabel.save", fill_the_disk)
    with pytest.raises(ValueError, match="is full"):
        write_volume(scan, tmp_path / "scan.nii.gz")
    assert (tmp_path / "scan.nii.gz").read_bytes() == former
    assert [path.name for path in tmp_path.iterdir()] == ["scan.nii.gz"]


def test_a_staging_folder_goes_with_what_is_in_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), staging_folder(tmp_path) as staging:
        (staging / "half").write_text("ha")
        assert staging.name.startswith(".")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_the_name_agreed_on_is_not_taken_over(tmp_path: Path) -> None:
    agreed = tmp_path / ".neurospineseg-mine"
    agreed.mkdir()
    (agreed / "theirs").write_text("kept")
    with pytest.raises(FileExistsError), staging_folder(tmp_path, agreed):
        pass
    assert (agreed / "theirs").read_text() == "kept"
