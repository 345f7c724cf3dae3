"""``neurospineseg fine-tune``: starts the training program on a user's corrections, in a process of its own."""

from __future__ import annotations

import argparse
import subprocess
import sys

from neurospineseg.pipeline.fine_tuning import tuning_arguments


def fine_tune(options: argparse.Namespace) -> int:
    """Runs the command; returns the program's exit code.

    Raises:
        InputError: the training program or its packages are not there.
    """
    more = ["--minutes", f"{options.minutes:g}", "--device", options.device]
    more += ["--name", options.name] if options.name is not None else []
    more += ["--models", str(options.models)] if options.models is not None else []
    process = subprocess.Popen([sys.executable, *tuning_arguments(options.folder, options.model, *more)])
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()  # in a terminal it had Ctrl-C too
        return process.wait()
