"""What the operating system says of a file is told as what it is: no scan is called damaged and no program at fault for want of a permission."""

from __future__ import annotations

import errno
import gzip
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from neurospineseg.cli.main import main
from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import FileError, is_of_the_system, reading_failed, use_failed, writing_failed
from neurospineseg.images.volume import Volume, read_volume, write_volume
from neurospineseg.models.network import load_weights
from neurospineseg.pipeline.batch import run_batch
from neurospineseg.worker.server import answer_to
from Testing.dicom_scans import slices, write_series
from Testing.small_scans import ball, write_nifti

resource = pytest.importorskip("resource", reason="limits of a process are set here as Unix does")
KINDS = {
    "EACCES": "without permission",
    "EPERM": "without permission",
    "ENOSPC": "is full",
    "EDQUOT": "share of the disk",
    "EMFILE": "Too many files are open",
    "ENFILE": "Too many files are open",
    "ENOENT": "is not there, or not any more",
    "ESTALE": "network share",
    "EHOSTDOWN": "network share",
    "ETIMEDOUT": "network share",
    "EIO": "fails (input/output error)",
    "EROFS": "can only be read",
    "ENAMETOOLONG": "too long",
    "EISDIR": "is a folder where a file is needed",
    "ENOTDIR": "a file where a folder is needed",
    "EFBIG": "larger than the file system",
    "ELOOP": "link that leads to itself",
    "EBUSY": "in use by another program",
    "ENOMEM": "not enough memory",
}
ENDINGS = (".nii", ".nii.gz", ".nrrd", ".mha")
SCAN = Volume(np.random.default_rng(0).integers(0, 255, (20, 40, 50)).astype(np.uint8), np.eye(4))
BLAMED = ("damaged", "fault of the program", "Errno", "[WinError")


def system_error(name: str, file: str | None = "scan.nii.gz") -> OSError:
    number = getattr(errno, name)
    return OSError(number, os.strerror(number), file)


@contextmanager
def no_more_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("make", [reading_failed, writing_failed, use_failed])
@pytest.mark.parametrize("name", KINDS)
def test_each_kind_has_its_sentence(name: str, make: Callable[[OSError], FileError]) -> None:
    sentence = str(make(system_error(name)))
    assert KINDS[name] in sentence
    assert "'scan.nii.gz'" in sentence
    assert ";" in sentence, "a sentence says what to do"
    assert sentence[0].isupper() or sentence[0] == "'"


@pytest.mark.parametrize("name", KINDS)
def test_an_error_without_a_file_is_a_sentence_too(name: str) -> None:
    sentence = str(use_failed(system_error(name, None)))
    assert KINDS[name] in sentence
    assert sentence[0].isupper()
    assert "None" not in sentence


def test_a_kind_that_is_not_known_is_said_in_the_systems_words() -> None:
    assert str(reading_failed(OSError(errno.ECHILD, "No child processes"), "scan {0}.nrrd")) == (
        "'scan {0}.nrrd' cannot be read (No child processes); check where it lies and try again."
    )


@pytest.mark.parametrize(
    "number, words",
    [
        (32, "in use by another program"),
        (64, "network share"),
        (53, "network share"),
        (112, "is full"),
        (206, "too long"),
        (19, "only be read"),
    ],
)
def test_windows_own_numbers_come_first(number: int, words: str) -> None:
    error = system_error("EACCES")
    error.winerror = number  # type: ignore[attr-defined]
    assert words in str(writing_failed(error))


def test_what_a_package_says_of_damage_is_not_the_systems() -> None:
    assert not is_of_the_system(gzip.BadGzipFile("Not a gzipped file"))
    assert not is_of_the_system(OSError("Expected 10 bytes, got 3"))
    assert not is_of_the_system(OSError(errno.EINVAL, "Invalid argument"))
    assert is_of_the_system(FileNotFoundError("No such file or no access"))


@pytest.fixture(params=[*ENDINGS, ".dcm", "folder"])
def scan(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param in ENDINGS:
        write_volume(SCAN, tmp_path / f"scan{request.param}")
        return tmp_path / f"scan{request.param}"
    folder = tmp_path / "series"
    write_series(folder, slices(count=5))
    return folder if request.param == "folder" else next(folder.iterdir())


def test_too_many_open_files_are_no_damage(scan: Path) -> None:
    read_volume(scan)
    with no_more_files(), pytest.raises(InputError) as refused:
        read_volume(scan)
    assert "Too many files are open" in str(refused.value)


@pytest.mark.parametrize("name", ["EIO", "ESTALE", "EACCES", "EMFILE"])
@pytest.mark.parametrize("ending, reader", [(".nii.gz", "nibabel.load"), (".dcm", "pydicom.dcmread"), ("folder", "pydicom.dcmread")])
def test_what_fails_in_the_midst_of_a_file_is_no_damage(
    ending: str, reader: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scan.nii.gz"
    write_volume(SCAN, path)
    if ending != ".nii.gz":
        write_series(tmp_path / "series", slices(count=5))
        path = tmp_path / "series" if ending == "folder" else next((tmp_path / "series").iterdir())

    def fail(*_: object, **__: object) -> None:
        raise system_error(name, None)

    monkeypatch.setattr(reader, fail)
    with pytest.raises(FileError) as refused:
        read_volume(path)
    assert KINDS[name] in str(refused.value)
    assert not any(word in str(refused.value) for word in BLAMED)


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
def test_itk_is_asked_why(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ITK itself says no more than that it could not."""
    import SimpleITK

    def vanish(*_: object) -> None:
        (tmp_path / f"scan{ending}").unlink()
        raise RuntimeError("could not read")

    write_volume(SCAN, tmp_path / f"scan{ending}")
    monkeypatch.setattr(SimpleITK.ImageFileReader, "ReadImageInformation", vanish)
    with pytest.raises(FileError, match="is not there, or not any more"):
        read_volume(tmp_path / f"scan{ending}")


def test_a_folder_of_a_series_that_cannot_be_listed_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_series(tmp_path / "series" / "a", slices(count=5))
    (tmp_path / "series" / "b").mkdir()
    scandir = os.scandir

    def refuse(path: os.PathLike[str]):
        if Path(path).name == "b":
            raise OSError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(FileError, match="without permission"):
        read_volume(tmp_path / "series")


def test_a_name_that_is_too_long_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="too long"):
        read_volume(tmp_path / f"{'x' * 300}.nii")
    with pytest.raises(FileError, match="too long"):
        write_volume(SCAN, tmp_path / f"{'x' * 300}.nii")


def test_a_link_that_leads_to_itself_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "scan.nii").symlink_to(tmp_path / "scan.nii")
    with pytest.raises(FileError, match="link that leads to itself"):
        read_volume(tmp_path / "scan.nii")


WRITES = """
import resource, sys
from pathlib import Path
import numpy as np
from neurospineseg.images.volume import Volume, write_volume
scan = Volume(np.random.default_rng(0).integers(0, 255, (20, 60, 80)).astype(np.uint8), np.eye(4))
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
try:
    write_volume(scan, sys.argv[1])
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_may_not_grow_is_a_sentence_and_leaves_nothing(ending: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", WRITES, str(tmp_path / f"scan{ending}")], capture_output=True, text=True, check=True)
    assert "larger than the file system or a limit of this account allows" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["EACCES", "EIO", "EMFILE"])
def test_weights_that_cannot_be_opened_are_not_damaged(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def fail(*_: object, **__: object) -> None:
        raise system_error(name, "model.pt")

    monkeypatch.setattr(torch, "load", fail)
    with pytest.raises(FileError) as refused:
        load_weights(torch.nn.Identity(), tmp_path / "model.pt")
    assert KINDS[name] in str(refused.value)


@pytest.mark.parametrize("name", KINDS)
def test_the_shell_says_it(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(options: object) -> None:
        raise system_error(name)

    monkeypatch.setattr("neurospineseg.cli.models.models", fail)
    assert main(["models"]) == 1
    said = capsys.readouterr().err
    assert KINDS[name] in said
    assert not any(word in said for word in BLAMED)


@pytest.mark.parametrize("name", KINDS)
def test_the_worker_says_it(name: str) -> None:
    answer = answer_to(system_error(name))
    assert KINDS[name] in answer.message
    assert "send it to the developers" not in answer.message


@pytest.mark.parametrize("name", KINDS)
def test_a_batch_says_it_of_the_case_and_goes_on(name: str, tmp_path: Path) -> None:
    (tmp_path / "cases").mkdir()
    for case in ("a", "b"):
        write_nifti(tmp_path / "cases" / f"{case}.nii.gz", ball())

    def segment(scans, target: Path) -> None:
        if target.name.startswith("a"):
            raise system_error(name)
        target.write_text("mask")

    outcomes = run_batch("spine", tmp_path / "cases", tmp_path / "masks", segment)
    assert KINDS[name] in outcomes["a"]
    assert outcomes["b"] == "done"
