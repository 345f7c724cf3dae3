"""The disk fills while results are written: one sentence, no partial file, and the next run works when there is room.

As root a small file system in memory is filled; else no file may grow beyond a limit, which fails the same writes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.pipeline.corrections import store_correction
from neurospineseg.pipeline.settings import Settings
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.protocol import FINAL, Done
from neurospineseg.worker.requests import RunFiles, ScanFile, Segment
from Testing.faults.ground import noise
from Testing.small_scans import ball, oblique_affine, write_nifti

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="resource limits and file systems in memory of Linux")
ROOM = 256 * 2**10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here; the tests with a limit of the size of files run")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def fill(disk: Path, leave: int) -> None:
    """Leaves so many bytes, rounded down to pages."""
    with open(disk / "filling", "wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError:
                break
        file.truncate(max(0, file.tell() - leave))


def store(folder: Path) -> Path:
    scan = Volume(noise(64), oblique_affine())
    return store_correction(folder, "tumor", {"t1c": scan}, Volume(np.ones(scan.shape, np.uint16), oblique_affine()), None, None)[0]


def test_a_correction_on_a_full_disk(small_disk: Path) -> None:
    earlier = small_disk / "earlier"
    earlier.write_text("kept")
    with pytest.raises(InputError) as refused:
        store(small_disk)
    assert "\n" not in str(refused.value)
    assert [path.name for path in small_disk.iterdir()] == ["earlier"]


def test_a_correction_whose_files_cannot_grow(tmp_path: Path) -> None:
    with files_of_at_most(100_000), pytest.raises(InputError):
        store(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert store(tmp_path).is_dir()


def batch(cases: Path, output: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "neurospineseg",
        "batch",
        "tumor",
        str(cases),
        "-o",
        str(output),
        "--device",
        "cpu",
        "--model",
        "tiny_tumor",
    ]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


@pytest.mark.parametrize("room", [0, 4096])
def test_a_batch_on_a_full_disk(small_disk: Path, tmp_path: Path, with_tiny_models: Path, room: int) -> None:
    for number in range(2):
        (tmp_path / "cases" / f"case{number}").mkdir(parents=True)
        write_nifti(tmp_path / "cases" / f"case{number}" / f"case{number}_t1ce.nii.gz", ball(seed=number))
    output = small_disk / "output"
    output.mkdir()
    fill(small_disk, room + 8192)
    done = batch(tmp_path / "cases", output, PYTHONPATH=os.pathsep.join(sys.path))
    assert done.returncode in (0, 1, 2)
    assert "Traceback" not in done.stderr
    assert [path.name for path in output.iterdir() if path.name.startswith(".")] == []
    for mask in output.glob("*.seg.nrrd"):
        assert mask.with_name(mask.name.replace(".seg.nrrd", ".json")).stat().st_size > 100
    (small_disk / "filling").unlink()
    assert batch(tmp_path / "cases", output, PYTHONPATH=os.pathsep.join(sys.path)).returncode == 0
    assert len(list(output.glob("*.seg.nrrd"))) == 2


def final(client: WorkerClient, request: object) -> object:
    number = client.request(request)
    while True:
        client.poll()
        for answer in client.answers_to(number):
            if isinstance(answer, FINAL):
                return answer


def test_a_worker_on_a_full_disk(small_disk: Path, tmp_path: Path, tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    settings, client = Settings.of({"model": str(tiny_models / "tiny_tumor"), "device": "cpu"}), WorkerClient()
    affine, output = tuple(map(tuple, oblique_affine().tolist())), tmp_path / "mask.nii"
    try:
        client.start()
        np.save(client.folder / "scan.npy", ball())
        request = Segment("tumor", settings, {"t1c": ScanFile("scan.npy", affine)})
        assert isinstance(final(client, request), Done)
        for path in client.folder.glob("*labels.npy"):
            path.unlink()
        fill(small_disk, 0)
        answer = final(client, request)
        assert not isinstance(answer, Done)
        assert "room" in answer.message or "space" in answer.message or "full" in answer.message, answer.message
        assert list(client.folder.glob("*labels.npy")) == [], "nothing half written is left"
        (small_disk / "filling").unlink()
        assert isinstance(final(client, request), Done)
        scan = write_nifti(tmp_path / "scan.nii.gz", ball())
        assert isinstance(final(client, RunFiles("tumor", {"t1c": scan}, output, settings)), Done)
    finally:
        client.stop()
    assert [path.name for path in small_disk.iterdir() if path.name != "filling"] == []


def test_no_private_folder_is_left_where_it_cannot_be_written_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with files_of_at_most(4), pytest.raises(OSError):
        WorkerClient().start()
    assert list(tmp_path.iterdir()) == []
