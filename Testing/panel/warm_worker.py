"""One worker process is kept from test to test, as it is from run to run in Slicer: starting one takes three seconds of a core."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from neurospineseg.worker.client import WorkerClient


@dataclass(frozen=True)
class Kept:
    """A process that waits for requests.

    Attributes:
        number: of its last request; the next ones follow.
        made_with: what a client must have in common with the one that started it.
    """

    process: subprocess.Popen[bytes]
    folder: Path
    number: int
    made_with: tuple

    @property
    def well(self) -> bool:
        return self.process.poll() is None and self.folder.is_dir()


class WarmWorker:
    """Takes an idle process from a client whose test is over, and gives it to the next that would start its equal."""

    def __init__(self) -> None:
        self._kept: Kept | None = None
        self._made_with: dict[int, tuple] = {}

    def start_instead_of(self, start: Callable[[WorkerClient], None]) -> Callable[[WorkerClient], None]:
        """``WorkerClient.start`` that starts none where the kept one will do."""

        def given(client: WorkerClient) -> None:
            kept, made_with = self._kept, _made_with(client)
            if client.running or kept is None or kept.made_with != made_with or not kept.well:
                start(client)
            else:
                client._process, client.folder, client._number, self._kept = kept.process, kept.folder, kept.number, None
                client._unread, client._ended_at, client._is_another = b"", None, False
            if client.pid is not None:
                self._made_with.setdefault(client.pid, made_with)

        return given

    def take_from(self, client: WorkerClient) -> None:
        """Keeps the client's process, unless it is busy, ends, or one is kept already."""
        if self._kept is not None and self._kept.well:
            return
        client.poll()
        if not client.running or client.busy or client._unread or client.pid not in self._made_with:
            return
        kept = Kept(client._process, client.folder, client._number, self._made_with[client.pid])
        if kept.well:
            self._kept, client._process, client.folder = kept, None, None

    def end(self) -> None:
        """Ends the kept process."""
        if self._kept is not None:
            client = WorkerClient()
            client._process, client.folder, self._kept = self._kept.process, self._kept.folder, None
            client.stop()


def _made_with(client: WorkerClient) -> tuple:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return client.executable, client.idle_seconds, client.host, environment
