"""How another computer is named and reached, and what is said where it is not."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from neurospineseg import __version__
from neurospineseg.errors import InputError
from neurospineseg.worker.ssh_connection import NoConnection, SshConnection
from neurospineseg.worker.ssh_failures import of_host, why_cut
from neurospineseg.worker.ssh_host import SshHost, environment_of_ssh
from Testing.stand_in_ssh import FAILURES, StandInSsh

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the program in the place of ssh is a shell script")


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandInSsh:
    return StandInSsh(tmp_path / "bin", monkeypatch)


@pytest.mark.parametrize("name", ["workstation", "me@lab-7.hospital.org", "10.0.0.7", "fe80::1", "2001:db8::7", "lab_7"])
def test_names_that_ssh_takes_are_taken(name: str) -> None:
    assert SshHost(name).name == name


@pytest.mark.parametrize(
    "name", ["", "-oProxyCommand=touch x", "a b", "a;b", "$(x)", "`x`", "a\nb", "a|b", "-x@host", "me@-host", "a'b", "x" * 300]
)
def test_names_that_ssh_or_a_shell_would_take_for_something_else_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="no name of a computer"):
        SshHost(name)


@pytest.mark.parametrize("python", ["", "   ", "'open", "-c", "a\nb", "x" * 2000])
def test_python_commands_that_are_none_are_refused(python: str) -> None:
    with pytest.raises(InputError, match="Python command"):
        SshHost("workstation", python)


@pytest.mark.parametrize("word", ["$(touch x)", "a;b", "`x`", "it's", "a b", '"', "*", "é"])
def test_a_shell_over_there_sees_the_words_of_the_command_as_they_are(word: str) -> None:
    host = SshHost("workstation", f"{shlex.quote(sys.executable)} {shlex.quote(word)}")
    printed = subprocess.run(["sh", "-c", f"printf '%s\\n' {host.remote_command(9)}"], capture_output=True, text=True, check=True)
    assert printed.stdout.splitlines() == [sys.executable, word, "-m", "neurospineseg.worker.far_end", "--idle", "9"]


def test_the_home_folder_there_is_found_by_the_shell_there() -> None:
    command = SshHost("workstation", "'~/my seg/bin/python'").remote_command(9)
    printed = subprocess.run(["sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, env={"HOME": "/there"}, check=True)
    assert printed.stdout.splitlines()[0] == "/there/my seg/bin/python"


def test_ssh_never_asks_listens_or_forwards(ssh: StandInSsh) -> None:
    command = ssh.host("me@workstation").command(9)
    assert command[-3:-1] == ["--", "me@workstation"]
    assert {"BatchMode=yes", "ClearAllForwardings=yes", "ControlMaster=no", "ConnectTimeout=15"} <= set(command)
    assert {"-a", "-x", "-T"} <= set(command)


def test_slicers_libraries_are_not_ssh_s() -> None:
    slicer = {"SLICER_HOME": "/opt/Slicer", "LD_LIBRARY_PATH": "/opt/Slicer/lib", "SSH_AUTH_SOCK": "/run/agent"}
    assert environment_of_ssh(slicer) == {"SLICER_HOME": "/opt/Slicer", "SSH_AUTH_SOCK": "/run/agent"}
    assert environment_of_ssh({"LD_LIBRARY_PATH": "/opt/lib"}) == {"LD_LIBRARY_PATH": "/opt/lib"}


def why(host: SshHost) -> str:
    with pytest.raises(NoConnection) as caught:
        SshConnection(host, 9.0)
    return str(caught.value)


WORDS = {
    "nowhere": "There is no computer 'nowhere'",
    "switched-off": "does not answer",
    "without-server": "refuses connections",
    "stranger": "is not known here yet",
    "changed": "another one than before",
    "locked": "does not let you in",
    "odd": "Connection reset by peer",
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_ssh_says_becomes_a_sentence(ssh: StandInSsh, name: str) -> None:
    sentence = why(ssh.host(name))
    assert WORDS[name] in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_no_ssh_here(ssh: StandInSsh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(ssh.there))
    assert "ssh was not found on this computer" in why(ssh.host())


def test_no_python_there(ssh: StandInSsh) -> None:
    assert "There is no Python '/no/such/python' on 'workstation'" in why(ssh.host(python="/no/such/python"))


def test_no_program_in_the_environment_there(ssh: StandInSsh) -> None:
    """``-S -E`` leaves its packages and the path of the sources out."""
    assert "has no NeuroSpineSeg; install it there" in why(ssh.host(python=f"{sys.executable} -S -E"))


def test_another_version_there(ssh: StandInSsh, tmp_path: Path) -> None:
    old = tmp_path / "old.py"
    old.write_text(
        "import neurospineseg; neurospineseg.__version__ = '0.0.7'; from neurospineseg.worker.far_end import main; import sys; del sys.argv[1:3]; main()"
    )
    assert f"NeuroSpineSeg 0.0.7 is on 'workstation' and {__version__} on this computer" in why(ssh.host(python=f"{sys.executable} {old}"))


@pytest.mark.parametrize("name", ["workstation", "noisy"])
def test_what_login_scripts_print_is_passed_over(ssh: StandInSsh, name: str) -> None:
    connection = SshConnection(ssh.host(name), 9.0)
    assert connection.close() is None


def test_whatever_the_other_computer_says_of_itself_names_it() -> None:
    host = SshHost("workstation")
    assert of_host(host, "The device 'cuda' is not available on this computer.") == "The device 'cuda' is not available on 'workstation'."
    assert of_host(host, "The file cannot be read.") == "On 'workstation': The file cannot be read."
    assert "was cut" in why_cut(host, 255)
