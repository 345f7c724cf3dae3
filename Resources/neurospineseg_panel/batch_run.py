"""A folder of cases that the worker looks through or segments: what it says of each case on the way, and the time left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from neurospineseg.pipeline.summary import KEPT
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.protocol import CaseBegun, CaseOver
from neurospineseg.worker.requests import MatchFolder, RunBatch
from neurospineseg_panel.remaining_time import RemainingTime
from neurospineseg_panel.run import Listener, Run


@dataclass
class BatchListener(Listener):
    """As ``Listener``; besides, ``begun`` is called before each case and ``case_over`` after it."""

    begun: Callable[[CaseBegun], None] = lambda case: None
    case_over: Callable[[CaseOver], None] = lambda case: None


@dataclass
class CaseClock:
    """How long the cases that are left will take, by those that were segmented since the batch began."""

    started: float = field(default_factory=monotonic)
    segmented: int = 0

    def left(self, waiting: int) -> float | None:
        """Seconds for so many cases; None while none was segmented."""
        return (monotonic() - self.started) / self.segmented * waiting if self.segmented else None


class BatchRun(Run):
    """Looks through a folder or segments the cases of a table; ``finished`` gets a ``FolderMatched`` or a ``BatchOver``."""

    def __init__(self, client: WorkerClient, request: MatchFolder | RunBatch, listener: BatchListener) -> None:
        super().__init__(client, {}, request, listener, RemainingTime())
        self._listener, self.clock = listener, CaseClock()

    def heard(self, answer: CaseBegun | CaseOver) -> None:
        if isinstance(answer, CaseBegun):
            self._listener.begun(answer)
            return
        if answer.outcome != KEPT:
            self.clock.segmented += 1
        self._listener.case_over(answer)
