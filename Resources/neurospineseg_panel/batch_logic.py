"""Batches without a window: a worker of their own, so that single scans can be segmented meanwhile, and the table beside the masks
by which a batch goes on later."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import writing_failed
from neurospineseg.locks import remove_left_locks
from neurospineseg.pipeline.case import Case
from neurospineseg.pipeline.match_table import read_match_table, write_match_table
from neurospineseg.pipeline.settings import Settings
from neurospineseg.staging import remove_abandoned
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.requests import MatchFolder, RunBatch
from neurospineseg_panel.batch_run import BatchListener, BatchRun
from neurospineseg_panel.dependencies import ensure_dependencies
from neurospineseg_panel.module_declaration import ModuleDeclaration
from neurospineseg_panel.run import Listener

TABLE = "cases.csv"
"""Beside the masks: which file was which scan of each case."""
MILLISECONDS = 50
_CLIENTS: dict[str, WorkerClient] = {}
"""One worker per module, also after the module was reloaded."""


class BatchLogic:
    """Looks through folders and segments their cases, one batch at a time.

    Args:
        declaration: the module's declaration.
    """

    def __init__(self, declaration: ModuleDeclaration) -> None:
        self.declaration = declaration
        self.client = _CLIENTS.setdefault(declaration.name, WorkerClient())
        self.run: BatchRun | None = None
        self.output: Path | None = None
        self.stopping = False
        self._timer: Any = None

    @property
    def busy(self) -> bool:
        return self.run is not None and not self.run.over

    @property
    def segmenting(self) -> bool:
        return self.run is not None and not self.run.over and isinstance(self.run.request, RunBatch)

    def find(self, folder: Path, output: Path | None, listener: BatchListener) -> None:
        """Begins to look for the cases of a folder; ``listener.finished`` gets a ``FolderMatched``.

        Raises:
            InputError: a batch is at work, or packages are missing and were not installed.
        """
        self._begin(MatchFolder(self.declaration.task, folder, output), listener)

    def start(self, cases: Sequence[Case], output: Path, settings: Settings, listener: BatchListener) -> None:
        """Begins to segment the cases that have no mask in a folder yet; ``listener.finished`` gets a ``BatchOver``.

        Raises:
            InputError: there is no case, the folder cannot be used, a batch is at work, or packages are missing.
        """
        if not cases:
            raise InputError(_("There is no case to segment; choose a folder with scans first."))
        self._check_idle()
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise writing_failed(error, output) from error
        table = output / TABLE
        if table.exists():
            stored_cases(output, self.declaration.task)
        write_match_table(table, cases, self.declaration.task)
        self.output = output
        self._begin(RunBatch(self.declaration.task, table, output, settings), listener)

    def _check_idle(self) -> None:
        if self.busy:
            raise InputError(_("{module} is at work on a batch already; wait for it or stop it.").format(module=self.declaration.name))

    def _begin(self, request: MatchFolder | RunBatch, listener: BatchListener) -> None:
        self._check_idle()
        ensure_dependencies(self.declaration.name)
        self.stopping = False
        self.run = BatchRun(self.client, request, listener)
        self._tick_often()

    def stop(self) -> None:
        """Ends the batch as soon as its tables are written; asked twice, at once."""
        if self.segmenting and not self.stopping:
            self.stopping = True
            self.client.stop_batch()
        else:
            self.end(_("Stopped; what was segmented is kept."))

    def end(self, message: str = "") -> None:
        """Ends everything at once, with a sentence for the listener unless it is empty; what is half written goes."""
        run, self.run = self.run, None
        if run is not None and not run.over:
            if not message:
                run.listener = Listener()
            run.abandon(message)
        self.client.stop()
        if self.output is not None and run is not None:
            remove_abandoned(self.output)
            remove_left_locks(self.output)

    def tick(self) -> None:
        """One short step; a timer calls it, so nothing is raised."""
        try:
            self.client.poll()
            if self.run is not None and self.run.step():
                self.run = None
            if self.run is None and self._timer is not None:
                self._timer.stop()
        except Exception:
            logging.exception("The batch of %s could not go on.", self.declaration.name)
            self.client.stop()

    def _tick_often(self) -> None:
        import qt

        if self._timer is None:
            self._timer = qt.QTimer()
            self._timer.connect("timeout()", self.tick)
        self._timer.start(MILLISECONDS)


def stored_cases(output: Path, task: str) -> list[Case]:
    """The cases of the batch whose masks lie in a folder.

    Raises:
        InputError: there is no table of a batch of this task.
    """
    try:
        return read_match_table(output / TABLE, task)
    except InputError as error:
        raise InputError(
            _("'{table}' in '{folder}' is no table of a batch of this module ({reason}); choose another output folder.").format(
                table=TABLE, folder=output.name, reason=str(error).rstrip(".")
            )
        ) from error
