"""Peak memory from scan to mask: our way, MONAI's standard and tuned ways and nnU-Net's predictor, each in a fresh process.

    python -m Testing.benchmarks.memory [--rounds 1] [--tasks tumor spine subcortical] [--device cpu] [--large] [--json figures.json]

Prints the median of the peak of resident memory, without and with what the process holds before it reads the scan (Python, torch, the
network), and how many times ours each takes; on a GPU also the most that torch reserved there. ``--large`` segments scans at the limit by our
way alone: a CT of 512 x 512 x 1000 voxels and a whole head of 0.5 mm.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from neurospineseg.inference.device import choose_device
from neurospineseg.models.bundle import find_bundle
from Testing.benchmarks.case import Case, save_case
from Testing.benchmarks.drawn_case import drawn_case
from Testing.benchmarks.fresh_process import in_fresh_process
from Testing.benchmarks.large_case import LARGE, large_case
from Testing.benchmarks.machine import machine, machine_line, write_json
from Testing.benchmarks.nnunet_path import NNUNET_MISSING, nnunet_is_installed
from Testing.benchmarks.options import TASKS, case_options, ended, parser
from Testing.benchmarks.ways import OWN, WAYS, available, usual_ways, with_region

USUAL = (OWN, "monai float32", "monai tuned", "nnunet")
MIB = 2**20


def measure(case: Case, ways: Sequence[str], model: str | None, device: str, rounds: int, room: Path) -> dict[str, Any]:
    """Medians over the rounds of what each way holds, in bytes."""
    folder = room / case.name
    save_case(with_region(case, model), folder)
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    for number in range(rounds):
        for way in ways:
            runs[way].append(in_fresh_process(way, folder, room / f"{way.replace(' ', '_')}.nii.gz", model, device))
            last = runs[way][-1]
            print(f"round {number + 1}: {way} {last['peak_bytes'] / MIB:.0f} MiB, {last['seconds']:.1f} s", file=sys.stderr, flush=True)

    def medians(figure: str) -> dict[str, float]:
        return {way: median(run[figure] for run in found) for way, found in runs.items()}

    peaks, idle = medians("peak_bytes"), medians("idle_bytes")
    added = {way: peaks[way] - idle[way] for way in ways}
    gpu = medians("peak_gpu_bytes") if runs[ways[0]][0]["peak_gpu_bytes"] is not None else None
    return {
        "case": case.name,
        "task": case.task,
        "shape_kji": case.shape,
        "modalities": len(case.scans),
        "rounds": rounds,
        "peak_bytes": peaks,
        "added_bytes": added,
        "peak_gpu_bytes": gpu,
        "times_ours": {way: peaks[way] / peaks[OWN] for way in ways},
        "times_ours_added": {way: added[way] / added[OWN] for way in ways},
        "seconds": medians("seconds"),
    }


def show(figures: dict[str, Any]) -> None:
    shape = " x ".join(str(n) for n in figures["shape_kji"][::-1])
    print(f"\n{figures['case']}, {figures['modalities']} x {shape} voxels, median of {figures['rounds']} process(es) each")
    for way, peak in figures["peak_bytes"].items():
        added, times = figures["added_bytes"][way], figures["times_ours"][way]
        gpu = "" if figures["peak_gpu_bytes"] is None else f"   GPU {figures['peak_gpu_bytes'][way] / MIB:.0f} MiB"
        print(
            f"  {way:18s} {peak / MIB:7.0f} MiB ({times:5.2f} times ours)   for the scan {added / MIB:7.0f} MiB "
            f"({figures['times_ours_added'][way]:5.2f} times){gpu}   first run {figures['seconds'][way]:.1f} s"
        )


def main() -> None:
    made = parser(__doc__, rounds=1)
    case_options(made)
    made.add_argument("--ways", nargs="+", choices=WAYS, metavar="WAY", help=f"some of: {', '.join(WAYS)} (quoted)")
    made.add_argument("--large", action="store_true", help="measure our way on scans at the limit instead")
    options = made.parse_args()
    if options.quick:
        options.rounds = 1
    models = {find_bundle(name).spec.task: name for name in options.model}
    if not options.large and not nnunet_is_installed() and any(way.startswith("nnunet") for way in options.ways or USUAL):
        print(NNUNET_MISSING, file=sys.stderr)
    everything = []
    choose_device(options.device)
    with tempfile.TemporaryDirectory(prefix="neurospineseg-") as name:
        room = Path(name)
        drawn = options.cases or room
        if options.large:
            cases = [large_case(kind, drawn, options.quick) for kind in LARGE]
        else:
            cases = [drawn_case(task, drawn, options.quick) for task in TASKS if task in options.tasks]
        for case in cases:
            model = models.get(case.task)
            ways = (OWN,) if options.large else available(options.ways or usual_ways(case.task, model, USUAL))
            everything.append(measure(case, ways, model, options.device, options.rounds, room))
            show(everything[-1])
    print(f"\n{machine_line(machine(options.device))}")
    write_json(options.json, "memory", options.device, options.quick, cases=everything)


if __name__ == "__main__":
    raise SystemExit(ended(main))
