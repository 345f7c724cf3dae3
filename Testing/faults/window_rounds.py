"""The window is killed, alone or together with its worker: the next window finds nothing of them and works."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from neurospineseg.pipeline.settings import Settings
from neurospineseg.staging import staging_name
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.protocol import FINAL, Progress
from neurospineseg.worker.requests import RunFiles
from Testing.faults.ground import Ground, within
from Testing.faults.worker_rounds import Round

PHASES = ("Started", "Loading the model", "Segmenting", "Applying anatomy", "Writing onto the scan's grid", "Writing files")


class WindowRounds:
    """Rounds of windows that segment one file each.

    Attributes:
        seconds: how long each phase took when nothing was killed.
    """

    def __init__(self, ground: Ground, seed: int) -> None:
        self.ground, self.random, self.seconds = ground, random.Random(seed), dict.fromkeys(PHASES, 0.0)
        process, phase, last = self._started("undisturbed"), "", time.monotonic()
        for line in process.stdout:
            if phase in self.seconds:
                self.seconds[phase] += time.monotonic() - last
            phase, last = line.split("\t")[0].strip(), time.monotonic()
        process.wait()
        self.expected = (ground.output / "undisturbed.seg.nrrd").read_bytes()

    def _started(self, name: str) -> Any:
        ground = self.ground
        command = [sys.executable, "-m", "Testing.faults.window_rounds", ground.scan, ground.output / f"{name}.seg.nrrd", ground.model]
        return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)

    def round(self, number: int) -> Round:
        """Kills a window, in every second round its worker too, looks, and opens the next one."""
        phase, both = PHASES[(number // 2) % len(PHASES)], bool(number % 2)
        earlier, process, worker = self.ground.results(), self._started(f"round{number}"), 0
        for line in process.stdout:
            name, worker = line.split("\t")[0].strip(), int(line.split("\t")[1])
            if name in (phase, "Done"):
                break
        time.sleep(self.random.uniform(0, self.seconds[phase]))
        killed = process.poll() is None
        for pid in [worker] if both and killed else []:
            os.kill(pid, signal.SIGKILL)
        process.kill()
        process.wait()
        process.stdout.close()
        wrong = [] if within(20.0, lambda: not self.ground.processes()) else [f"the processes {self.ground.processes()} are left"]
        wrong += self.ground.wrong_with(earlier, at_rest=not both)
        wrong += [f"the next window: {problem}" for problem in self._next(f"next{number}")]
        return Round(f"{'both' if both else 'window'} in {phase}", killed, wrong)

    def _next(self, name: str) -> list[str]:
        earlier, process = self.ground.results(), self._started(name)
        process.communicate(timeout=300)
        mask = self.ground.output / f"{name}.seg.nrrd"
        wrong = self.ground.wrong_with(earlier)
        return wrong if mask.is_file() and mask.read_bytes() == self.expected else [*wrong, "it wrote no mask, or another one"]

    def end(self) -> list[str]:
        return self.ground.wrong_with(self.ground.results())


def main(scan: Path, output: Path, model: Path) -> None:
    """A window: asks its worker for one file and prints each stage with the worker's process."""
    client = WorkerClient()
    settings = Settings.of({"model": str(model), "device": "cpu"})
    client.request(RunFiles("tumor", {"t1c": scan}, output, settings, output.parent / staging_name()))
    print(f"{PHASES[0]}\t{client.pid}", flush=True)
    while client.busy:
        for answer in client.poll():
            if isinstance(answer, Progress):
                print(f"{answer.stage}\t{client.pid}", flush=True)
            elif isinstance(answer, FINAL):
                print(f"{type(answer).__name__}\t{client.pid}", flush=True)
        time.sleep(0.002)
    client.stop()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
