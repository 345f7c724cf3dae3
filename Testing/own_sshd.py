"""A real server for ssh on loopback, with keys, known hosts and configuration of its own; the other computer is this one."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from neurospineseg.worker.ssh_host import SshHost

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
KEYGEN, SSH = shutil.which("ssh-keygen"), shutil.which("ssh")
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


class NoServer(Exception):
    """It cannot be run on this computer; the message says why."""


@dataclass(frozen=True)
class Server:
    """An sshd that listens on loopback for keys of its own.

    Attributes:
        folder: keys, configurations, ``ssh`` that knows of it alone, and ``there``, where the other computer's temporary files lie.
    """

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


@contextmanager
def own_sshd(folder: Path) -> Iterator[Server]:
    """Runs one; ``ssh`` in its folder is to come first in ``PATH``.

    Raises:
        NoServer: there is no sshd here, or it lets nobody in.
    """
    if not (SSHD and KEYGEN and SSH):
        raise NoServer("no sshd, ssh and ssh-keygen here")
    port = free_port()
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
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        if subprocess.run([str(folder / "ssh"), "-o", "BatchMode=yes", "workstation", "true"], check=False).returncode:
            raise NoServer("this computer's sshd lets nobody in here")
        yield Server(folder, process)
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            raise NoServer("this computer's sshd does not start here")
        time.sleep(0.05)
    raise NoServer("this computer's sshd does not answer")
