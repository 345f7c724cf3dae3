"""What a window and its worker say to each other: a dataclass for each message, sent as one JSON line (see ``json_lines``).

Voxels lie as ``.npy`` files in the worker's private folder, which both map into memory; messages name these files. Where another computer
works, a relay stands in the worker's place and sends these files, see ``relay``. Window and worker are of one version of the program, so that
nothing here is kept for older ones. Requests stand in ``requests``, what they come to in ``results``, and here what a worker answers; none loads torch or
pydantic.

A request is answered by any number of ``Progress`` and then one of ``Done``, ``Refused``, ``Failed`` or, where the process ends before,
``Died``. Who asks for files to be written names a ``staging`` folder, hidden beside them, for what is half written: whoever ends the worker in
mid-run removes it; when the worker ends by itself, it does.
"""

from __future__ import annotations

from dataclasses import dataclass

from neurospineseg.pipeline.stages import Stage
from neurospineseg.worker.results import Result

IDLE_SECONDS = 600.0
"""After which a process without work ends."""
LEAST_PROGRESS_SECONDS = 0.1
"""Between two tellings of the same stage."""


@dataclass(frozen=True)
class Ready:
    """The process has started, with this version of the program; belongs to no request."""

    pid: int
    version: str


@dataclass(frozen=True)
class Idle:
    """The process ends, since nothing was asked for long; belongs to no request."""


@dataclass(frozen=True)
class Progress:
    """A stage and the fraction of it that is done, 0 to 1."""

    stage: Stage
    fraction: float


@dataclass(frozen=True)
class CaseBegun:
    """A case of a batch, or of a folder that is looked through, is begun; ``number`` of ``count`` were before it."""

    case: str
    number: int
    count: int


@dataclass(frozen=True)
class CaseOver:
    """What became of a case of a batch, see ``run_batch``, and sentences for the user."""

    case: str
    outcome: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done:
    result: Result


@dataclass(frozen=True)
class Refused:
    """The input cannot be used; ``forcible``: with ``Settings.force`` it is."""

    message: str
    forcible: bool = False


@dataclass(frozen=True)
class Failed:
    """The program or the computer failed: a sentence, and details for a report."""

    message: str
    detail: str = ""


@dataclass(frozen=True)
class Died:
    """The process ended; said by the handle on it, never sent.

    Attributes:
        undone: numbers of the requests that had no final answer.
        exit_code: None if it was stopped.
        log: the end of what it printed.
    """

    undone: tuple[int, ...]
    exit_code: int | None
    message: str
    log: str = ""


Answer = Ready | Idle | Progress | CaseBegun | CaseOver | Done | Refused | Failed | Died
FINAL = (Done, Refused, Failed, Died)
