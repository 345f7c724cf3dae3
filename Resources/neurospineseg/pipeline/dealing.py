"""Cases dealt out to the workers of a cluster: each has as many as it can take, and those of a worker that is lost go to others."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from neurospineseg.measurements.measurement import Measurements, measurements_of
from neurospineseg.pipeline.batch import mask_of
from neurospineseg.pipeline.case import Case
from neurospineseg.pipeline.cluster import CONNECT_SECONDS, LOOK_SECONDS, Cluster, Worker
from neurospineseg.pipeline.overlap import Outcome, sentence_of
from neurospineseg.pipeline.summary import DONE, KEPT

TRIES, AGAIN_SECONDS = 7, 2.0
"""Each wait is twice the one before, two minutes in all: so long may a machine that was lost hold what it wrote on a network share."""
MOST_LOSSES = 3
"""A case whose worker is lost a fourth time counts as the reason."""


@dataclass(frozen=True)
class Turn:
    """A case that a worker is to get.

    Attributes:
        tries: how often one said that another try may succeed.
        losses: how many workers that had it were lost.
        due: when it may be tried again.
    """

    case: Case
    tries: int = 0
    losses: int = 0
    due: float = 0.0


@dataclass(frozen=True)
class Sent:
    """A case that a worker has, and Dask's future of it."""

    turn: Turn
    worker: str
    future: Any


class Dealing:
    """The cases of one batch in the hands of a cluster.

    Args:
        cluster: whose workers were asked, see ``Cluster.check``.
        output: the folder of the masks.
        job: fields of ``FileJob`` without those of a case; ``settings`` as ``Settings.to_json`` gives them.
        insist: see ``BatchSteps``.
        progress: called with the number of cases that are over, that of all, and the last outcome.
        measured: given the mask and what it measures, before the outcome is told.
    """

    def __init__(
        self,
        cluster: Cluster,
        output: Path,
        job: Mapping[str, Any],
        insist: str = "",
        progress: Callable[[int, int, Outcome], None] = lambda ended, count, outcome: None,
        measured: Callable[[Path, Measurements], None] = lambda mask, found: None,
    ) -> None:
        self._cluster, self._output, self._job, self._insist = cluster, output, dict(job), insist
        self._progress, self._measured = progress, measured
        self._sent: dict[str, Sent] = {}
        self._again: list[Turn] = []
        self._ended: SimpleQueue[Any] = SimpleQueue()
        self._any_lost = False

    def outcomes(self, cases: Sequence[Case]) -> Iterator[Outcome]:
        """What becomes of each case, once each, in the order in which they end.

        Raises:
            InputError: the scheduler is gone.
        """
        try:
            for number, outcome in enumerate(self._outcomes(cases)):
                self._progress(number + 1, len(cases), outcome)
                yield outcome
            if self._any_lost:
                self._cluster.tidy()
        finally:
            self._cluster.cancel([sent.future for sent in self._sent.values()])

    def _outcomes(self, cases: Sequence[Case]) -> Iterator[Outcome]:
        for case in cases:
            if case.problem:
                yield Outcome(case, case.problem)
                continue
            while not mask_of(case, self._output).exists():
                worker = self._free()
                if worker is not None:
                    self._send(Turn(case), worker)
                    break
                yield from self._ends()
            else:
                yield Outcome(case, KEPT, None)
        while self._sent or self._again:
            yield from self._ends()

    def _free(self) -> Worker | None:
        """The worker that has the fewest cases, if it may have one more."""
        having = Counter(sent.worker for sent in self._sent.values())
        free = [worker for worker in self._cluster.workers().values() if having[worker.address] < worker.at_once]
        return min(free, key=lambda worker: having[worker.address], default=None)

    def _send(self, turn: Turn, worker: Worker) -> None:
        case = turn.case
        scans = {channel: os.path.abspath(path) for channel, path in case.scans.items()}
        said = {"name": case.name, "scans": scans, "dicom": None if case.dicom is None else os.path.abspath(case.dicom)}
        order = {**self._cluster.order, "case": said, "job": self._job, "insist": self._insist}
        future = self._cluster.submit("cluster_case.segment_case", order, worker)
        self._sent[future.key] = Sent(turn, worker.address, future)
        future.add_done_callback(self._ended.put)

    def _ends(self) -> Iterator[Outcome]:
        """Waits a moment for cases to end; gives what is to be tried again to whoever is free."""
        found = []
        try:
            found.append(self._ended.get(timeout=LOOK_SECONDS))
            while not self._ended.empty():
                found.append(self._ended.get())
        except Empty:
            pass
        ended = [(self._sent.pop(future.key), future) for future in found if future.key in self._sent]
        self._cluster.workers()
        lost = [key for key, sent in self._sent.items() if not self._cluster.is_connected(sent.worker)]
        for sent, future in ended:
            yield from self._outcome(sent, future)
        for sent in [self._sent.pop(key) for key in lost]:
            self._cluster.cancel([sent.future])
            yield from self._lost(sent.turn)
        self._send_again()

    def _send_again(self) -> None:
        while self._again and self._again[0].due <= monotonic() and (worker := self._free()):
            self._send(self._again.pop(0), worker)

    def _outcome(self, sent: Sent, future: Any) -> Iterator[Outcome]:
        """What became of a case; nothing where it is tried again."""
        turn = sent.turn
        try:
            found = future.result(timeout=CONNECT_SECONDS)
        except Exception as error:  # Dask lost the worker or what it found, or could not run it
            if future.status == "error" and type(error).__name__ != "KilledWorker":
                yield from self._tried_again(turn, sentence_of(error))
            else:
                yield from self._lost(turn)
            return
        if "unfit" in found:
            self._cluster.leave_out(sent.worker, found["unfit"])
            yield from self._tried_again(turn, f"A worker {found['unfit']}.")
        elif "again" in found:
            yield from self._tried_again(turn, found["again"])
        elif "failed" in found:
            yield Outcome(turn.case, found["failed"])
        elif "kept" in found:  # a worker wrote it and was lost before it could say so
            yield Outcome(turn.case, DONE, None)
        else:
            if "measured" in found:
                self._measured(mask_of(turn.case, self._output), measurements_of(found["measured"]))
            yield Outcome(turn.case, DONE, found["warnings"])

    def _tried_again(self, turn: Turn, why: str) -> Iterator[Outcome]:
        """Puts a case back, until it was tried often enough."""
        if turn.tries + 1 >= TRIES:
            yield Outcome(turn.case, why)
        else:
            self._put_back(replace(turn, tries=turn.tries + 1, due=monotonic() + AGAIN_SECONDS * 2**turn.tries))

    def _lost(self, turn: Turn) -> Iterator[Outcome]:
        """Puts a case back whose worker is gone."""
        self._any_lost = True
        if turn.losses >= MOST_LOSSES:
            yield Outcome(turn.case, "The workers that segmented it ended, one after the other; they may lack memory, so give them more.")
        else:
            self._put_back(replace(turn, losses=turn.losses + 1, due=0.0))

    def _put_back(self, turn: Turn) -> None:
        self._again.append(turn)
        self._again.sort(key=lambda each: each.due)
