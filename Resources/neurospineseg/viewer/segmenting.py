"""One segmentation at a time, in a process of its own: begun, watched, canceled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from typing import Any, Protocol

from neurospineseg.errors import InputError
from neurospineseg.worker.protocol import Answer, Died, Done, Failed, Progress, Refused
from neurospineseg.worker.requests import Request
from neurospineseg.worker.results import FilesWritten

POLL_SECONDS = 0.05
MOST_KEPT = 20
"""Jobs of which is still told what became of them."""


class Client(Protocol):
    """What is needed of ``neurospineseg.worker.client.WorkerClient``."""

    def request(self, request: Request) -> int: ...
    def poll(self) -> list[Answer]: ...
    def answers_to(self, number: int) -> list[Answer]: ...
    def stop(self) -> None: ...


@dataclass
class Job:
    """A segmentation.

    Attributes:
        number: its name on the page.
        drop: number of the drop whose files it reads.
        state: ``running``, ``done``, ``refused``, ``failed`` or ``canceled``.
        stage, fraction: what it is doing.
        message: a sentence for the user, where it is over and nothing came of it.
        forcible: whether it may be asked for with ``force``.
        case: number of the case that came of it.
    """

    number: str
    drop: str
    state: str = "running"
    stage: str = "Starting"
    fraction: float = 0.0
    message: str = ""
    forcible: bool = False
    case: str = ""
    canceled: threading.Event = field(default_factory=threading.Event)
    began: float = field(default_factory=monotonic)

    def as_json(self) -> dict[str, Any]:
        told = ("number", "state", "stage", "fraction", "message", "forcible", "case")
        return {**{name: getattr(self, name) for name in told}, "seconds": round(monotonic() - self.began, 1)}


class Segmenting:
    """The jobs of one server; their process is begun with the first and stays warm between them."""

    def __init__(self, client: Client) -> None:
        self._client, self._numbers, self._lock = client, count(1), threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._closed = False

    @property
    def running(self) -> Job | None:
        return next((job for job in list(self._jobs.values()) if job.state == "running"), None)

    def of(self, number: str) -> Job:
        """
        Raises:
            InputError: there is no such job.
        """
        if number not in self._jobs:
            raise InputError("There is no such segmentation, or not any more.")
        return self._jobs[number]

    def begin(self, drop: str, request: Request, finish: Callable[[FilesWritten], str]) -> Job:
        """Begins a job.

        Args:
            finish: shows what was written; returns the number of the new case.

        Raises:
            InputError: another one is running.
        """
        with self._lock:
            if self.running is not None or self._closed:
                raise InputError("Another segmentation is running; wait for it or cancel it.")
            job = Job(str(next(self._numbers)), drop)
            self._jobs[job.number] = job
            for old in list(self._jobs)[:-MOST_KEPT]:
                del self._jobs[old]
        threading.Thread(target=self._watch, args=(job, request, finish), daemon=True).start()
        return job

    def close(self) -> None:
        """Ends what is running, and the process."""
        self._closed = True
        job = self.running
        if job is not None:
            job.canceled.set()
        with self._lock:
            self._client.stop()

    def _watch(self, job: Job, request: Request, finish: Callable[[FilesWritten], str]) -> None:
        try:
            self._follow(job, request, finish)
        except InputError as error:
            job.message, job.state = str(error), "refused"
        except Exception as error:
            job.message, job.state = f"The segmentation failed ({type(error).__name__}); run it in the shell, which tells more.", "failed"

    def _follow(self, job: Job, request: Request, finish: Callable[[FilesWritten], str]) -> None:
        with self._lock:
            number = self._client.request(request)
        while True:
            if job.canceled.wait(POLL_SECONDS):
                with self._lock:
                    self._client.stop()
                job.message, job.state = "Canceled; nothing was kept.", "canceled"
                return
            with self._lock:
                self._client.poll()
                answers = self._client.answers_to(number)
            for answer in answers:
                if self._takes(job, answer, finish):
                    return

    def _takes(self, job: Job, answer: Answer, finish: Callable[[FilesWritten], str]) -> bool:
        """Whether an answer was the last."""
        if isinstance(answer, Progress):
            job.stage, job.fraction = answer.stage.value, answer.fraction
        elif isinstance(answer, Done) and isinstance(answer.result, FilesWritten):
            job.stage, job.fraction = "Opening the result", 1.0
            job.case = finish(answer.result)
            job.state = "done"
            return True
        elif isinstance(answer, Refused):
            job.message, job.forcible, job.state = answer.message, answer.forcible, "refused"
            return True
        elif isinstance(answer, Failed | Died):
            job.message, job.state = answer.message, "failed"
            return True
        return False
