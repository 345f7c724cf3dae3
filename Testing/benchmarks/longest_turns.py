"""The longest turn of the panel's event loop by size of the scan: segmenting anew and again, a click on a segment, accepting a correction, renumbering.

    python -m Testing.benchmarks.longest_turns [--scan 76x381x381:18] [--before times.json] [--output times.json]

On the panel's test bench (PySide6 offscreen, Slicer's MRML) with a worker whose answers are ready. Prints milliseconds on the clock and of the
thread's processor time, which other programs do not make longer, and with ``--before`` how many times longer they were then.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PySide6 import QtCore

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from Testing.panel import bench
from Testing.panel.conftest import Bench
from Testing.panel.prepared_worker import PreparedWorker, drawn_chain

SCANS = ("76x381x381:18", "1000x512x512:24")


def measure(application: Any, scan: str) -> dict[str, tuple[float, float]]:
    """Longest turn in seconds, on the clock and of the processor, by what was clicked; ``scan`` is KxJxI:structures."""
    import slicer

    from neurospineseg.mrml import node_from_array
    from neurospineseg_panel import run_logic

    shape, count = tuple(int(n) for n in scan.split(":")[0].split("x")), int(scan.split(":")[1])
    worker = run_logic._CLIENTS["SpineSeg"] = PreparedWorker(*drawn_chain(shape, count))
    made, longest = Bench(application), {}
    node_from_array(np.zeros(shape, np.int16), np.eye(4), slicer.mrmlScene, "scan").CreateDefaultDisplayNodes()
    widget = made.open("SpineSeg")

    def turns(name: str, act: Callable[[], None]) -> None:
        made.longest_stall = made.longest_work = 0.0
        QtCore.QTimer.singleShot(0, act)
        made.spin(0.2)
        made.spin(lambda: widget.ui.segmentButton.text == "Segment" and widget.logic.run is None and widget.ui.renumberButton.isEnabled())
        made.spin(1.0)
        longest[name] = (made.longest_stall, made.longest_work)

    with TemporaryDirectory() as folder:
        turns("segment", widget.ui.segmentButton.click)
        largest = largest_segment(widget.parameters.shown)
        turns("click on a segment", lambda: widget.result.onClicked(largest))
        widget.parameters.result, widget.parameters.corrections = widget.parameters.shown, folder
        turns("segment again", widget.ui.segmentButton.click)
        turns("accept", widget.ui.acceptButton.click)
        turns("renumber", widget.ui.renumberButton.click)
    made.close(widget)
    worker.remove()
    del run_logic._CLIENTS["SpineSeg"]
    return longest


def largest_segment(node: Any) -> str:
    from neurospineseg.mrml import volumes_table

    return max(volumes_table(node), key=lambda row: row[2])[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scan", nargs="+", default=SCANS)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    application = bench.install()
    before = json.loads(options.before.read_text(encoding="utf-8")) if options.before else {}
    table = {scan: measure(application, scan) for scan in options.scan}
    for scan, longest in table.items():
        for name, (clock, work) in longest.items():
            ratio = f"{before[scan][name][1] / work:9.1f} times before" if scan in before else ""
            print(f"{scan:18s} {name:18s} {1000 * clock:7.0f} ms {1000 * work:7.0f} ms of the processor{ratio}")
    if options.output:
        options.output.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
