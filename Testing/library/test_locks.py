"""Two runs at once into one output: the second is told, nothing is replaced, and who was killed keeps nobody out."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from neurospineseg import locks, staging
from neurospineseg.atomic_files import Outputs
from neurospineseg.errors import InputError
from neurospineseg.locks import Locked, lock_file, locked
from neurospineseg.pipeline.batch import run_batch
from neurospineseg.staging import place
from Testing.small_scans import ball, write_nifti

WRITES = """
import sys
from pathlib import Path
from neurospineseg.atomic_files import Outputs
from neurospineseg.errors import InputError
try:
    with Outputs([Path(path) for path in sys.argv[2:]], overwrite=sys.argv[1] == "overwrite") as outputs:
        print("begun", flush=True)
        words = sys.stdin.readline()
        for path in outputs.paths:
            outputs.temporary(path).write_text(words)
    print("written", flush=True)
except InputError as error:
    print("told:", error, flush=True)
"""
BATCHES = """
import sys
from pathlib import Path
from neurospineseg.errors import InputError
from neurospineseg.pipeline.batch import run_batch

def segment(scans, target):
    print("begun", flush=True)
    target.write_text(sys.stdin.readline())

try:
    print(run_batch("spine", Path(sys.argv[1]), Path(sys.argv[2]), segment), flush=True)
except InputError as error:
    print("told:", error, flush=True)
"""


class Process:
    """A program that says a line when it has begun and goes on when it is told to."""

    def __init__(self, program: str, *arguments: object) -> None:
        command = [sys.executable, "-c", program, *map(str, arguments)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def line(self) -> str:
        return self._process.stdout.readline().strip()

    def go_on(self, words: str = "mask") -> str:
        """What it says in the end."""
        said, _ = self._process.communicate(f"{words}\n")
        return said.strip()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        self._process.communicate()


@pytest.fixture(autouse=True)
def as_a_new_process() -> Iterator[None]:
    """Each process looks once for what others have left."""
    staging.clear_abandoned.cache_clear()
    yield
    staging.clear_abandoned.cache_clear()


@pytest.fixture
def no_system_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a share whose server knows of none."""
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    folder = tmp_path / "cases"
    folder.mkdir()
    for name in ("a", "b"):
        write_nifti(folder / f"{name}.nii.gz", ball())
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("how", ["keep", "overwrite"])
def test_the_second_of_two_processes_with_one_output_is_told_at_once(how: str, tmp_path: Path) -> None:
    mask, record = tmp_path / "mask.nii", tmp_path / "mask.json"
    first = Process(WRITES, how, mask, record)
    assert first.line() == "begun"
    second = Process(WRITES, how, tmp_path / "mask.nrrd", record)
    assert second.line().startswith("told: 'mask.json' is being written by another run (process ")
    assert first.go_on("first") == "written"
    assert mask.read_text() == record.read_text() == "first\n"
    assert names(tmp_path) == ["mask.json", "mask.nii"]


def test_outputs_of_other_names_are_written_at_the_same_time(tmp_path: Path) -> None:
    first, second = (Process(WRITES, "keep", tmp_path / name) for name in ("a.nii", "b.nii"))
    assert [first.line(), second.line()] == ["begun", "begun"]
    assert [first.go_on(), second.go_on()] == ["written", "written"]
    assert names(tmp_path) == ["a.nii", "b.nii"]


def test_a_process_that_was_killed_keeps_nobody_out_and_leaves_nothing(tmp_path: Path) -> None:
    first = Process(WRITES, "keep", tmp_path / "mask.nii")
    assert first.line() == "begun"
    first.kill()
    assert lock_file(tmp_path / "mask.nii").exists()
    second = Process(WRITES, "keep", tmp_path / "other.nii")
    assert second.line() == "begun"
    assert not lock_file(tmp_path / "mask.nii").exists(), "the next run clears it away, whatever it writes"
    third = Process(WRITES, "keep", tmp_path / "mask.nii")
    assert third.line() == "begun"
    assert [second.go_on(), third.go_on()] == ["written", "written"]
    assert names(tmp_path) == ["mask.nii", "other.nii"]


def test_the_second_of_two_batches_into_one_folder_is_told_and_the_first_keeps_its_summary(cases: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    first = Process(BATCHES, cases, masks)
    assert first.line() == "begun"
    second = Process(BATCHES, cases, masks)
    assert f"told: Another batch writes into '{masks}' (process " in second.line()
    assert first.go_on("one\ntwo") == "begun\n{'a': 'done', 'b': 'done'}"
    assert names(masks) == ["a.seg.nrrd", "b.seg.nrrd", "summary.csv"]
    assert (masks / "summary.csv").read_text().splitlines() == ["case,outcome,warnings", "a,done,", "b,done,"]


def test_a_batch_goes_on_where_a_killed_one_was(cases: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    first = Process(BATCHES, cases, masks)
    assert first.line() == "begun"
    first.kill()
    second = Process(BATCHES, cases, masks)
    assert second.line() == "begun"
    assert second.go_on("one\ntwo") == "begun\n{'a': 'done', 'b': 'done'}"
    assert names(masks) == ["a.seg.nrrd", "b.seg.nrrd", "summary.csv"]


def test_batches_of_two_folders_into_one_share_a_summary(cases: Path, tmp_path: Path) -> None:
    other, masks = tmp_path / "other", tmp_path / "masks"
    other.mkdir()
    write_nifti(other / "c.nii.gz", ball())

    def segment(scans, target: Path) -> list[str]:
        target.write_text("mask")
        return ["The scan is short."] if target.name.startswith("a") else []

    run_batch("spine", cases, masks, segment, warn=lambda words: None)
    run_batch("spine", other, masks, segment)
    run_batch("spine", cases, masks, segment)
    assert (masks / "summary.csv").read_text().splitlines() == ["case,outcome,warnings", "a,kept,The scan is short.", "b,kept,", "c,done,"]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_during_the_work_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    """As from a program that knows of no lock of ours."""
    mask, record = tmp_path / "mask.nii", tmp_path / "mask.json"

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(InputError, match="'mask.nii' has appeared meanwhile and was not replaced"), Outputs([mask, record]) as outputs:
        for path in outputs.paths:
            outputs.temporary(path).write_text("ours")
        mask.write_text("theirs")
    assert mask.read_text() == "theirs"
    assert names(tmp_path) == ["mask.nii"]


RACES = """
import sys
from pathlib import Path
from neurospineseg.staging import place
folder = Path(sys.argv[1])
staging = folder / f".neurospineseg-{sys.argv[2]}"
staging.mkdir()
(staging / "mask.nii").write_text(sys.argv[2])
print("begun", flush=True)
sys.stdin.readline()
try:
    place(staging, ["mask.nii"], overwrite=False)
    print("placed")
except FileExistsError:
    print("told")
"""


def test_of_processes_that_finish_at_one_moment_one_places_its_file(tmp_path: Path) -> None:
    processes = [Process(RACES, tmp_path, number) for number in range(4)]
    assert [process.line() for process in processes] == ["begun"] * 4
    for process in processes:
        process._process.stdin.write("go\n")
        process._process.stdin.flush()
    said = [process.go_on() for process in processes]
    assert sorted(said) == ["placed", "told", "told", "told"]
    assert (tmp_path / "mask.nii").read_text() == str(said.index("placed"))


@pytest.mark.parametrize("overwrite, text", [(True, "new"), (False, "former")])
def test_placing_replaces_where_that_was_asked(tmp_path: Path, overwrite: bool, text: str) -> None:
    (tmp_path / "mask.nii").write_text("former")
    (tmp_path / "staging").mkdir()
    (tmp_path / "staging" / "mask.nii").write_text("new")
    try:
        place(tmp_path / "staging", ["mask.nii"], overwrite=overwrite)
    except FileExistsError:
        assert not overwrite
    assert (tmp_path / "mask.nii").read_text() == text


def test_without_locks_of_the_system_the_file_is_the_lock(tmp_path: Path, no_system_locks: None) -> None:
    with locked(tmp_path / "mask.nii", "Somebody writes"):
        with pytest.raises(
            Locked, match=r"Somebody writes \(process \d+ of this computer, since .*or delete '.*\.lock' there if no such run"
        ):
            with locked(tmp_path / "mask.nii", "Somebody writes"):
                pass
        assert lock_file(tmp_path / "mask.nii").exists()
    assert names(tmp_path) == []


def left_lock(folder: Path, **changes: object) -> Path:
    """The lock of a process that has ended, on a file system that knows of no locks."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    lock = lock_file(folder / "mask.nii")
    mark = f"{locks.owner_mark().rpartition('-')[0]}-{ended.pid}"
    said = {"mark": mark, "computer": "there", "process": ended.pid, "since": "2026-01-01 10:00", "sure": False}
    lock.write_text(json.dumps({**said, **changes}))
    return lock


def test_a_lock_that_a_dead_process_of_this_computer_has_left_is_taken(tmp_path: Path, no_system_locks: None) -> None:
    lock = left_lock(tmp_path)
    with locked(tmp_path / "mask.nii", "Somebody writes"):
        assert json.loads(lock.read_text())["process"] == os.getpid()
    assert names(tmp_path) == []


@pytest.mark.parametrize("system", [True, False])
def test_a_lock_of_another_computer_is_explained(tmp_path: Path, system: bool, request: pytest.FixtureRequest) -> None:
    if not system:
        request.getfixturevalue("no_system_locks")
    lock = left_lock(tmp_path, mark="00000000-1")
    with pytest.raises(
        Locked, match=f"of the computer 'there', since 2026-01-01 10:00.*or delete '{lock.name}' there if no such run is left"
    ):
        with locked(tmp_path / "mask.nii", "Somebody writes"):
            pass
    assert lock.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"mark": 3}', "[" * 3000])
def test_a_lock_that_says_nothing(tmp_path: Path, text: str) -> None:
    lock_file(tmp_path / "mask.nii").write_text(text)
    with locked(tmp_path / "mask.nii", "Somebody writes"):
        pass
    assert names(tmp_path) == []


def test_a_folder_without_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object, *_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InputError, match="cannot be written without permission"), locked(tmp_path / "mask.nii", "Somebody writes"):
        pass


def test_a_name_that_the_file_system_does_not_take_is_told_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too long"), Outputs([tmp_path / f"{'x' * 260}.nii"]):
        pytest.fail("the work began")
    assert names(tmp_path) == []
