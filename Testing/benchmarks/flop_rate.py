"""How many floating point operations a stage of our way takes, and how many a large matrix product does in a second."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode


def flops_by_stage(run: Callable[[Callable[[str, float], None]], Any]) -> dict[str, int]:
    """Operations (a multiplication and an addition are two) in each stage of a run, as torch's counter sees them.

    Convolutions and matrix products that no longer go through torch's dispatcher, such as those of a compiled network, are not seen.

    Args:
        run: is given the ``progress`` that it is to call with the stage's name.
    """
    counts: dict[str, int] = {}
    stage, before = "", 0
    with FlopCounterMode(display=False) as counter:

        def progress(name: str, fraction: float) -> None:
            nonlocal stage, before
            total = counter.get_total_flops()
            counts[stage] = counts.get(stage, 0) + total - before
            stage, before = name, total

        run(progress)
        progress("", 1.0)
    return {name: count for name, count in counts.items() if count}


def matmul_flops_per_s(device: torch.device, precision: torch.dtype, size: int | None = None, rounds: int = 7) -> float:
    """Operations per second of a square matrix product, the median of several."""
    size = size or (8192 if device.type == "cuda" else 2048)
    a, b = (torch.randn(size, size, device=device).to(precision) for _ in range(2))
    seconds = []
    for _ in range(rounds + 1):
        started = perf_counter()
        a @ b
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(perf_counter() - started)
    return 2 * size**3 / median(seconds[1:])
