"""What went wrong between two computers, as one sentence each, read off what ``ssh`` and the other computer's shell say."""

from __future__ import annotations

from neurospineseg.worker.ssh_host import SshHost

OF_SSH = 255
"""The exit code of ssh where the fault is its own; otherwise it is that of the command over there."""
SENTENCES = (
    (("could not resolve hostname", "name or service not known"), "There is no computer '{host}' in the network; check the name."),
    (
        ("remote host identification has changed",),
        "The key of '{host}' is another one than before, so that it may be another computer; ask who runs it, and connect only when `ssh {host}` in a terminal says that all is well.",
    ),
    (
        ("host key verification failed", "no host key is known", "host key is known for"),
        "The key of '{host}' is not known here yet; connect once with `ssh {host}` in a terminal and accept its key.",
    ),
    (
        ("permission denied", "too many authentication failures", "no more authentication methods"),
        "'{host}' does not let you in without a password; set up a key with `ssh-copy-id {host}`, and load it with `ssh-add` where it has a passphrase.",
    ),
    (("connection refused",), "'{host}' refuses connections; a server for ssh must run there."),
    (
        ("timed out", "timeout", "no route to host", "network is unreachable", "host is down"),
        "'{host}' does not answer; check that it is switched on and in reach.",
    ),
    (("bad configuration option", "bad owner or permissions", "terminating, "), "The configuration of ssh cannot be used: {last}"),
)
NOT_FOUND, NOT_EXECUTABLE = 127, 126


def why_not_connected(host: SshHost, exit_code: int | None, said: str) -> str:
    """Why no greeting came.

    Args:
        exit_code: of ssh; None where it was ended since nothing came.
        said: what ssh and the other computer wrote to their standard error.
    """
    text = said.lower()
    if exit_code == OF_SSH:
        for signs, sentence in SENTENCES:
            if any(sign in text for sign in signs):
                return sentence.format(host=host.name, last=_last_line(said))
        return f"ssh could not reach '{host.name}': {_last_line(said)}"
    if exit_code is None:
        return f"NeuroSpineSeg did not start on '{host.name}' in time; try `ssh {host.name} {host.python} --version` in a terminal."
    if "no module named" in text or "modulenotfounderror" in text:
        return f"The Python '{host.python}' on '{host.name}' has no NeuroSpineSeg; install it there, or name the Python of the environment that has it."
    if exit_code in (NOT_FOUND, NOT_EXECUTABLE) or "no such file" in text or "not recognized" in text:
        return f"There is no Python '{host.python}' on '{host.name}'; name the one of the environment that has NeuroSpineSeg, such as ~/venv/bin/python."
    return f"NeuroSpineSeg could not be started on '{host.name}' (exit code {exit_code}): {_last_line(said)}"


def why_cut(host: SshHost, exit_code: int | None) -> str:
    """Why a connection that stood has ended."""
    if exit_code == 0:
        return f"NeuroSpineSeg on '{host.name}' had just ended for want of work; nothing was changed: try again."
    if exit_code in (OF_SSH, None):
        return f"The connection to '{host.name}' was cut; nothing was changed, and nothing stays there: try again."
    return f"NeuroSpineSeg on '{host.name}' ended unexpectedly (exit code {exit_code}); nothing was changed: try again."


def other_version(host: SshHost, there: str, here: str) -> str:
    words = f"NeuroSpineSeg {there} is on '{host.name}' and {here} on this computer" if there != here else ""
    same = f"NeuroSpineSeg on '{host.name}' is another than on this computer, though both say {here}"
    return f"{words or same}; install the same version on both."


def of_host(host: SshHost, sentence: str) -> str:
    """What the other computer says of itself, for this one."""
    for here in ("This computer", "this computer"):
        sentence = sentence.replace(here, f"'{host.name}'")
    return sentence if host.name in sentence else f"On '{host.name}': {sentence}"


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = lines[-1][-300:].rstrip(".") if lines else "it said nothing"
    return f"{last}."
