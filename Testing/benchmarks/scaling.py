"""Seconds and peak memory against the number of voxels and of classes: our way beside MONAI's, each in a fresh process.

    python -m Testing.benchmarks.scaling [--rounds 1] [--voxel-mm 2 1 0.7] [--classes 4 25] [--device cpu] [--json figures.json]

The drawn glioma in four modalities, its field of view cut into ever smaller voxels; then at 1 mm with models that have copies of their
classes. Each process segments its scan twice: the memory is the first time's, the seconds the second's. Prints medians, and how many times
ours MONAI's ways take.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from neurospineseg.inference.device import choose_device
from Testing.benchmarks.case import Case, save_case
from Testing.benchmarks.class_copies import with_classes
from Testing.benchmarks.drawn_case import drawn_case, drawn_glioma
from Testing.benchmarks.fresh_process import in_fresh_process
from Testing.benchmarks.machine import machine, machine_line, write_json
from Testing.benchmarks.options import ended, parser
from Testing.benchmarks.ways import OWN

WAYS = (OWN, "monai float32", "monai tuned")
FIGURES = ("seconds", "peak_bytes", "added_bytes")
MIB = 2**20


def measure(case: Case, folder: Path, model: str | None, options: Any, room: Path) -> dict[str, Any]:
    """Medians of each way on one scan."""
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way in WAYS:
            runs[way].append(in_fresh_process(way, folder, room / "mask.nii.gz", model, options.device, again=True))
            print(f"{case.name}: {way} {runs[way][-1]['seconds']:.1f} s", file=sys.stderr, flush=True)
    return {
        "case": case.name,
        "voxels": int(np.prod(case.shape)),
        "model": model and Path(model).name,
        "rounds": options.rounds,
        "seconds": {way: median(run["seconds"] for run in found) for way, found in runs.items()},
        "peak_bytes": {way: median(run["peak_bytes"] for run in found) for way, found in runs.items()},
        "added_bytes": {way: median(run["peak_bytes"] - run["idle_bytes"] for run in found) for way, found in runs.items()},
    }


def show(title: str, rows: list[tuple[str, dict[str, Any]]]) -> None:
    print(f"\n{title:16s}  {'way':16s} {'seconds':>8s} {'MiB':>7s} {'for the scan':>13s}   times ours")
    for name, found in rows:
        for way in WAYS:
            seconds, peak, added = (found[figure][way] for figure in FIGURES)
            times = " ".join(f"{found[figure][way] / found[figure][OWN]:6.2f}" for figure in FIGURES)
            print(f"{name:16s}  {way:16s} {seconds:8.2f} {peak / MIB:7.0f} {added / MIB:13.0f}   {times}")


def main() -> None:
    made = parser(__doc__, rounds=1)
    made.add_argument("--voxel-mm", nargs="+", type=float, default=[2.0, 1.0, 0.7], metavar="MM", help="voxel sizes (default: 2 1 0.7)")
    made.add_argument("--classes", nargs="+", type=int, choices=range(4, 26), default=[4, 25], metavar="4..25", help="how many classes")
    made.add_argument("--cases", type=Path, metavar="FOLDER", help="keep drawn scans here and use those that lie here already")
    options = made.parse_args()
    if options.quick:
        options.rounds, options.voxel_mm, options.classes = 1, [4.0], [5]
    choose_device(options.device)
    with tempfile.TemporaryDirectory(prefix="neurospineseg-") as name:
        room = Path(name)
        drawn = options.cases or room
        by_voxels = []
        for spacing in options.voxel_mm:
            case = drawn_glioma(drawn, spacing)
            by_voxels.append(
                measure(case, next(iter(case.scans.values())).parent, "tumor_glioma" if options.quick else None, options, room)
            )
        by_classes = []
        glioma = drawn_case("tumor", drawn, options.quick)
        for count in options.classes:
            bundle, folder = with_classes(room, count), room / f"case-{count}"
            case = save_case(replace(glioma, name=f"{count} classes", task="subcortical", truth=None), folder)
            by_classes.append(measure(case, folder, str(bundle.folder), options, room))
    show("million voxels", [(f"4 x {found['voxels'] / 1e6:.1f}", found) for found in by_voxels])
    show("classes", [(found["case"], found) for found in by_classes])
    print(
        f"\nMedian of {options.rounds} process(es) each. Times ours: seconds, peak memory, peak beyond the idle process. {machine_line(machine(options.device))}"
    )
    write_json(options.json, "scaling", options.device, options.quick, by_voxels=by_voxels, by_classes=by_classes)


if __name__ == "__main__":
    raise SystemExit(ended(main))
