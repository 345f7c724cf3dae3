"""The worker process and the handle on it: right answers, and a clean end whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurospineseg
from neurospineseg.images.volume import Volume
from neurospineseg.pipeline.segmenter import Segmenter, Settings
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.json_lines import line_of
from neurospineseg.worker.protocol import FINAL, Died, Done, Failed, Ready, Refused
from neurospineseg.worker.requests import FindRegion, RunFiles, ScanFile, Segment, StoreCorrection, Warm
from Testing.small_scans import ball, oblique_affine, write_nifti

LIBRARY = Path(__file__).resolve().parents[2] / "Resources"


@dataclass(frozen=True)
class Nonsense:
    """A message that no protocol has."""


def answer(client: WorkerClient, seconds: float = 180.0) -> Any:
    """The next final answer."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for said in client.poll():
            if isinstance(said, FINAL):
                return said
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
def scans(client: WorkerClient) -> dict[str, ScanFile]:
    client.start()
    np.save(client.folder / "t1c.npy", ball())
    return {"t1c": ScanFile("t1c.npy", oblique_affine().tolist())}


def tiny(tiny_models: Path, **options: Any) -> Settings:
    return Settings.of({"model": str(tiny_models / "tiny_tumor"), "device": "cpu", **options})


def test_segments_as_the_segmenter_does(client: WorkerClient, scans: dict[str, ScanFile], tiny_models: Path) -> None:
    client.request(Segment("tumor", tiny(tiny_models, uncertainty=True), scans))
    result = answer(client).result
    labels = np.load(client.folder / result.labels)
    expected = Segmenter("tumor", tiny(tiny_models)).run({"t1c": Volume(ball().astype(np.float32), oblique_affine())})
    np.testing.assert_array_equal(labels, expected.labels.voxels)
    assert result.structures
    for structure in result.structures:
        k0, k1, j0, j1, i0, i1 = structure.box
        assert (labels[k0:k1, j0:j1, i0:i1] == structure.label).sum() == (labels == structure.label).sum()
    uncertainty = np.load(client.folder / result.uncertainty)
    assert uncertainty.shape == labels.shape
    assert uncertainty.dtype == np.uint8
    assert uncertainty.any()
    for there in result.structures:
        mask = labels == there.label
        assert there.confidence == pytest.approx((uncertainty[mask] <= 178).mean(), abs=1e-3)
    inside = tuple(map(slice, result.core.start, result.core.stop))
    assert (labels[inside] > 0).any()
    assert all(low <= at < high for low, at, high in zip(result.core.start, result.core.place, result.core.stop))


@pytest.mark.parametrize("asked", [None, ("edema",)])
def test_it_says_what_it_looked_for(
    client: WorkerClient, scans: dict[str, ScanFile], tiny_models: Path, asked: tuple[str, ...] | None
) -> None:
    client.request(Segment("tumor", tiny(tiny_models, structures=asked), scans))
    assert answer(client).result.sought == (asked or ("necrotic_core", "edema", "enhancing_tumor"))


def test_a_bad_request_is_answered_and_the_next_one_works(client: WorkerClient, scans: dict[str, ScanFile], tiny_models: Path) -> None:
    client.request(Segment("tumor", Settings(model="no such model"), scans))
    assert isinstance(answer(client), Refused)
    client.request(Nonsense())
    failed = answer(client)
    assert isinstance(failed, Failed)
    assert "There is no message 'Nonsense'" in failed.detail
    assert "Traceback" not in failed.message
    client.request(FindRegion("tumor", tiny(tiny_models), scans))
    assert min(answer(client).result.region.size) > 20


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_killed_in_mid_run_it_says_so_and_starts_again(client: WorkerClient, scans: dict[str, ScanFile], tiny_models: Path) -> None:
    folder = client.folder
    client.request(Segment("tumor", tiny(tiny_models), scans))
    os.kill(client.pid, signal.SIGKILL)
    died = answer(client)
    assert isinstance(died, Died)
    assert died.exit_code == -9
    assert died.message.count(". ") == 0
    assert not client.running
    assert not client.busy
    assert not folder.exists()
    client.request(Warm("tumor", tiny(tiny_models)))
    assert isinstance(answer(client), Done)


def test_stopping_is_quick_and_leaves_nothing(tiny_models: Path) -> None:
    client = WorkerClient()
    client.request(Warm("tumor", tiny(tiny_models)))
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
    client.request(Warm("tumor", tiny(tiny_models)))
    assert isinstance(answer(client), Done)
    folder, events = client.folder, []
    assert wait(lambda: events.extend(client.poll()) or not client.running)
    assert not folder.exists()
    assert not any(isinstance(event, Died) for event in events)


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
    client.request(Warm("tumor"))
    died = answer(client)
    assert isinstance(died, Died)
    assert died.exit_code == 1
    assert "exit code 1" in died.message


def test_answers_wait_for_whoever_asked(client: WorkerClient, tiny_models: Path) -> None:
    first, second = client.request(Warm("tumor", tiny(tiny_models))), client.request(Nonsense())
    assert wait(lambda: client.poll() is not None and not client.busy), "somebody else polls"
    assert [type(said) for said in client.answers_to(second)] == [Failed]
    assert [type(said) for said in client.answers_to(first)] == [Done]
    assert client.answers_to(first) == []


def test_stopping_answers_what_is_undone(tiny_models: Path) -> None:
    client = WorkerClient()
    number = client.request(Warm("tumor", tiny(tiny_models)))
    client.stop()
    (answered,) = client.answers_to(number)
    assert isinstance(answered, Died)
    assert "was stopped" in answered.message


def started_bare(folder: Path) -> subprocess.Popen:
    """A worker without a handle; it is ready."""
    folder.mkdir()
    command = [sys.executable, "-m", "neurospineseg.worker.server", "--folder", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY)}
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    assert b"Ready" in worker.stdout.readline()
    return worker


def test_it_ends_when_nobody_reads_its_answers(tmp_path: Path) -> None:
    worker = started_bare(tmp_path / "private")
    worker.stdout.close()
    worker.stdin.write(line_of(Nonsense(), 1).encode())
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


@pytest.mark.parametrize("line", ["[1]", "3", "null", '{"id": "../x", "message": "Warm", "fields": {"task": "tumor"}}'])
def test_a_line_that_is_no_request_is_answered_and_the_worker_lives(tmp_path: Path, line: str) -> None:
    worker = started_bare(tmp_path / "private")
    worker.stdin.write(f"{line}\n{line_of(Nonsense(), 2)}".encode())
    worker.stdin.flush()
    first, second = json.loads(worker.stdout.readline()), json.loads(worker.stdout.readline())
    assert (first["id"], first["message"]) == (None, "Failed")
    assert (second["id"], second["message"]) == (2, "Failed")
    worker.stdin.close()
    assert worker.wait(20.0) == 0
    assert not (tmp_path / "private").exists()
    worker.stdout.close()


def speaking(tmp_path: Path, *lines: str, version: str = neurospineseg.__version__) -> WorkerClient:
    """The handle on a process that says some lines after the first request and then waits."""
    said = [line_of(Ready(1, version)), *(f"{line}\n" for line in lines)]
    script = tmp_path / "speaking"
    script.write_text(
        f"#!{sys.executable}\nimport sys, time\nsys.stdin.readline()\nprint({''.join(said)!r}, end='', flush=True)\ntime.sleep(30)\n"
    )
    script.chmod(0o755)
    return WorkerClient(executable=str(script))


REFUSED_LATER = line_of(Refused("heard"), 2).strip()
UNREADABLE = {
    "unknown message": '{"id": 1, "message": "Nope", "fields": {}}',
    "unknown stage": '{"id": 1, "message": "Progress", "fields": {"stage": "Nowhere", "fraction": 0.5}}',
    "no result": '{"id": 1, "message": "Done", "fields": {"result": null}}',
    "unknown region": '{"id": 1, "message": "Done", "fields": {"result": {"message": "RegionFound", "fields": {"region": {}}}}}',
}


@pytest.mark.skipif(os.name == "nt", reason="a script")
@pytest.mark.parametrize("line", UNREADABLE.values(), ids=list(UNREADABLE))
def test_an_answer_that_cannot_be_read_is_a_failure_and_the_others_arrive(tmp_path: Path, line: str) -> None:
    client = speaking(tmp_path, line, REFUSED_LATER)
    first, second = client.request(Warm("tumor")), client.request(Warm("tumor"))
    assert wait(lambda: client.poll() is not None and not client.busy, 10.0)
    (failed,), others = client.answers_to(first), client.answers_to(second)
    assert isinstance(failed, Failed)
    assert "changed while it was running" in failed.message
    assert others == [Refused("heard")]
    client.stop()


@pytest.mark.skipif(os.name == "nt", reason="a script")
@pytest.mark.parametrize(
    "line, version",
    [
        ('{"id": [1], "message": "Refused", "fields": {"message": "x"}}', neurospineseg.__version__),
        ('{"id": null, "message": "Nope", "fields": {}}', neurospineseg.__version__),
        ("", "0.0.0"),
    ],
    ids=["a list for a number", "nobody's", "another version"],
)
def test_a_worker_of_another_version_is_ended_in_a_sentence(tmp_path: Path, line: str, version: str) -> None:
    client = speaking(tmp_path, line, version=version)
    number = client.request(Warm("tumor"))
    died = answer(client, 10.0)
    assert isinstance(died, Died)
    assert died.undone == (number,)
    assert "changed while it was running" in died.message
    assert client.answers_to(number) == [died]
    assert not client.running


def correction(folder: Path, cases: Path, shape: tuple[int, int, int]) -> StoreCorrection:
    """A correction to store that takes a while, since noise packs badly."""
    np.save(folder / "noise.npy", np.random.default_rng(0).integers(0, 30000, shape, np.int16))
    np.save(folder / "corrected.npy", np.ones(shape, np.uint16))
    scans = {"t1c": ScanFile("noise.npy", oblique_affine().tolist())}
    return StoreCorrection("tumor", cases, scans, "corrected.npy", staging=cases / ".neurospineseg-staging")


def test_a_correction_grows_in_the_staging_folder_that_the_request_names(client: WorkerClient, tmp_path: Path) -> None:
    client.start()
    request = correction(client.folder, tmp_path / "cases", (8, 8, 8))
    request.staging.mkdir(parents=True)
    client.request(request)
    assert isinstance(answer(client), Refused), "it is there already, so it is somebody else's"
    assert request.staging.exists(), "it is there already, so it is somebody else's"
    request.staging.rmdir()
    client.request(request)
    assert answer(client).result.folder.parent == tmp_path / "cases"
    assert not request.staging.exists()


def test_files_replace_no_file(client: WorkerClient, tmp_path: Path, tiny_models: Path) -> None:
    write_nifti(tmp_path / "scan.nii.gz", ball())
    (tmp_path / "scan.json").write_text("mine")
    client.request(RunFiles("tumor", {"t1c": tmp_path / "scan.nii.gz"}, tmp_path / "scan.seg.nrrd", tiny(tiny_models)))
    refused = answer(client)
    assert isinstance(refused, Refused)
    assert "'scan.json' exists already" in refused.message
    assert (tmp_path / "scan.json").read_text() == "mine"
    assert not (tmp_path / "scan.seg.nrrd").exists()


def test_what_is_half_stored_goes_with_the_window(tmp_path: Path) -> None:
    worker = started_bare(tmp_path / "private")
    request = correction(tmp_path / "private", tmp_path / "cases", (200, 256, 256))
    worker.stdin.write(line_of(request, 1).encode())
    worker.stdin.flush()
    assert wait(lambda: request.staging.exists() and any(request.staging.iterdir()))
    worker.stdin.close()
    worker.wait(20.0)
    assert list((tmp_path / "cases").iterdir()) == []
    worker.stdout.close()


def test_what_lies_in_the_current_folder_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("json", "queue", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    client = WorkerClient()
    client.request(Nonsense())
    assert isinstance(answer(client), Failed)
    client.stop()


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_what_a_launcher_prints_is_no_answer(tmp_path: Path) -> None:
    launcher = tmp_path / "launcher"
    lines = ("Setting up the environment", "3", "[]", "null", "\\377", '{"half": ')
    launcher.write_text("#!/bin/sh\n" + "".join(f"printf '{line}\\n'\n" for line in lines) + f'exec "{sys.executable}" "$@"\n')
    launcher.chmod(0o755)
    client = WorkerClient(executable=str(launcher))
    client.request(Nonsense())
    assert isinstance(answer(client), Failed)
    client.stop()
