"""A worker over a real ssh, to a server of its own on this computer; skipped where there is none."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.pipeline.segmenter import Segmenter
from neurospineseg.pipeline.settings import Settings
from neurospineseg.worker.remote_segmenter import RemoteSegmenter, described
from neurospineseg.worker.ssh_host import SshHost
from Testing.small_scans import ball, oblique_affine

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
KEYGEN, SSH = shutil.which("ssh-keygen"), shutil.which("ssh")
pytestmark = pytest.mark.skipif(not (SSHD and KEYGEN and SSH), reason="no sshd, ssh and ssh-keygen here")
CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PidFile {folder}/sshd.pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
Banner {folder}/banner
"""
CLIENT = """
Host *
  Port {port}
  User {user}
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking ask
  IdentitiesOnly yes
Host workstation there-changed there-locked there-stranger jumped
  HostName 127.0.0.1
Host there-changed
  HostKeyAlias there-changed
Host there-locked
  HostKeyAlias there-locked
Host there-stranger
  HostKeyAlias there-stranger
Host workstation
  HostKeyAlias workstation
Host jumped
  HostKeyAlias workstation
  ProxyCommand {ssh} -F {folder}/ssh_config -W 127.0.0.1:{port} workstation
Host there-locked
  IdentityFile {folder}/other_key
Host there-stranger workstation jumped there-changed
  IdentityFile {folder}/key
"""


@dataclass(frozen=True)
class Server:
    folder: Path
    process: subprocess.Popen[bytes]

    def host(self, name: str, python: str | None = None) -> SshHost:
        return SshHost(name, python or f"env TMPDIR={self.folder}/there {self.python}")

    @property
    def python(self) -> str:
        """ssh takes no variables along; how sums are rounded depends on the number of threads."""
        sources, models = Path(__file__).resolve().parents[2] / "Resources", os.environ["NEUROSPINESEG_MODELS"]
        return f"env OMP_NUM_THREADS=1 NEUROSPINESEG_MODELS={models} PYTHONPATH={sources} {sys.executable}"


def key(folder: Path, name: str) -> str:
    subprocess.run([str(KEYGEN), "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    return (folder / f"{name}.pub").read_text().rsplit(" ", 1)[0]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture(scope="module")
def server(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder, port = tmp_path_factory.mktemp("sshd"), free_port()
    if hasattr(os, "getuid") and os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd wants it where root starts it
    host_key, other = key(folder, "host_key"), key(folder, "other_key")
    key(folder, "key")
    (folder / "there").mkdir()
    (folder / "banner").write_text("Only for the staff.\n")
    (folder / "known_hosts").write_text(f"workstation {host_key}\nthere-locked {host_key}\nthere-changed {other}\n")
    values = {"folder": folder, "port": port, "user": getpass.getuser(), "ssh": SSH}
    (folder / "sshd_config").write_text(CONFIG.format(**values))
    (folder / "ssh_config").write_text(CLIENT.format(**values))
    (folder / "ssh").write_text(f'#!/bin/sh\nexec {SSH} -F {folder}/ssh_config "$@"\n')
    (folder / "ssh").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUROSPINESEG_MODELS", str(tiny_models))
        patch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.PIPE)
        served = Server(folder, process)
        wait_for(port, process)
        try:
            if subprocess.run(["ssh", "-o", "BatchMode=yes", "workstation", "true"], check=False).returncode:
                pytest.skip("this computer's sshd lets nobody in here")
            yield served
        finally:
            process.terminate()
            process.wait()
            assert process.stderr is not None
            process.stderr.close()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            pytest.skip("this computer's sshd does not start here")
        time.sleep(0.05)
    raise AssertionError("the server did not start")


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
