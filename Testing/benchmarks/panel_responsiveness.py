"""How the panel feels: opening, blocked event loop, cancel, first against second click.

    python -m Testing.benchmarks.panel_responsiveness [--module SpineSeg] [--scan FILE] [--rounds 3] [--output times.json]

On the panel's test bench (PySide6 offscreen, Slicer's MRML), on the module's drawn sample unless a scan is given. Prints medians.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from Testing.panel import bench
from Testing.panel.conftest import Bench


def measure(application: Any, module: str, scan: Path | None) -> dict[str, float]:
    """One round: a fresh worker, a cold click, a warm click, a click that is canceled."""
    import slicer

    made, seconds = Bench(application), {}
    started = perf_counter()
    widget = made.open(module)
    seconds["open the module"] = perf_counter() - started
    if scan is None:
        from neurospineseg_panel.sample_data import load_sample

        load_sample(widget.declaration)
    else:
        from neurospineseg.images.volume import read_volume
        from neurospineseg.mrml import node_from_volume

        node_from_volume(read_volume(scan), slicer.mrmlScene, "scan")
    made.leave(widget)
    widget.logic.client.stop()
    made.enter(widget)
    for name in ("first click, worker cold", "second click, worker warm"):
        made.longest_stall, started = 0.0, perf_counter()
        made.segment(widget)
        seconds[name] = perf_counter() - started
        seconds[f"longest stall, {name}"] = made.longest_stall
    made.click(widget.ui.segmentButton)
    made.spin(lambda: "Segmenting" in widget.ui.statusLabel.text)
    started = perf_counter()
    made.click(widget.ui.segmentButton)
    seconds["cancel to idle"] = perf_counter() - started
    made.close(widget)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--module", default="SpineSeg")
    parser.add_argument("--scan", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    application = bench.install()
    rounds = [measure(application, options.module, options.scan) for _ in range(options.rounds)]
    table = {name: median(round_[name] for round_ in rounds) for name in rounds[0]}
    for name, value in table.items():
        print(f"{name:45s} {1000 * value:9.0f} ms")
    cold, warm = table["first click, worker cold"], table["second click, worker warm"]
    print(f"{'first against second click':45s} {cold / warm:9.2f} times")
    if options.output:
        options.output.write_text(json.dumps({"module": options.module, "rounds": rounds}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
