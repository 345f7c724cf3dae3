"""Several things timed in turns, so that whatever else the computer does meets all of them alike."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import torch


@dataclass(frozen=True)
class Times:
    """Seconds of each round, and what the last round gave."""

    seconds: list[float]
    result: Any

    @property
    def median(self) -> float:
        return median(self.seconds)


def interleaved(
    ways: Mapping[str, Callable[[], Any]], rounds: int, device: torch.device, longest_s: float = float("inf")
) -> dict[str, Times]:
    """Times each way once a round; the next round begins with the next way.

    Every way begins with torch's own number of threads, whatever the one before it chose.

    Args:
        device: whose work must have ended before a way's time has.
        longest_s: a way that took longer once is not run again.
    """
    threads, names = torch.get_num_threads(), list(ways)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    results: dict[str, Any] = {}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            if seconds[name] and max(seconds[name]) > longest_s:
                continue
            gc.collect()
            torch.set_num_threads(threads)
            results.pop(name, None)
            started = perf_counter()
            results[name] = ways[name]()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds[name].append(perf_counter() - started)
            print(f"round {number + 1}: {name} {seconds[name][-1]:.2f} s", file=sys.stderr, flush=True)
    torch.set_num_threads(threads)
    return {name: Times(seconds[name], results[name]) for name in names}
