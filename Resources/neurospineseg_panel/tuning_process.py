"""The training program as a process beside Slicer: begun, watched by what it tells in its run's folder, ended at any time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from neurospineseg.pipeline.fine_tuning import LOG, PAUSE, TuningProgress, ask_pause, forget_run, read_progress, tuning_arguments
from neurospineseg.worker.process_group import kill_tree, own_group

LAST_WORDS = 300
"""Letters."""


class TuningProcess:
    """A run in its folder, whether or not its process is there.

    Args:
        run: the folder.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, corrections: Path, model: str, name: str, device: str) -> None:
        """Begins, or goes on where the run was stopped; returns at once.

        Raises:
            InputError: the training programs or their packages are not there.
            OSError: it cannot be started.
        """
        more = ["--name", name, "--folder", str(self.run), "--keep-run", "--device", device]
        command = [shutil.which("PythonSlicer") or sys.executable, *tuning_arguments(corrections, model, *more)]
        self.run.mkdir(parents=True, exist_ok=True)
        ask_pause(self.run, False)
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "PYTHONNOUSERSITE": "1"}
        with open(self.run / LOG, "wb") as log:
            group: dict[str, Any] = own_group()
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment, **group
            )

    @property
    def is_mine(self) -> bool:
        """Whether a process that was started here is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def is_paused(self) -> bool:
        return (self.run / PAUSE).exists()

    def progress(self) -> TuningProgress | None:
        """What the run tells; None before it has told anything."""
        return read_progress(self.run)

    def failure(self) -> str:
        """A sentence where the process that was started here has ended without telling a result; empty where it has not."""
        if self._process is None or self._process.poll() in (None, 0):
            return ""
        told = self.progress()
        if told is not None and told.message:
            return told.message
        try:
            lines = (self.run / LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1][:LAST_WORDS] if lines else _("The training program ended before it was done.")

    def stop(self) -> None:
        """Ends the process; the run can be gone on with."""
        if self._process is not None:
            kill_tree(self._process)
            self._process = None

    def forget(self) -> None:
        """Ends the process and removes what the run kept."""
        self.stop()
        forget_run(self.run)
