"""A worker on another computer: the same answers as of one here, a sentence whatever breaks, and nothing left over there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neurospineseg.cli.main import main
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.pipeline.segmenter import Segmenter
from neurospineseg.pipeline.settings import Settings
from neurospineseg.pipeline.stages import Stage
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.frame_stream import Frame, FrameStream
from neurospineseg.worker.protocol import FINAL, Failed, Progress, Refused
from neurospineseg.worker.requests import Describe, Request, RunFiles, ScanFile, Segment, Warm
from Testing.small_scans import ball, oblique_affine
from Testing.stand_in_ssh import StandInSsh
from Testing.tiny_model import write_tiny_model

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the program in the place of ssh is a shell script")
LONG = 120.0
SECRET = "Doe^Jane"


def wait(condition: Callable[[], Any]) -> Any:
    until = time.monotonic() + LONG
    while not (found := condition()):
        assert time.monotonic() < until, "it did not come in time"
        time.sleep(0.02)
    return found


def while_polling(client: WorkerClient, condition: Callable[[], Any]) -> Any:
    return wait(lambda: (client.poll(), condition())[1])


def asked(client: WorkerClient, request: Request, until: Callable[[Any], bool] = lambda answer: isinstance(answer, FINAL)) -> list[Any]:
    """All that is said of a request until an answer is as wanted."""
    return heard(client, client.request(request), until)


def heard(client: WorkerClient, number: int, until: Callable[[Any], bool] = lambda answer: isinstance(answer, FINAL)) -> list[Any]:
    answers: list[Any] = []
    while_polling(client, lambda: answers.extend(client.answers_to(number)) or any(map(until, answers)))
    return answers


def last(client: WorkerClient, request: Request) -> Any:
    return asked(client, request)[-1]


def with_scan(client: WorkerClient, settings: Settings, voxels: np.ndarray | None = None) -> Segment:
    client.start()
    assert client.folder is not None
    np.save(client.folder / "run-scan0.npy", ball() if voxels is None else voxels)
    return Segment("tumor", settings, {"t1c": ScanFile("run-scan0.npy", oblique_affine().tolist())})


def left_in(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*")]


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


TINY = Settings(model="tiny_tumor", device="cpu", uncertainty=True)


@pytest.fixture(scope="module")
def there(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandInSsh]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUROSPINESEG_MODELS", str(tiny_models))
        yield StandInSsh(tmp_path_factory.mktemp("ssh") / "bin", patch)


@pytest.fixture
def client(there: StandInSsh) -> Iterator[WorkerClient]:
    client = WorkerClient(host=there.host())
    yield client
    client.stop()


@pytest.fixture(scope="module")
def warm(there: StandInSsh) -> Iterator[WorkerClient]:
    """One that prints when it logs in, and stays loaded."""
    client = WorkerClient(host=there.host("noisy"))
    yield client
    client.stop()


def test_its_mask_is_that_of_this_computer_voxel_for_voxel(warm: WorkerClient, there: StandInSsh) -> None:
    answers = asked(warm, with_scan(warm, TINY))
    result = answers[-1].result
    expected = Segmenter("tumor", TINY).run({"t1c": Volume(ball().astype(np.float32), oblique_affine())})
    assert warm.folder is not None
    np.testing.assert_array_equal(np.load(warm.folder / result.labels), expected.labels.voxels)
    np.testing.assert_array_equal(np.load(warm.folder / result.uncertainty), expected.uncertainty)
    assert result.report["model"] == expected.report["model"]
    told = [answer.stage for answer in answers if isinstance(answer, Progress)]
    assert list(dict.fromkeys(told))[:2] == [Stage.SENDING, Stage.LOADING]
    assert Stage.SEGMENTING in told
    assert [name for name in left_in(there.there) if name.endswith(".npy")] == []


def test_it_says_what_it_has(warm: WorkerClient) -> None:
    described = last(warm, Describe()).result
    assert "tiny_tumor" in described.models
    assert described.devices[-1] == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(warm: WorkerClient) -> None:
    refused = last(warm, with_scan(warm, Settings(model="tiny_tumor", device="cuda")))
    assert refused == Refused("The device 'cuda' is not available on 'noisy'; choose auto or cpu.")


def test_a_scan_that_cannot_be_used_is_refused_as_here(warm: WorkerClient) -> None:
    refused = last(warm, with_scan(warm, TINY, np.zeros((9, 9, 9), np.int16)))
    assert isinstance(refused, Refused)


def test_requests_that_name_files_of_this_computer_do_not_travel(warm: WorkerClient, tmp_path: Path) -> None:
    failed = last(warm, RunFiles("tumor", {"t1c": tmp_path / f"{SECRET}.nii"}, tmp_path / "mask.nii"))
    assert isinstance(failed, Failed)
    assert "is not asked for RunFiles" in failed.message


def test_a_folder_with_a_model_does_not_travel(client: WorkerClient, tiny_models: Path) -> None:
    assert "is not sent to another computer" in last(client, Warm("tumor", Settings(model=str(tiny_models / "tiny_tumor")))).message


def test_a_model_that_is_not_there(there: StandInSsh, tmp_path: Path) -> None:
    client = WorkerClient(host=there.host(python=f"env NEUROSPINESEG_MODELS={tmp_path} {sys.executable}"))
    refused = last(client, Warm("tumor", TINY))
    client.stop()
    assert refused.message.startswith("The model 'tiny_tumor' is not installed on 'workstation'; add it there")


def test_a_model_with_other_weights_there(there: StandInSsh, tmp_path: Path) -> None:
    write_tiny_model(tmp_path, seed=7)
    client = WorkerClient(host=there.host(python=f"env NEUROSPINESEG_MODELS={tmp_path} {sys.executable}"))
    refused = last(client, Warm("tumor", TINY))
    client.stop()
    assert refused.message.startswith("The weights of the model 'tiny_tumor' on 'workstation' are others than yours")


def test_no_room_there(there: StandInSsh) -> None:
    client = WorkerClient(host=there.host("full"))
    failed = last(client, with_scan(client, TINY))
    client.stop()
    assert isinstance(failed, Failed)
    assert failed.message.startswith("Scans cannot be kept on 'full' while they are segmented: ")


def test_a_failure_before_the_connection_answers_each_request_anew(there: StandInSsh) -> None:
    client = WorkerClient(host=there.host("nowhere"))
    for _ in range(2):
        assert last(client, Warm("tumor", TINY)) == Failed(
            "There is no computer 'nowhere' in the network; check the name.",
            "ssh: Could not resolve hostname nowhere: Name or service not known\n",
        )
        while_polling(client, lambda: not client.running)
    assert client.exit_code == 0


def sent(client: WorkerClient, there: StandInSsh) -> tuple[int, Path]:
    """A request whose scan has come to the other computer, and the private folder there; the worker there loads torch then."""
    others = set(there.there.iterdir())
    number = client.request(with_scan(client, TINY))
    return number, while_polling(
        client, lambda: next((p.parent for p in there.there.glob("*/run-scan0.npy") if p.parent not in others), None)
    )


def test_a_cut_connection_is_a_sentence_and_leaves_nothing(there: StandInSsh) -> None:
    client = WorkerClient(host=there.host("cut"))
    number, folder = sent(client, there)
    os.kill(int((there.folder / "pid").read_text()), signal.SIGTERM)
    failed = heard(client, number)[-1]
    assert failed.message == "The connection to 'cut' was cut; nothing was changed, and nothing stays there: try again."
    while_polling(client, lambda: not client.running)
    wait(lambda: not folder.exists())


def test_cancel_ends_everything_over_there(there: StandInSsh) -> None:
    client = WorkerClient(host=there.host())
    _, folder = sent(client, there)
    pids = [int(pid) for pid in (folder / "processes.txt").read_text().splitlines()[1:]]
    assert pids
    assert all(map(runs, pids))
    client.stop()
    wait(lambda: not any(map(runs, pids)))
    wait(lambda: not folder.exists())


def test_a_worker_that_is_killed_there_is_a_sentence(there: StandInSsh, client: WorkerClient) -> None:
    number, folder = sent(client, there)
    pid = while_polling(client, lambda: (folder / "processes.txt").read_text().splitlines()[2:])[0]
    os.kill(int(pid), signal.SIGKILL)
    failed = heard(client, number)[-1]
    assert failed.message.startswith("On 'workstation': The segmentation process was killed, as happens when memory runs out")
    assert not folder.exists()


LIAR = """
import os, json
from neurospineseg import __version__
from neurospineseg.worker.frame_stream import GREETING, FrameStream
from neurospineseg.worker.json_lines import line_of
from neurospineseg.worker.protocol import Done
from neurospineseg.worker.results import CorrectionStored, Segmented
incoming, outgoing = os.fdopen(0, "rb"), os.fdopen(1, "wb")
outgoing.write(GREETING)
stream = FrameStream(incoming, outgoing)
stream.send("hello", version=__version__)
while (frame := stream.receive()).kind != "request":
    pass
{lie}
stream.receive()
"""
LIES = {
    "a file elsewhere": 'stream.send("file", b"x", name="../x.npy", first=True)',
    "a file that did not come": 'stream.send("answer", line_of(Done(Segmented("../kept.npy", {})), frame.fields["number"]).encode())',
    "what was not asked for": 'stream.send("answer", line_of(Done(CorrectionStored("x", {})), frame.fields["number"]).encode())',
    "no frame": 'outgoing.write(b"x" * 99); outgoing.flush()',
    "no answer": 'stream.send("answer", b"[]")',
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_computer_that_lies_is_a_sentence_and_touches_no_file_here(there: StandInSsh, tmp_path: Path, lie: str) -> None:
    (tmp_path / "liar.py").write_text(LIAR.format(lie=lie))
    client = WorkerClient(host=there.host(python=f"{sys.executable} {tmp_path / 'liar.py'}"))
    failed = last(client, with_scan(client, TINY))
    assert isinstance(failed, Failed)
    assert failed.message.endswith("install the same version on both.")
    client.stop()


def far_end(tmp_path: Path, *options: str) -> tuple[subprocess.Popen[bytes], FrameStream]:
    process = subprocess.Popen(
        [sys.executable, "-m", "neurospineseg.worker.far_end", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stream = FrameStream(process.stdout, process.stdin)
    assert stream.skip_to_greeting()
    return process, stream


def ended(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(LONG)
    finally:
        process.kill()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def test_where_nothing_is_heard_any_more_it_ends_and_takes_the_scans_away(tmp_path: Path) -> None:
    process, stream = far_end(tmp_path, "--silence", "6")
    stream.send("file", b"voxels", name="scan.npy", first=True)
    wait(lambda: any(tmp_path.glob("*/scan.npy")))
    assert ended(process) == 1
    assert left_in(tmp_path) == []


def test_it_ends_with_its_input_and_takes_the_scans_away(tmp_path: Path) -> None:
    process, stream = far_end(tmp_path)
    stream.send("file", b"voxels", name="scan.npy", first=True)
    wait(lambda: any(tmp_path.glob("*/scan.npy")))
    assert process.stdin is not None
    process.stdin.close()
    assert ended(process) == 0
    assert left_in(tmp_path) == []


def test_it_ends_when_nothing_is_asked(tmp_path: Path) -> None:
    assert ended(far_end(tmp_path, "--idle", "0.2")[0]) == 0


def test_a_file_outside_its_folder_is_not_written_there(tmp_path: Path) -> None:
    process, stream = far_end(tmp_path)
    stream.receive()
    stream.send("file", b"voxels", name="../scan.npy", first=True)
    stream.send("request", json.dumps({"id": None, "message": "Describe", "fields": {}}).encode(), number=3)
    answer = stream.receive()
    process.stdin.close()
    assert ended(process) == 0
    assert isinstance(answer, Frame)
    assert "is no name of a file of voxels" in json.loads(answer.content)["fields"]["message"]
    assert not (tmp_path / "scan.npy").exists()


class Kept:
    """A worker that goes on when whoever asked it is done."""

    def __init__(self, client: WorkerClient) -> None:
        self.client = client

    def __getattr__(self, name: str) -> Any:
        return (lambda: None) if name == "stop" else getattr(self.client, name)


def test_the_shell_writes_the_mask_that_it_writes_without(
    warm: WorkerClient, tmp_path: Path, head: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    common = ["segment", "tumor", "--t1c", str(head), "--model", "tiny_tumor", "--device", "cpu"]
    assert main([*common, "-o", str(tmp_path / "here.nii.gz")]) == 0
    monkeypatch.setattr("neurospineseg.worker.remote_segmenter.WorkerClient", lambda host: Kept(warm))
    assert main([*common, "-o", str(tmp_path / "there.nii.gz"), "--host", "workstation"]) == 0
    assert "on cpu of 'workstation'." in capsys.readouterr().out
    here, away = (read_volume(tmp_path / f"{name}.nii.gz") for name in ("here", "there"))
    np.testing.assert_array_equal(away.voxels, here.voxels)
    records = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("here", "there")]
    assert records[0]["volumes"] == records[1]["volumes"]
    assert records[0]["settings"] == records[1]["settings"]
    assert records[0]["warnings"] == records[1]["warnings"]


@pytest.mark.parametrize("command", [["segment", "tumor", "--t1c", "SCAN", "-o", "mask.nii.gz"], ["doctor"]])
def test_the_shell_says_why_not(
    there: StandInSsh, head: Path, command: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*(str(head) if word == "SCAN" else word for word in command), "--host", "nowhere"]) == 2
    assert capsys.readouterr().err == "There is no computer 'nowhere' in the network; check the name.\n"
    assert not (tmp_path / "mask.nii.gz").exists()


def test_the_shell_takes_no_python_of_no_host(capsys: pytest.CaptureFixture[str], head: Path) -> None:
    assert main(["segment", "tumor", "--t1c", str(head), "-o", "mask.nii.gz", "--host-python", "python3.12"]) == 2
    assert "name that computer with --host" in capsys.readouterr().err
