"""One way from a scan's files to a mask in a process of its own: its seconds and its peak memory.

    python -m Testing.benchmarks.fresh_process WAY CASE_FOLDER OUTPUT [--model NAME] [--device cpu]

prints one JSON line. ``in_fresh_process`` starts it and reads that.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from neurospineseg.errors import InputError
from Testing.benchmarks.case import load_case
from Testing.benchmarks.peak_memory import forget_peak, peak_bytes, peak_gpu_bytes


def in_fresh_process(way: str, folder: Path, output: Path, model: str | None, device: str, again: bool = False) -> dict[str, Any]:
    """Runs a way of ``ways.WAYS`` in a fresh process.

    Args:
        folder: of a case that ``case.save_case`` wrote.
        again: whether the scan is segmented twice, and the second time is the one that is timed; the memory is the first time's.

    Returns:
        ``start_s`` until the networks are loaded, ``seconds`` from file to file, ``idle_bytes`` resident before that, ``peak_bytes``,
        ``peak_gpu_bytes`` (None without a GPU), and of our way ``stages_s``.

    Raises:
        InputError: the process failed; the message ends with what it said last.
    """
    command = [sys.executable, "-m", "Testing.benchmarks.fresh_process", way, str(folder), str(output), "--device", device]
    command += ["--model", model] if model else []
    command += ["--again"] if again else []
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise InputError(f"Measuring '{way}' failed: {said[0]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("way")
    parser.add_argument("case", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args()
    started = perf_counter()
    from Testing.benchmarks.ways import make_way

    case = load_case(options.case)
    way = make_way(options.way, case, options.model, options.device)
    ready = perf_counter() - started
    forget_peak()
    idle, started = peak_bytes(), perf_counter()
    result = way(case.scans, options.output)
    seconds, peak, peak_gpu = perf_counter() - started, peak_bytes(), peak_gpu_bytes(options.device)
    if options.again:
        started = perf_counter()
        result = way(case.scans, options.output)
        seconds = perf_counter() - started
    figures = {"start_s": ready, "seconds": seconds, "idle_bytes": idle, "peak_bytes": peak, "peak_gpu_bytes": peak_gpu}
    report = getattr(result, "report", None)
    print(json.dumps({**figures, "stages_s": report and report["seconds"]}))


if __name__ == "__main__":
    main()
