"""Another computer on the command line: ``segment --host NAME`` and ``doctor --host NAME``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from neurospineseg import __version__
from neurospineseg.cli.console import StageProgress, out, table
from neurospineseg.errors import InputError
from neurospineseg.worker.ssh_host import DEFAULT_PYTHON, SshHost

if TYPE_CHECKING:
    from neurospineseg.pipeline.settings import Settings
    from neurospineseg.worker.remote_segmenter import RemoteSegmenter


def host_of(options: argparse.Namespace) -> SshHost | None:
    """The computer that a parsed command line names; None for this one.

    Raises:
        InputError: it is no name, or a Python is named without it.
    """
    if options.host is None:
        if options.host_python is not None:
            raise InputError("--host-python names a Python on another computer; name that computer with --host.")
        return None
    return SshHost(options.host, options.host_python or DEFAULT_PYTHON)


def segmenter_on(host: SshHost | None, task: str, settings: Settings) -> RemoteSegmenter | None:
    """What segments there; None where that is this process's own."""
    if host is None:
        return None
    from neurospineseg.worker.remote_segmenter import RemoteSegmenter

    return RemoteSegmenter(host, task, settings)


def examine_host(options: argparse.Namespace) -> None:
    """Prints what the other computer that a parsed command line names has to segment with.

    Raises:
        InputError: it cannot be used; the message says why and what to do.
    """
    from neurospineseg.worker.remote_segmenter import described

    host = SshHost(options.host, options.host_python or DEFAULT_PYTHON)
    with StageProgress() as progress:
        found = described(host, progress)
    rows = [
        ("Computer", host.name),
        ("NeuroSpineSeg", __version__),
        ("Device", f"{found.device} ({found.hardware})"),
        ("Others", ", ".join(found.devices)),
        ("Models", ", ".join(found.models) or "none"),
    ]
    out().print(table(None, ("What", "Found"), rows))
    print(f"Ready to segment on '{host.name}'.")
