"""pip as a process beside Slicer, for what changes nothing in Slicer; it can be ended at any time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from neurospineseg.worker.process_group import kill_tree, own_group

MILLISECONDS = 150
OPTIONS = ("--disable-pip-version-check", "--no-input", "--retries", "2")
"""A retry leaves a line that says why; without one pip says only that it found nothing."""


class PipProcess:
    """Runs pip, and tells what it says; the window stays responsive meanwhile.

    Args:
        arguments: for pip.
        log: a file for its output.
        line: called with each line of output.
        ended: called with its exit code; not after ``kill``.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, arguments: Sequence[str], log: Path, line: Callable[[str], None], ended: Callable[[int], None]) -> None:
        import qt

        command = [shutil.which("PythonSlicer") or sys.executable, "-m", "pip", *arguments, *OPTIONS]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
        self._line, self._ended = line, ended
        with open(log, "wb") as written:
            group: dict[str, Any] = own_group()
            self._process = subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT, env=environment, **group)
        self._read = open(log, encoding="utf-8", errors="replace")
        self._rest = ""
        self._timer = qt.QTimer()
        self._timer.connect("timeout()", self._poll)
        self._timer.start(MILLISECONDS)

    def kill(self) -> None:
        """Ends it with its children."""
        self._timer.stop()
        kill_tree(self._process)
        self._read.close()

    def _poll(self) -> None:
        code = self._process.poll()
        *lines, self._rest = (self._rest + self._read.read()).split("\n")
        for line in lines:
            self._line(line.rstrip())
        if code is not None:
            self._timer.stop()
            self._read.close()
            self._ended(code)
