"""Which workers a module has, and how one run at a time is driven on the event loop's timer or to its end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import sleep
from typing import Any

import slicer
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from neurospineseg.errors import ImplausibleInput, InputError
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.ssh_host import SshHost
from neurospineseg_panel.dependencies import ensure_dependencies
from neurospineseg_panel.module_declaration import ModuleDeclaration
from neurospineseg_panel.option_words import in_the_console
from neurospineseg_panel.remaining_time import RemainingTime
from neurospineseg_panel.run import Listener, Run

WORKING_MILLISECONDS, BUSY_MILLISECONDS, IDLE_MILLISECONDS = 1, 25, 1000
_CLIENTS: dict[str, WorkerClient] = {}
"""One worker per module, also after the module was reloaded."""


class RunLogic(ScriptedLoadableModuleLogic):
    """Begins, drives, cancels and ends runs.

    Args:
        declaration: the module's declaration.
        scene: where results go; the application's scene by default.
    """

    def __init__(self, declaration: ModuleDeclaration, scene: Any = None) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        self.declaration = declaration
        self._scene = scene
        self.client = _CLIENTS.setdefault(declaration.name, WorkerClient())
        self.away: WorkerClient | None = None
        """What segments where another computer does; ``client`` does all else."""
        self.run: Run | None = None
        self.times = RemainingTime()
        self._timer: Any = None
        self._in_loop = False

    @property
    def host(self) -> SshHost | None:
        """The other computer that segments; None where this one does."""
        return self.away.host if self.away is not None else None

    @property
    def segmenting_client(self) -> WorkerClient:
        return self.away or self.client

    def use_host(self, host: SshHost | None) -> None:
        """Lets another computer segment from now on; None for this one."""
        if host == self.host:
            return
        if self.away is not None:
            self.away.stop()
        self.away = WorkerClient(host=host) if host is not None else None
        self.times = RemainingTime()

    @property
    def seconds(self) -> float:
        """What the last run took."""
        return self.times.elapsed

    @property
    def scene(self) -> Any:
        return self._scene if self._scene is not None else slicer.mrmlScene

    def begin(self, run: Run) -> Run:
        """Starts a run, once all packages are there; where another computer does it, they need not be here.

        Raises:
            InputError: the module is at work already, or packages are missing and were not installed.
        """
        if self.run is not None and not self.run.done:
            raise InputError(_("{module} is at work already; wait for it or cancel it.").format(module=self.declaration.name))
        if run.client is not self.away:
            ensure_dependencies(self.declaration.name)
        if self.run is not None:
            self.run.abandon("")
        self.run = run
        self._tick_every(BUSY_MILLISECONDS)
        return run

    def wait_for(self, begin: Callable[[Listener], Run]) -> Any:
        """Begins a run and drives it to its end; returns its result.

        Raises:
            InputError: with the run's sentence, when it fails.
        """
        answers: list[Any] = []
        problems: list[InputError] = []
        listener = Listener(
            finished=lambda result, notes: answers.append(result),
            failed=lambda message, detail: problems.append(InputError(in_the_console(message))),
            implausible=lambda message: problems.append(
                ImplausibleInput(_("{problem} With force=True it is segmented all the same.").format(problem=in_the_console(message)))
            ),
        )
        self._in_loop = True
        try:
            run = begin(listener)
            while not run.over:
                self.tick()
                sleep(0.005)
        finally:
            self._in_loop = False
        if problems:
            raise problems[0]
        return answers[0]

    def cancel(self, message: str | None = None) -> None:
        """Ends the run at once; the scene stays as it is."""
        if self.run is not None:
            self.run.abandon(message or _("Canceled."))

    def stop(self) -> None:
        """Ends everything, for when the application or the module ends."""
        if self._timer is not None:
            self._timer.stop()
        if self.run is not None and not self.run.over:
            self.run.listener = Listener()
            self.run.abandon("")
        for client in self._clients:
            client.stop()

    @property
    def _clients(self) -> list[WorkerClient]:
        return [self.client] if self.away is None else [self.client, self.away]

    def tick(self) -> None:
        """One short step of whatever is going on; a timer calls it, so nothing is raised."""
        try:
            self._go_on()
        except Exception:
            logging.exception("%s could not go on.", self.declaration.name)
            for client in self._clients:
                client.stop()

    def _go_on(self) -> None:
        for client in self._clients:
            client.poll()
        run = self.run
        if run is not None and run.step() and self.run is run:
            self.run = None
        if self._timer is None:
            return
        if self.run is not None:
            self._beat(BUSY_MILLISECONDS if self.run.paused else WORKING_MILLISECONDS)
        elif any(client.running for client in self._clients):
            self._beat(IDLE_MILLISECONDS)
        else:
            self._timer.stop()

    def _beat(self, milliseconds: int) -> None:
        if self._timer.interval != milliseconds:
            self._timer.setInterval(milliseconds)

    def _tick_every(self, milliseconds: int) -> None:
        if self._in_loop:
            return
        try:
            import qt
        except ImportError:
            return
        if self._timer is None:
            self._timer = qt.QTimer()
            self._timer.connect("timeout()", self.tick)
        self._timer.start(milliseconds)
