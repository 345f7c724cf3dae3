"""What a worker that crashed left behind is swept by the next one, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from neurospineseg import owners
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.private_folder import make_private_folder, share_with, sweep_private_folders
from Testing.library.test_worker import wait


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files that holds nothing else."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def ended_process() -> int:
    """The id of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def end_this_process_in(users: Path) -> None:
    """Puts a process that is no more in the place of this one in a list of processes."""
    me, ended = str(os.getpid()), str(ended_process())
    place, *pids = users.read_text().splitlines()
    assert me in pids
    users.write_text("\n".join([place, *(ended if pid == me else pid for pid in pids)]) + "\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells that a process has ended before its parent asks")
def test_a_process_that_nobody_has_asked_about_since_it_ended_has_ended() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    assert wait(lambda: not owners.is_alive(process.pid))
    assert process.returncode is None
    process.wait()


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_the_next_worker_sweeps_what_a_crash_left(temporary: Path) -> None:
    crashed, living, second = WorkerClient(), WorkerClient(), WorkerClient()
    crashed.start()
    users = crashed.folder / "processes.txt"
    assert wait(lambda: str(crashed.pid) in users.read_text().split()), "the worker names itself"
    os.kill(crashed.pid, signal.SIGKILL)
    crashed._process.wait()
    unnamed = temporary / "neurospineseg-unnamed"
    unnamed.mkdir()
    try:
        living.start()
        assert users.exists(), "the window lives"
        end_this_process_in(users)
        second.start()
        assert not crashed.folder.exists()
        assert living.folder.exists()
        assert unnamed.exists()
    finally:
        for client in (crashed, living, second):
            client.stop()


def test_a_folder_stays_while_either_process_lives(temporary: Path) -> None:
    mine = make_private_folder()
    share_with(mine, ended_process())
    theirs, elsewhere = make_private_folder(), make_private_folder()
    computer = (theirs / "processes.txt").read_text().splitlines()[0]
    for folder, name in ((theirs, computer), (elsewhere, "another computer")):
        (folder / "processes.txt").write_text(f"{name}\n{ended_process()}\n")
    sweep_private_folders()
    assert mine.exists()
    assert elsewhere.exists()
    assert not theirs.exists()


@pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="process ids mean the same everywhere")
@pytest.mark.parametrize("differs", ["namespace", "boot"])
def test_a_folder_of_another_container_stays(temporary: Path, monkeypatch: pytest.MonkeyPatch, differs: str) -> None:
    theirs = make_private_folder()
    users = theirs / "processes.txt"
    end_this_process_in(users)
    with monkeypatch.context() as here:
        if differs == "namespace":
            here.setattr(os, "readlink", lambda path, *more, **named: "pid:[1]")
        else:
            (temporary / "boot").write_text("another\n")
            here.setattr(owners, "BOOT", temporary / "boot")
        sweep_private_folders()
        assert theirs.exists()
    sweep_private_folders()
    assert not theirs.exists()
