"""A batch on a real scheduler and workers, which are processes of this computer: each case once, whoever is killed or canceled."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import pytest

pytest.importorskip("distributed", reason="the package distributed is not installed")

from neurospineseg.cli.main import main
from neurospineseg.errors import InputError
from neurospineseg.pipeline import cluster as connection
from neurospineseg.pipeline.cluster import Cluster
from Testing.small_scans import ball, write_nifti

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0
CASES = 5


def wait_for(what: Path) -> None:
    until = monotonic() + PATIENCE
    while not what.exists() or not what.stat().st_size:
        assert monotonic() < until, f"waited for {what.name} in vain"
        sleep(0.05)


class Processes:
    """A scheduler and workers, as the shell starts them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.hold, self.workers = folder, folder / "hold", {}
        self.hold.mkdir()
        self._log = open(folder / "log.txt", "wb")
        path = os.pathsep.join([str(ROOT / "Resources"), str(ROOT)])
        self._environment = {**os.environ, "PYTHONPATH": path, "NEUROSPINESEG_TEST_HOLD": str(self.hold)}
        said = folder / "scheduler.json"
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(said)]
        self.scheduler = self._start("dask_scheduler", *options)
        wait_for(said)
        self.address = json.loads(said.read_text())["address"]

    def _start(self, program: str, *options: str) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.{program}", *options]
        return subprocess.Popen(command, env=self._environment, stdout=self._log, stderr=self._log)

    def add_worker(self, *options: str) -> None:
        fixed = ["--no-nanny", "--no-dashboard", "--host", "127.0.0.1", "--preload", str(ROOT / "Testing" / "stub_worker.py")]
        worker = self._start("dask_worker", self.address, *fixed, "--local-directory", str(self.folder), *options)
        self.workers[worker.pid] = worker

    def wait_for_workers(self, count: int) -> None:
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=PATIENCE)

    def stop(self) -> None:
        for process in [self.scheduler, *self.workers.values()]:
            process.kill()
            process.wait()
        self._log.close()


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    started = Processes(tmp_path_factory.mktemp("cluster"))
    try:
        started.add_worker("--nthreads", "2")
        started.add_worker("--nthreads", "1", "--resources", "GPU=1")
        started.wait_for_workers(2)
        yield started
    finally:
        started.stop()


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(CASES):
        write_nifti(folder / f"c{number}.nii.gz", ball((8, 9, 10), seed=number))
    (folder / "broken.nii.gz").write_bytes(b"broken")
    return folder


def command(scans: Path, output: Path, address: str) -> list[str]:
    return ["batch", "spine", str(scans), "-o", str(output), "--dask", address]


@contextmanager
def meanwhile(act) -> Iterator[None]:
    thread = Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE)


def lines_of(output: Path) -> list[list[str]]:
    with open(output / "summary.csv", newline="", encoding="utf-8-sig") as file:
        return list(csv.reader(file))[1:]


def left_over(output: Path) -> list[str]:
    """What lies in a folder of masks beside masks, records, the tables and the report."""
    return sorted(path.name for path in output.iterdir() if path.name.startswith(".") or "tmp" in path.name or "part" in path.name)


def test_a_worker_is_killed_and_a_batch_is_canceled_and_each_case_is_there_once(
    processes: Processes, scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    output, first = tmp_path / "masks", processes.hold / "first"

    def kill() -> None:
        wait_for(first)
        worker = processes.workers[int(first.read_text())]
        worker.kill()
        worker.wait()  # until then it counts as one that is there

    with meanwhile(kill):
        code = main(command(scans, output, processes.address))
    told = capsys.readouterr()
    assert code == 2
    assert f"{CASES} segmented, 0 had their masks, 1 failed" in told.out
    assert "has gone; its cases are segmented by others." in told.err
    outcomes = sorted((name, words) for name, words, _ in lines_of(output))
    assert [each for each in outcomes if each[1] == "done"] == [(f"c{number}", "done") for number in range(CASES)]
    assert [name for name, _ in outcomes] == ["broken", *(f"c{number}" for number in range(CASES))]
    assert len(list(output.glob("*.seg.nrrd"))) == CASES
    assert left_over(output) == []
    records = [json.loads((output / f"c{number}.json").read_text()) for number in range(CASES)]
    survivor = {record["process"] for record in records}
    assert survivor == processes.workers.keys() - {int(first.read_text())}
    assert max(record["case"] for record in records) == CASES, "the networks were not kept between the cases"

    (processes.hold / "first").unlink()
    again = tmp_path / "again"

    def cancel() -> None:
        wait_for(first)
        signal.raise_signal(signal.SIGINT)

    with meanwhile(cancel):
        code = main(command(scans, again, processes.address))
    assert code == 130
    assert "run the command again to go on" in capsys.readouterr().err
    until = monotonic() + PATIENCE
    while left_over(again) and monotonic() < until:
        sleep(0.05)
    assert left_over(again) == []
    before = {path.name: path.stat().st_mtime_ns for path in again.glob("*.seg.nrrd")}
    assert len(before) < CASES
    main(command(scans, again, processes.address))
    assert f"{CASES - len(before)} segmented, {len(before)} had their masks, 1 failed" in capsys.readouterr().out
    after = {path.name: path.stat().st_mtime_ns for path in again.glob("*.seg.nrrd")}
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "127.0.0.1:1", "nowhere://1", "tcp://", "", "tls://127.0.0.1:1"])
def test_no_scheduler_at_the_address(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.5)
    with pytest.raises(InputError, match="cannot be reached .*start it with `dask scheduler`"):
        with Cluster(address):
            pass


def test_the_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match="needs the package distributed.*pip install distributed"):
        Cluster("tcp://127.0.0.1:8786")
