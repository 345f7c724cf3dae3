"""A worker over a real ssh, to a server of its own on this computer; skipped where there is none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.pipeline.segmenter import Segmenter
from neurospineseg.pipeline.settings import Settings
from neurospineseg.worker.remote_segmenter import RemoteSegmenter, described
from Testing.own_sshd import SSH, NoServer, Server, free_port, own_sshd
from Testing.small_scans import ball, oblique_affine


@pytest.fixture(scope="module")
def server(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sshd")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUROSPINESEG_MODELS", str(tiny_models))
        patch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        try:
            with own_sshd(folder) as served:
                yield served
        except NoServer as error:
            pytest.skip(str(error))


TINY = Settings(model="tiny_tumor", device="cpu", uncertainty=True)


def scan() -> Volume:
    return Volume(ball().astype(np.float32), oblique_affine())


def test_its_mask_is_that_of_this_computer_voxel_for_voxel_and_nothing_stays(server: Server) -> None:
    away = RemoteSegmenter(server.host("workstation"), "tumor", TINY).run({"t1c": scan()})
    here = Segmenter("tumor", TINY).run({"t1c": scan()})
    np.testing.assert_array_equal(away.labels.voxels, here.labels.voxels)
    np.testing.assert_array_equal(away.uncertainty, here.uncertainty)
    assert away.structures == here.structures
    assert away.uncertain_regions == here.uncertain_regions
    nothing_stays(server)


def nothing_stays(server: Server) -> None:
    until = time.monotonic() + 60
    while any((server.folder / "there").iterdir()):
        assert time.monotonic() < until, "something stayed there"
        time.sleep(0.05)


@pytest.mark.parametrize(
    "name, words",
    [
        ("there-stranger", "is not known here yet; connect once with `ssh there-stranger`"),
        ("there-changed", "is another one than before"),
        ("there-locked", "does not let you in without a password"),
        ("no-such-computer.invalid", "There is no computer 'no-such-computer.invalid' in the network"),
    ],
)
def test_what_ssh_refuses_is_a_sentence(server: Server, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        described(server.host(name))


def test_nobody_listens(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    config = (server.folder / "ssh_config").read_text().replace("  Port ", f"  Port {free_port()} #")
    (server.folder / "closed_config").write_text(config)
    (server.folder / "closed").mkdir(exist_ok=True)
    (server.folder / "closed" / "ssh").write_text(f'#!/bin/sh\nexec {SSH} -F {server.folder}/closed_config "$@"\n')
    (server.folder / "closed" / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{server.folder}/closed{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(InputError, match="refuses connections"):
        described(server.host("workstation"))


@pytest.mark.parametrize(
    "python, words",
    [
        ("~/no-such-venv/bin/python", "There is no Python '~/no-such-venv/bin/python' on 'workstation'"),
        (f"{sys.executable} -S -E", "has no NeuroSpineSeg"),
    ],
)
def test_a_missing_environment_is_a_sentence(server: Server, python: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        described(server.host("workstation", python))


def test_a_connection_that_is_cut_is_a_sentence_and_leaves_nothing(server: Server) -> None:
    def cut(stage: str, fraction: float) -> None:
        if any((server.folder / "there").glob("*/scan0.npy")):
            for pid in sessions(server.process.pid):
                os.kill(pid, signal.SIGKILL)

    with pytest.raises(InputError, match="The connection to 'workstation' was cut"):
        RemoteSegmenter(server.host("workstation"), "tumor", TINY).run({"t1c": scan()}, cut)
    nothing_stays(server)


def sessions(parent: int) -> list[int]:
    """The processes of sshd that serve connections."""
    found = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in found.stdout.splitlines()]
    return [pid for pid, of in pairs if of == parent]


def test_canceled_in_mid_run_nothing_stays(server: Server) -> None:
    def cancel(stage: str, fraction: float) -> None:
        if any((server.folder / "there").glob("*/scan0.npy")):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RemoteSegmenter(server.host("workstation"), "tumor", TINY).run({"t1c": scan()}, cancel)
    nothing_stays(server)


def test_another_computer_on_the_way(server: Server) -> None:
    from neurospineseg.worker.ssh_connection import SshConnection

    connection = SshConnection(server.host("jumped"), 9.0)
    assert connection.close() is None
    nothing_stays(server)
