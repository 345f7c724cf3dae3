"""The worker is killed while its window lives on: what the window then says, what is left, and whether the next request works."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from neurospineseg.locks import remove_left_locks
from neurospineseg.pipeline.stages import Stage
from neurospineseg.staging import staging_name
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.private_folder import remove_folder
from neurospineseg.worker.protocol import FINAL, Died, Done, Progress, Ready
from neurospineseg.worker.requests import RunFiles, ScanFile, Segment, StoreCorrection, Warm
from Testing.faults.ground import Ground, noise, within
from Testing.small_scans import ball, oblique_affine

STARTING, STORING = "starting", "storing a correction"
RUN = (Stage.CHECKING, Stage.RESAMPLING, Stage.SEGMENTING, Stage.APPLYING_ANATOMY, Stage.WRITING_MASK)
PLAN: tuple[tuple[str, str], ...] = (
    ("warm", STARTING),
    ("files", Stage.LOADING),
    ("files", Stage.READING_FILES),
    *(("files", stage) for stage in RUN),
    ("files", Stage.WRITING_FILES),
    ("segment", STARTING),
    *(("segment", stage) for stage in RUN),
    ("correction", STORING),
    ("correction", STORING),
)
"""Kinds of requests and the stage in which the worker is killed; rounds go through it again and again."""
COLD = (STARTING, Stage.LOADING)
SENT = float("inf")
"""When the worker will be killed, where it was."""


@dataclass(frozen=True)
class Round:
    """What came of a round: the stage, whether the worker was killed before it had done, and what did not hold."""

    stage: str
    killed: bool
    wrong: list[str]


class WorkerRounds:
    """Rounds of one window.

    Attributes:
        seconds: how long each stage took when nothing was killed.
    """

    def __init__(self, ground: Ground, seed: int) -> None:
        self.ground, self.random, self.client = ground, random.Random(seed), WorkerClient()
        self.seconds: dict[tuple[str, str], float] = {}
        self.expected = b""
        for kind in ("warm", "files", "segment", "correction"):
            self._finish(kind, measured=True)

    def round(self, number: int) -> Round:
        """Kills the worker in the stage that is next, looks, and asks the same once more."""
        kind, stage = PLAN[number % len(PLAN)]
        if stage in COLD:
            self.client.stop()
        earlier, request = self.ground.results(), self._request(kind)
        answer, pid = self._killed_in(request, kind, stage)
        if getattr(request, "staging", None) is not None:
            remove_folder(request.staging)  # as the panel does whose run has failed
            remove_left_locks(request.staging.parent)
        killed = isinstance(answer, Died)
        wrong = [] if killed or isinstance(answer, Done) else [f"the answer was {answer}"]
        wrong += self.ground.wrong_with(earlier) if killed else []
        if killed and (answer.exit_code != -signal.SIGKILL or self.client.running or self.client.busy or _lives(pid)):
            wrong.append(f"the window says {answer}, and its worker is {self.client.pid}")
        wrong += [f"the next run: {problem}" for problem in self._finish(kind)]
        return Round(stage, killed, wrong)

    def _request(self, kind: str) -> Any:
        """A new request, with its files."""
        ground = self.ground
        if kind == "warm":
            return Warm("tumor", ground.settings)
        if kind == "files":
            output = ground.output / f"{uuid4().hex}.seg.nrrd"
            return RunFiles("tumor", {"t1c": ground.scan}, output, ground.settings, ground.output / staging_name())
        self.client.start()
        assert self.client.folder is not None
        affine = tuple(map(tuple, oblique_affine().tolist()))
        if kind == "segment":
            np.save(self.client.folder / "scan.npy", ball())
            return Segment("tumor", ground.settings, {"t1c": ScanFile("scan.npy", affine)})
        np.save(self.client.folder / "noise.npy", noise())
        np.save(self.client.folder / "corrected.npy", np.ones(noise().shape, np.uint16))
        staging = ground.corrections / staging_name()
        return StoreCorrection("tumor", ground.corrections, {"t1c": ScanFile("noise.npy", affine)}, "corrected.npy", staging=staging)

    def _killed_in(self, request: Any, kind: str, stage: str) -> tuple[Any, int]:
        """Sends a request and kills the worker at a random moment of a stage; returns the final answer and the process."""
        number, at = self.client.request(request), None
        pid = self.client.pid
        assert pid is not None
        if stage in (STARTING, STORING):
            at = time.monotonic() + self.random.uniform(0, self.seconds[kind, stage])
        while True:
            for answer in self.client.answers_to(number):
                if isinstance(answer, FINAL):
                    if at == SENT:  # it had done before the signal came
                        within(5.0, lambda: not self.client.poll() and not self.client.running)
                    return answer, pid
                if at is None and isinstance(answer, Progress) and answer.stage == stage:
                    at = time.monotonic() + self.random.uniform(0, self.seconds[kind, stage])
            if at is not None and time.monotonic() >= at and self.client.running:
                os.kill(pid, signal.SIGKILL)
                at = SENT
            self.client.poll()

    def _finish(self, kind: str, measured: bool = False) -> list[str]:
        """Asks and waits for the result; what is wrong with it, in sentences."""
        request = self._request(kind)
        begun = last = time.monotonic()
        cold, stage = not self.client.running, STARTING if kind == "warm" else STORING
        number = self.client.request(request)
        while self.client.busy and time.monotonic() < begun + 300.0:
            for answer in self.client.poll():
                now = time.monotonic()
                if isinstance(answer, Ready | Progress | Done) and measured and not cold:
                    self.seconds[kind, stage] = self.seconds.get((kind, stage), 0.0) + now - last
                stage, last = (answer.stage if isinstance(answer, Progress) else stage), now
            time.sleep(0.002)
        if cold:  # other programs on the computer make it slow or quick
            for key in (("warm", STARTING), ("segment", STARTING), ("files", Stage.LOADING)):
                self.seconds[key] = 0.8 * (time.monotonic() - begun)
        final = [answer for answer in self.client.answers_to(number) if isinstance(answer, FINAL)]
        if not final or not isinstance(final[0], Done):
            return [f"the answer was {final}"]
        return self._wrong_result(request, final[0].result)

    def _wrong_result(self, request: Any, result: Any) -> list[str]:
        if isinstance(request, RunFiles):
            self.expected = self.expected or request.output.read_bytes()
            return [] if request.output.read_bytes() == self.expected else ["another mask than without a fault"]
        if isinstance(request, Segment):
            assert self.client.folder is not None
            labels = np.load(self.client.folder / result.labels)
            for name in result.files:
                (self.client.folder / name).unlink()
            return [] if labels.any() and labels.shape == ball().shape else ["no label map"]
        return []

    def end(self) -> list[str]:
        """Ends the window; what is left, in sentences."""
        earlier = self.ground.results()
        self.client.stop()
        return self.ground.wrong_with(earlier)


def _lives(pid: int) -> bool:
    return not within(2.0, lambda: not Path(f"/proc/{pid}").exists())
