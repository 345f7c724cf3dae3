"""Kills the process that segments at random moments of every stage, and looks each time at what is left and whether the next run works.

python -m Testing.faults.kill_at_random --way worker --rounds 100 --seed 1

One line for each round; exit code 0: all held. Ways: ``worker`` (killed while its window lives on), ``window`` (the window, or both at once, as
when the computer's memory runs out), ``batch`` (SIGKILL, Ctrl-C and SIGTERM in turn). Linux only.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from Testing.faults.ground import Ground

WAYS = {
    "worker": ("Testing.faults.worker_rounds", "WorkerRounds"),
    "window": ("Testing.faults.window_rounds", "WindowRounds"),
    "batch": ("Testing.faults.batch_rounds", "BatchRounds"),
}


def run(way: str, rounds: int, seed: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """Runs rounds in a new folder; returns how often the process was killed in each stage, and what did not hold."""
    module, name = WAYS[way]
    made = getattr(importlib.import_module(module), name)(Ground(folder), seed)
    killed: Counter[str] = Counter()
    wrong: list[str] = []
    for number in range(rounds):
        begun = time.monotonic()
        done = made.round(number)
        killed[str(done.stage)] += done.killed
        wrong += [f"round {number} ({done.stage}): {problem}" for problem in done.wrong]
        said = "; ".join(done.wrong) or ("held" if done.killed else "held (it had ended before)")
        print(f"{way} {number} {done.stage}: {said} ({time.monotonic() - begun:.1f} s)", flush=True)
    return killed, [*wrong, *made.end()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--way", choices=WAYS, default="worker")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        killed, wrong = run(options.way, options.rounds, options.seed, Path(folder) / "ground")
    print(f"{options.way}: {sum(killed.values())} killed in {options.rounds} rounds {dict(killed)}; {len(wrong)} problems")
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
