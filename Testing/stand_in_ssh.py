"""A program in the place of ``ssh``: what it is to say or run depends on the host's name, and the other computer is this one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from neurospineseg.worker.ssh_host import SshHost

FAILURES = {
    "nowhere": "ssh: Could not resolve hostname nowhere: Name or service not known",
    "switched-off": "ssh: connect to host switched-off port 22: Connection timed out",
    "without-server": "ssh: connect to host without-server port 22: Connection refused",
    "stranger": "No ED25519 host key is known for stranger and you have requested strict checking.\\nHost key verification failed.",
    "changed": "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\\nHost key verification failed.",
    "locked": "me@locked: Permission denied (publickey,password).",
    "odd": "kex_exchange_identification: read: Connection reset by peer",
}
SCRIPT = """#!/bin/sh
printf '%s\\n' "$*" >> "{folder}/asked"
while [ "$1" != "--" ]; do shift; done
export TMPDIR="{folder}/there"
case "$2" in
{failures}
noisy) printf 'Welcome!\\n{{"id": 1, "message": "Ready"}}\\n'; exec sh -c "exec $3" ;;
full) ulimit -f 8; exec sh -c "exec $3" ;;
cut) echo $$ > "{folder}/pid"; exec 3<&0; sh -c "exec $3" <&3 & trap "kill -9 $!; exit 255" TERM; wait $! ;;
*) exec sh -c "exec $3" ;;
esac
"""
"""``full``: of a file only some kB can be written there. ``cut``: the connection ends when SIGTERM reaches the process in ``pid``."""


class StandInSsh:
    """The program, and the host that it leads to.

    Attributes:
        folder: holds it, and in ``asked`` a line for each time that it was called.
        there: the folder for temporary files of the other computer.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.there = folder / "there"
        self.there.mkdir(parents=True)
        program = folder / "ssh"
        failures = "\n".join(f"{host}) printf '{said}\\n' >&2; exit 255 ;;" for host, said in FAILURES.items())
        program.write_text(SCRIPT.format(folder=folder, failures=failures), encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def host(self, name: str = "workstation", python: str | None = None) -> SshHost:
        return SshHost(name, python or sys.executable)
