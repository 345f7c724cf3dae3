"""The worker process and the handle on it: right answers, and a clean end whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from neurospineseg.images.volume import Volume
from neurospineseg.pipeline.segmenter import Segmenter, Settings
from neurospineseg.worker import private_folder
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.private_folder import make_private_folder, share_with, sweep_private_folders
from Testing.small_scans import ball, oblique_affine, write_nifti

FINAL = ("done", "refused", "failed", "died")
LIBRARY = Path(__file__).resolve().parents[2] / "Resources"


def answer(client: WorkerClient, seconds: float = 60.0) -> dict:
    """The next final answer."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for event in client.poll():
            if event["event"] in FINAL:
                return event
        time.sleep(0.01)
    raise AssertionError("no answer came")


def wait(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def exists(pid: int) -> bool:
    """Whether a process runs (one that has ended and was not waited for does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def client() -> Iterator[WorkerClient]:
    client = WorkerClient()
    yield client
    client.stop()


@pytest.fixture
def inputs(client: WorkerClient) -> dict:
    client.start()
    np.save(client.folder / "t1c.npy", ball())
    return {"t1c": {"file": "t1c.npy", "ijk_to_ras": oblique_affine().tolist()}}


def test_segments_as_the_segmenter_does(client: WorkerClient, inputs: dict, tiny_models: Path) -> None:
    model = str(tiny_models / "tiny_tumor")
    client.request("segment", task="tumor", inputs=inputs, model=model, device="cpu", doubts=True)
    result = answer(client)["result"]
    labels = np.load(client.folder / result["labels"])
    expected = Segmenter("tumor", Settings(model=model, device="cpu")).run({"t1c": Volume(ball().astype(np.float32), oblique_affine())})
    np.testing.assert_array_equal(labels, expected.labels.voxels)
    assert result["found"]
    for found in result["found"]:
        k0, k1, j0, j1, i0, i1 = found["box"]
        assert (labels[k0:k1, j0:j1, i0:i1] == found["label"]).sum() == (labels == found["label"]).sum()
    doubt = np.load(client.folder / result["doubt"])
    assert doubt.shape == labels.shape
    assert doubt.dtype == np.uint8
    assert doubt.any()


@pytest.mark.parametrize("asked", [None, ["edema"]])
def test_it_says_what_it_looked_for(client: WorkerClient, inputs: dict, tiny_models: Path, asked: list[str] | None) -> None:
    client.request("segment", task="tumor", inputs=inputs, model=str(tiny_models / "tiny_tumor"), device="cpu", structures=asked)
    assert answer(client)["result"]["sought"] == (asked or ["necrotic_core", "edema", "enhancing_tumor"])


def test_a_bad_request_is_answered_and_the_next_one_works(client: WorkerClient, inputs: dict, tiny_models: Path) -> None:
    client.request("segment", task="tumor", inputs=inputs, model="no such model")
    assert answer(client)["event"] == "refused"
    client.request("nonsense")
    failed = answer(client)
    assert failed["event"] == "failed"
    assert "Traceback" in failed["detail"]
    assert "Traceback" not in failed["message"]
    client.request("region", task="tumor", inputs=inputs, model=str(tiny_models / "tiny_tumor"))
    assert min(answer(client)["result"]["size_mm"]) > 20


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_killed_in_mid_run_it_says_so_and_starts_again(client: WorkerClient, inputs: dict, tiny_models: Path) -> None:
    model = str(tiny_models / "tiny_tumor")
    folder = client.folder
    client.request("segment", task="tumor", inputs=inputs, model=model)
    os.kill(client.pid, signal.SIGKILL)
    died = answer(client)
    assert died["event"] == "died"
    assert died["exit_code"] == -9
    assert died["message"].count(". ") == 0
    assert not client.running
    assert not client.busy
    assert not folder.exists()
    client.request("warm", task="tumor", model=model)
    assert answer(client)["event"] == "done"


def test_stopping_is_quick_and_leaves_nothing(tiny_models: Path) -> None:
    client = WorkerClient()
    client.request("warm", task="tumor", model=str(tiny_models / "tiny_tumor"))
    pid, folder = client.pid, client.folder
    started = time.monotonic()
    client.stop()
    assert time.monotonic() - started < 1.0
    assert not exists(pid)
    assert not folder.exists()
    assert client.poll() == []


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_the_child_of_a_launcher_is_stopped_too(tmp_path: Path) -> None:
    launcher = tmp_path / "launcher"
    launcher.write_text(f'#!/bin/sh\n"{sys.executable}" "$@" &\necho $! > "{tmp_path}/child"\nwait $!\n')
    launcher.chmod(0o755)
    client = WorkerClient(executable=str(launcher))
    client.start()
    assert wait(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text().strip() != "")
    child = int((tmp_path / "child").read_text())
    assert exists(child)
    client.stop()
    assert wait(lambda: not exists(child), 2.0)


def test_it_ends_after_idling(tiny_models: Path) -> None:
    client = WorkerClient(idle_seconds=0.3)
    client.request("warm", task="tumor", model=str(tiny_models / "tiny_tumor"))
    assert answer(client)["event"] == "done"
    folder, events = client.folder, []
    assert wait(lambda: events.extend(client.poll()) or not client.running)
    assert not folder.exists()
    assert "died" not in [event["event"] for event in events]


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_it_ends_with_the_program_that_started_it(tmp_path: Path) -> None:
    program = (
        "import sys, time; from neurospineseg.worker.client import WorkerClient\n"
        "client = WorkerClient(); client.start(); print(client.pid, client.folder, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    pid, folder = parent.stdout.readline().split()
    assert exists(int(pid))
    time.sleep(1.0)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert wait(lambda: not exists(int(pid)))
    assert wait(lambda: not Path(folder).exists())


def test_an_executable_that_is_not_there() -> None:
    client = WorkerClient(executable="/nowhere/python")
    with pytest.raises(OSError):
        client.start()
    assert client.folder is None


@pytest.mark.skipif(os.name == "nt", reason="no /bin/false")
def test_a_worker_that_cannot_start_is_not_taken_for_success() -> None:
    client = WorkerClient(executable="/bin/false")
    client.request("warm", task="tumor")
    died = answer(client)
    assert died["event"] == "died"
    assert died["exit_code"] == 1
    assert "exit code 1" in died["message"]


def test_answers_wait_for_whoever_asked(client: WorkerClient, tiny_models: Path) -> None:
    model = str(tiny_models / "tiny_tumor")
    first, second = client.request("warm", task="tumor", model=model), client.request("nonsense")
    assert wait(lambda: client.poll() is not None and not client.busy), "somebody else polls"
    assert [event["event"] for event in client.answers_to(second)] == ["failed"]
    assert [event["event"] for event in client.answers_to(first)] == ["done"]
    assert client.answers_to(first) == []


def test_stopping_answers_what_is_undone(tiny_models: Path) -> None:
    client = WorkerClient()
    number = client.request("warm", task="tumor", model=str(tiny_models / "tiny_tumor"))
    client.stop()
    (answered,) = client.answers_to(number)
    assert answered["event"] == "died"
    assert "was stopped" in answered["message"]


def started_bare(folder: Path) -> subprocess.Popen:
    """A worker without a handle; it is ready."""
    folder.mkdir()
    command = [sys.executable, "-m", "neurospineseg.worker.server", "--folder", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY)}
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    assert b"ready" in worker.stdout.readline()
    return worker


def test_it_ends_when_nobody_reads_its_answers(tmp_path: Path) -> None:
    worker = started_bare(tmp_path / "private")
    worker.stdout.close()
    worker.stdin.write(b'{"id": 1, "op": "nonsense"}\n')
    worker.stdin.flush()
    worker.wait(20.0)
    assert not (tmp_path / "private").exists()
    worker.stdin.close()


def test_it_ends_when_its_input_is_damaged(tmp_path: Path) -> None:
    worker = started_bare(tmp_path / "private")
    worker.stdin.write(b"\xff no request\n")
    worker.stdin.flush()
    assert worker.wait(20.0) != 0
    assert not (tmp_path / "private").exists()
    worker.stdin.close()
    worker.stdout.close()


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
            here.setattr(private_folder, "BOOT", temporary / "boot")
        sweep_private_folders()
        assert theirs.exists()
    sweep_private_folders()
    assert not theirs.exists()


def store_fields(folder: Path, cases: Path, shape: tuple[int, int, int]) -> dict:
    """A correction to store that takes a while, since noise packs badly."""
    np.save(folder / "noise.npy", np.random.default_rng(0).integers(0, 30000, shape, np.int16))
    np.save(folder / "corrected.npy", np.ones(shape, np.uint16))
    inputs = {"t1c": {"file": "noise.npy", "ijk_to_ras": oblique_affine().tolist()}}
    room = cases / ".neurospineseg-room"
    return {"op": "store", "task": "tumor", "inputs": inputs, "labels": "corrected.npy", "folder": str(cases), "room": str(room)}


def test_a_correction_grows_in_the_room_that_the_request_names(client: WorkerClient, tmp_path: Path) -> None:
    client.start()
    fields = store_fields(client.folder, tmp_path / "cases", (8, 8, 8))
    room = Path(fields["room"])
    room.mkdir(parents=True)
    client.request(**fields)
    assert answer(client)["event"] == "refused", "it is there already, so it is somebody else's"
    assert room.exists(), "it is there already, so it is somebody else's"
    room.rmdir()
    client.request(**fields)
    assert Path(answer(client)["result"]["folder"]).parent == tmp_path / "cases"
    assert not room.exists()


def test_files_replace_no_file(client: WorkerClient, tmp_path: Path, tiny_models: Path) -> None:
    write_nifti(tmp_path / "scan.nii.gz", ball())
    (tmp_path / "scan.json").write_text("mine")
    scans, settings = {"t1c": str(tmp_path / "scan.nii.gz")}, {"model": str(tiny_models / "tiny_tumor")}
    client.request("files", task="tumor", scans=scans, output=str(tmp_path / "scan.seg.nrrd"), settings=settings)
    refused = answer(client)
    assert refused["event"] == "refused"
    assert "'scan.json' exists already" in refused["message"]
    assert (tmp_path / "scan.json").read_text() == "mine"
    assert not (tmp_path / "scan.seg.nrrd").exists()


def test_what_is_half_stored_goes_with_the_window(tmp_path: Path) -> None:
    worker = started_bare(tmp_path / "private")
    fields = store_fields(tmp_path / "private", tmp_path / "cases", (200, 256, 256))
    worker.stdin.write(json.dumps({"id": 1, **fields}).encode() + b"\n")
    worker.stdin.flush()
    assert wait(lambda: Path(fields["room"]).exists() and any(Path(fields["room"]).iterdir()))
    worker.stdin.close()
    worker.wait(20.0)
    assert list((tmp_path / "cases").iterdir()) == []
    worker.stdout.close()


def test_what_lies_in_the_current_folder_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("json", "queue", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    client = WorkerClient()
    client.request("nonsense")
    assert answer(client)["event"] == "failed"
    client.stop()


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_what_a_launcher_prints_is_no_answer(tmp_path: Path) -> None:
    launcher = tmp_path / "launcher"
    lines = ("Setting up the environment", "3", "[]", "null", "\\377", '{"half": ')
    launcher.write_text("#!/bin/sh\n" + "".join(f"printf '{line}\\n'\n" for line in lines) + f'exec "{sys.executable}" "$@"\n')
    launcher.chmod(0o755)
    client = WorkerClient(executable=str(launcher))
    client.request("nonsense")
    assert answer(client)["event"] == "failed"
    client.stop()
