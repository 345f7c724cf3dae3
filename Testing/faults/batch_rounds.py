"""``neurospineseg batch`` is killed, interrupted (Ctrl-C) or asked to end (SIGTERM) at random, and run again."""

from __future__ import annotations

import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from neurospineseg.pipeline.batch_report import PICTURES
from Testing.faults.ground import Ground
from Testing.faults.worker_rounds import Round

SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
CANCELED = 130
LIBRARY = Path(__file__).resolve().parents[2] / "Resources"


class BatchRounds:
    """Rounds of one batch of three cases. It is ended before its first case, or in one of them.

    Attributes:
        seconds: from each line that the batch prints (its start is the first) to the next.
        expected: the bytes of every mask of a batch that nothing disturbed.
    """

    def __init__(self, ground: Ground, seed: int) -> None:
        self.ground, self.random = ground, random.Random(seed)
        self.seconds: list[float] = []
        process, last = self._started(), time.monotonic()
        for _line in process.stderr:
            self.seconds.append(time.monotonic() - last)
            last = time.monotonic()
        process.communicate()
        self.seconds.append(time.monotonic() - last)
        self.expected = {path.name: path.read_bytes() for path in ground.output.glob("*.seg.nrrd")}

    def _started(self) -> subprocess.Popen[str]:
        model = ["--model", str(self.ground.model), "--device", "cpu"]
        command = [sys.executable, "-m", "neurospineseg", "batch", "tumor", str(self.ground.cases), "-o", str(self.ground.output), *model]
        environment = {**os.environ, "PYTHONPATH": str(LIBRARY)}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    def round(self, number: int) -> Round:
        """Ends the batch in the phase and by the signal that are next, looks, and runs it again."""
        how, phase = SIGNALS[number % len(SIGNALS)], (number // len(SIGNALS)) % len(self.seconds)
        if not number % 4:
            self._empty()
        elif number % 2:
            self.random.choice(sorted(self.ground.output.glob("*.seg.nrrd"))).unlink()
        for record in self.ground.output.glob("*.json"):
            if not record.with_name(f"{record.stem}.seg.nrrd").exists():
                record.unlink()
        earlier = self.ground.results()
        process, code, error = self._ended(how, phase)
        ended = (
            code == -how if how is signal.SIGKILL else code in (CANCELED, -how, -signal.SIGINT)
        )  # a shell calls the last one CANCELED too
        wrong = self.ground.wrong_with(earlier, at_rest=how is not signal.SIGKILL) if ended else []
        if how is not signal.SIGKILL and ended and code == CANCELED and ("Traceback" in error or "Canceled; " not in error):
            wrong.append(f"it said {error!r}")
        if not ended and code != 0:
            wrong.append(f"it ended with {code} and said {error!r}")
        wrong += [f"the next run: {problem}" for problem in self._again()]
        return Round(f"{how.name} {'at the start' if phase == 0 else f'in case {phase}'}", ended, wrong)

    def _ended(self, how: signal.Signals, phase: int) -> tuple[Any, int, str]:
        """Ends a batch at a random moment of a phase; its exit code and what it printed."""
        process, lines = self._started(), []
        for _ in range(phase):
            lines.append(process.stderr.readline())
        try:
            process.wait(self.random.uniform(0, self.seconds[phase]))
        except subprocess.TimeoutExpired:
            process.send_signal(how)
        _, rest = process.communicate(timeout=120)
        return process, process.returncode, "".join([*lines, rest])

    def _again(self) -> list[str]:
        """Runs the batch to its end; what does not hold, in sentences."""
        earlier, process = self.ground.results(), self._started()
        _, error = process.communicate(timeout=300)
        wrong = self.ground.wrong_with(earlier)
        if process.returncode:
            wrong.append(f"it ended with {process.returncode} and said {error!r}")
        found = {path.name: path.read_bytes() for path in self.ground.output.glob("*.seg.nrrd")}
        if found != self.expected:
            wrong.append(f"{sorted(found)} are not the masks of a batch that nothing disturbed")
        with open(self.ground.output / "summary.csv", newline="", encoding="utf-8") as file:
            outcomes = [row[1] for row in csv.reader(file)]
        if len(outcomes) != 4 or not set(outcomes[1:]) <= {"done", "kept"}:
            wrong.append(f"its summary says {outcomes}")
        return wrong

    def _empty(self) -> None:
        shutil.rmtree(self.ground.output / PICTURES, ignore_errors=True)
        for path in self.ground.output.iterdir():
            path.unlink()

    def end(self) -> list[str]:
        return self.ground.wrong_with(self.ground.results())
