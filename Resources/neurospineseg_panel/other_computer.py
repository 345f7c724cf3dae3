"""The computer that segments where it is not this one; Slicer's settings remember it."""

from __future__ import annotations

from neurospineseg.worker.ssh_host import DEFAULT_PYTHON, SshHost

HOST, PYTHON = "NeuroSpineSeg/Host", "NeuroSpineSeg/HostPython"


def chosen_computer() -> tuple[str, str]:
    """Its name and the Python command there, as they were typed; empty where nothing was."""
    import qt

    settings = qt.QSettings()
    return str(settings.value(HOST) or ""), str(settings.value(PYTHON) or "")


def choose_computer(name: str, python: str) -> None:
    """Remembers a computer; an empty name for this one."""
    import qt

    settings = qt.QSettings()
    settings.setValue(HOST, name)
    settings.setValue(PYTHON, python)


def host_named(name: str, python: str = "") -> SshHost | None:
    """The computer of a name; None for this one.

    Raises:
        InputError: it is no name, or the other no command.
    """
    return SshHost(name.strip(), python.strip() or DEFAULT_PYTHON) if name.strip() else None
