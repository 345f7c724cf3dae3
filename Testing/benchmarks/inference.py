"""From scan to mask: our way, MONAI's standard and tuned ways with the same weights, and nnU-Net's predictor with a network of the same size.

    python -m Testing.benchmarks.inference [--rounds 3] [--tasks tumor spine subcortical] [--device cpu] [--real] [--json figures.json]

Each way reads the same NIfTI files and writes a .nii.gz. Its networks are loaded beforehand, and it has segmented the task's small scan once;
all are run in turns, with torch's own number of threads. Prints the median seconds and how many times as long as ours each takes; our seconds
by stage, and the network's share of them; the network's operations per second against a large matrix product's; and the mean Dice kept
against a float32 reference.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from neurospineseg.images.volume import read_volume
from neurospineseg.inference.device import choose_device, choose_precision
from neurospineseg.models.bundle import find_bundle
from neurospineseg.pipeline.segmenter import Segmenter
from neurospineseg.tasks.anatomy import structure
from Testing.benchmarks.case import Case, read_labels
from Testing.benchmarks.drawn_case import drawn_case
from Testing.benchmarks.flop_rate import flops_by_stage, matmul_flops_per_s
from Testing.benchmarks.interleave import Times, interleaved
from Testing.benchmarks.machine import machine, machine_line, write_json
from Testing.benchmarks.nnunet_path import NNUNET_MISSING, nnunet_is_installed
from Testing.benchmarks.options import TASKS, case_options, ended, parser
from Testing.benchmarks.own_path import FILE_STAGES, NETWORK_STAGE, OwnPath
from Testing.benchmarks.real_case import real_cases
from Testing.benchmarks.reference import mean_dice, references, written
from Testing.benchmarks.ways import OWN, WAYS, available, make_way, usual_ways, with_region


def measure(case: Case, model: str | None, options: Any, room: Path) -> dict[str, Any]:
    """All figures of one scan."""
    case = with_region(case, model)
    names = available(options.ways or usual_ways(case.task, model)) if case.whole else (OWN,)
    made = {name: make_way(name, case, model, options.device) for name in names}
    outputs = {name: room / f"{name.replace(' ', '_')}.nii.gz" for name in made}
    small = drawn_case(case.task, options.cases or room, quick=True)
    for way in made.values():
        way(small.scans, room / "small.nii.gz")
    reports: list[dict[str, float]] = []
    in_networks: list[float] = []

    def ours() -> Any:
        before = made[OWN].network_seconds
        result = made[OWN](case.scans, outputs[OWN])
        reports.append(result.report["seconds"])
        in_networks.append(made[OWN].network_seconds - before)
        return result

    runs: dict[str, Callable[[], Any]] = {name: lambda name=name: made[name](case.scans, outputs[name]) for name in made}
    times = interleaved({**runs, OWN: ours}, options.rounds, choose_device(options.device), options.longest)
    own: OwnPath = made[OWN]
    stages = {stage: median(seconds.get(stage, 0.0) for seconds in reports) for stage in reports[-1]}
    figures = {
        "case": case.name,
        "task": case.task,
        "model": own.segmenter.bundle.spec.name,
        "shape_kji": case.shape,
        "modalities": len(case.scans),
        "seconds": {name: found.seconds for name, found in times.items()},
        "median_s": {name: found.median for name, found in times.items()},
        "times_as_long": {name: found.median / times[OWN].median for name, found in times.items()},
        "stages_s": stages,
        "in_memory_s": sum(seconds for stage, seconds in stages.items() if stage not in FILE_STAGES),
        "network_share": stages[NETWORK_STAGE] / sum(stages.values()),
        "all_networks_s": median(in_networks),
        "all_networks_share": median(in_networks) / times[OWN].median if choose_device(options.device).type == "cpu" else None,
        "flops": network_rate(own, case, outputs[OWN], stages[NETWORK_STAGE], options.device),
    }
    if not options.no_accuracy:
        figures["accuracy"] = accuracy(case, model, options.device, own.segmenter, times, outputs)
    return figures


def network_rate(own: OwnPath, case: Case, output: Path, seconds: float, device_name: str) -> dict[str, float] | None:
    """Operations of the network and per second, and a matrix product's; None where torch's counter did not see them."""
    count = flops_by_stage(lambda progress: own(case.scans, output, progress)).get(NETWORK_STAGE, 0)
    if not count:
        return None
    device = choose_device(device_name)
    product = matmul_flops_per_s(device, choose_precision(device))
    return {"count": count, "per_s": count / seconds, "matmul_per_s": product, "share_of_matmul": count / seconds / product}


def accuracy(
    case: Case, model: str | None, device: str, segmenter: Segmenter, times: dict[str, Times], outputs: dict[str, Path]
) -> dict[str, Any]:
    """Mean Dice over the structures against the truth, where it is known, and against the float32 reference."""
    volumes = {name: read_volume(path) for name, path in case.scans.items()}
    labels = {found.label for found in segmenter.sought}
    found = {OWN: times[OWN].result.labels.voxels}
    for name, reference in references(case.task, model, device).items():
        found[name] = reference.run(volumes).labels.voxels
    against_reference = {name: mean_dice(found[OWN], masks, labels) for name, masks in found.items() if name != OWN}
    against_truth = {}
    if case.truth is not None:
        truth = read_labels(case.truth)
        classes = segmenter.bundle.spec.classes
        if case.task != "spine":
            lookup = {n: structure(key).label for n, key in enumerate(classes) if n}
            for name in outputs:
                if name.startswith("monai") or (name.startswith("nnunet") and not segmenter.bundle.spec.bilateral):
                    numbers = read_labels(outputs[name])
                    found[name] = sum((numbers == number) * label for number, label in lookup.items())
        against_truth = {name: mean_dice(masks, truth, labels) for name, masks in found.items()}
    lost = {name: against_truth[name] - against_truth[OWN] for name in against_reference if against_truth.get(name) is not None}
    return {"dice_against_truth": against_truth, "dice_lost_to": lost, "own_dice_against": against_reference}


def show(figures: dict[str, Any]) -> None:
    shape = " x ".join(str(n) for n in figures["shape_kji"][::-1])
    print(f"\n{figures['case']}, {figures['modalities']} x {shape} voxels, model {figures['model']}")
    for name, seconds in figures["median_s"].items():
        times, runs = figures["times_as_long"][name], len(figures["seconds"][name])
        print(f"  {name:28s} {seconds:8.2f} s   {times:6.2f} times ours   (median of {runs} run{'s' if runs > 1 else ''})")
    print("  our stages")
    for stage, seconds in figures["stages_s"].items():
        print(f"    {stage:32s} {seconds:8.2f} s")
    print(f"    {'voxels already in memory':32s} {figures['in_memory_s']:8.2f} s")
    print(f"  network's share of the time      {figures['network_share']:7.1%}")
    if figures["all_networks_share"] is not None:
        print(f"  share of all our networks        {figures['all_networks_share']:7.1%}   ({figures['all_networks_s']:.2f} s)")
    rate = figures["flops"]
    if rate is None:
        print("  network's operations             not seen by torch's counter")
    else:
        print(
            f"  network                          {rate['count'] / 1e9:.0f} GFLOP, {rate['per_s'] / 1e9:.0f} GFLOP/s; "
            f"large matrix product {rate['matmul_per_s'] / 1e9:.0f} GFLOP/s: {rate['share_of_matmul']:.1%} of it"
        )
    if "accuracy" in figures:
        for name, dice in figures["accuracy"]["dice_against_truth"].items():
            print(f"  mean Dice against the truth      {written(dice)}   {name}")
        for name, lost in figures["accuracy"]["dice_lost_to"].items():
            print(f"  mean Dice that ours lacks       {lost:+.4f}   of the {name}'s")
        for name, dice in figures["accuracy"]["own_dice_against"].items():
            print(f"  our mean Dice against            {written(dice)}   {name}")


def main() -> None:
    made = parser(__doc__)
    case_options(made)
    made.add_argument("--ways", nargs="+", choices=WAYS, metavar="WAY", help=f"some of: {', '.join(WAYS)} (quoted)")
    made.add_argument("--longest", type=float, default=15.0, metavar="S", help="what took longer is not run again (default: %(default)s s)")
    made.add_argument("--real", action="store_true", help="also the real scans in NEUROSPINESEG_DATA")
    made.add_argument("--no-accuracy", action="store_true", help="leave the float32 references out")
    options = made.parse_args()
    if options.quick:
        options.rounds = 1
    if not nnunet_is_installed() and any(name.startswith("nnunet") for name in options.ways or WAYS):
        print(NNUNET_MISSING, file=sys.stderr)
    models = {find_bundle(name).spec.task: name for name in options.model}
    everything = []
    with tempfile.TemporaryDirectory(prefix="neurospineseg-") as name:
        room = Path(name)
        cases = [drawn_case(task, options.cases or room, options.quick) for task in TASKS if task in options.tasks]
        cases += real_cases(options.tasks, room) if options.real else []
        for case in cases:
            everything.append(measure(case, models.get(case.task), options, room))
            show(everything[-1])
    print(f"\n{machine_line(machine(options.device))}")
    write_json(options.json, "inference", options.device, options.quick, cases=everything)


if __name__ == "__main__":
    raise SystemExit(ended(main))
