"""Another computer that segments, reached by ``ssh``: its name, and the command line that leads there.

Who the user is, which hosts are known and over which others the way leads is all ssh's own business (``~/.ssh/config``). Nothing is asked,
no port is opened and neither agent nor screen are forwarded.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from neurospineseg.errors import InputError

DEFAULT_PYTHON = "python3"
FAR_END = "neurospineseg.worker.far_end"
CONNECT_SECONDS = 15
OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": str(CONNECT_SECONDS),
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "3",
    "ClearAllForwardings": "yes",
    "PermitLocalCommand": "no",
    "ControlMaster": "no",
    "RemoteCommand": "none",
    "Compression": "no",
}
"""Of ssh, whatever its configuration says: it must not wait for a password, listen, run something else, or pack what is packed already."""
_NAME = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.\-]*@)?([A-Za-z0-9_][A-Za-z0-9_.\-]*|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+)")
_LONGEST_NAME, _LONGEST_COMMAND = 255, 1000
_OF_SLICER = (
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "DYLD_LIBRARY_PATH",
    "DYLD_FRAMEWORK_PATH",
    "DYLD_INSERT_LIBRARIES",
    "PYTHONHOME",
    "PYTHONPATH",
)


@dataclass(frozen=True)
class SshHost:
    """Another computer, and the Python there that has this program.

    Attributes:
        name: as ``ssh`` takes it: of the configuration, of the network or an address, ``user@`` may stand before it.
        python: the command that starts that Python, in a shell's words; ``~/`` at its beginning is the home folder there.

    Raises:
        InputError: ssh or a shell would take one of them for something else.

    >>> print(SshHost("workstation", "'~/my seg/bin/python'").remote_command(600))
    ~/'my seg/bin/python' -m neurospineseg.worker.far_end --idle 600
    """

    name: str
    python: str = DEFAULT_PYTHON

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or len(self.name) > _LONGEST_NAME or not _NAME.fullmatch(self.name):
            raise InputError(
                f"'{self.name}' is no name of a computer; give it as you would to ssh: letters, digits, '.', '-', '_' and user@."
            )
        if not self.words:
            raise InputError("No Python command is given; name the Python on the other computer that has NeuroSpineSeg.")

    @property
    def words(self) -> list[str]:
        """The Python command, split as a shell does.

        Raises:
            InputError: a quote is not closed, or it is no line of text.
        """
        try:
            words = shlex.split(self.python)
        except ValueError as error:
            raise InputError(f"The Python command '{self.python}' has a quote that is not closed; close it.") from error
        if not self.python.isprintable() or len(self.python) > _LONGEST_COMMAND or any(word.startswith("-") for word in words[:1]):
            raise InputError(f"'{self.python}' is no Python command; name the Python on the other computer, such as ~/venv/bin/python.")
        return words

    def remote_command(self, idle_seconds: float) -> str:
        """What the shell of the other computer runs; nothing in it means anything to that shell but ``~/`` at the beginning."""
        quoted = [_quoted(word) for word in self.words]
        return " ".join([*quoted, "-m", FAR_END, "--idle", f"{idle_seconds:g}"])

    def command(self, idle_seconds: float) -> list[str]:
        """The command line of ssh.

        Raises:
            InputError: there is no ssh here.
        """
        ssh = shutil.which("ssh")
        if ssh is None:
            raise InputError("The program ssh was not found on this computer; install OpenSSH's client, then try again.")
        options = [word for name, value in OPTIONS.items() for word in ("-o", f"{name}={value}")]
        return [ssh, "-T", "-a", "-x", "-e", "none", *options, "--", self.name, self.remote_command(idle_seconds)]


def _quoted(word: str) -> str:
    home, rest = ("~/", word[2:]) if word.startswith("~/") else ("", word)
    return home + (shlex.quote(rest) if rest or not home else "")


def environment_of_ssh(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Without the libraries of Slicer, with which the system's ssh would not start."""
    inside = any(name.startswith("APPLAUNCHER_") or name == "SLICER_HOME" for name in environment)
    return {name: value for name, value in environment.items() if not (inside and name in _OF_SLICER)}
