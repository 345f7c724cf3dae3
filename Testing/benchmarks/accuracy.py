"""The accuracy that our way keeps: its mean Dice beside that of its float32 references, case by case over drawn and real scans.

    python -m Testing.benchmarks.accuracy [--count 8] [--tasks tumor spine subcortical] [--model NAME] [--real] [--json figures.json]

Every scan is read once and segmented from memory by our way, by the float32 reference and by the mirrored one (``reference.py``).
Printed is what ours lacks, the reference's mean Dice over the structures less ours, of each case and as the mean over the cases with its
standard error, and whether that mean is at most ``LIMIT``. Where nobody knows the truth, our Dice against the reference stands instead,
and is in no mean.

The drawn cases have seeds from ``FIRST_SEED`` on, which drew nothing in training: a training draws from [loop.seed, epoch, number], with
a loop.seed of 1 in every bundled recipe and of 11 in the ablations, and no program that evaluates has such a seed. Their heads are
procedural, of the kind that a part of the training's heads were, with anatomy and tumors of their own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from time import perf_counter
from typing import Any

import numpy as np

from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.models.bundle import find_bundle
from neurospineseg.pipeline.segmenter import Segmenter, Settings
from Testing.benchmarks.case import Case, read_labels
from Testing.benchmarks.drawn_case import drawn_case
from Testing.benchmarks.machine import machine, machine_line, write_json
from Testing.benchmarks.options import TASKS, case_options, ended, parser, positive
from Testing.benchmarks.real_case import labeled_cases, real_cases
from Testing.benchmarks.reference import mean_dice, references, written
from Testing.benchmarks.ways import OWN

FIRST_SEED, COUNT, QUICK_COUNT = 1001, 8, 2
LIMIT = 0.002
"""So much mean Dice may be lacking."""


def comparable(segmenter: Segmenter, volumes: Mapping[str, Volume], bodies: bool) -> np.ndarray:
    """Labels (K, J, I) that a segmenter gives, with ``bodies`` only those of voxels whose likeliest class is the vertebral body."""
    labels = segmenter.run(volumes).labels.voxels
    if bodies:
        classes = segmenter.bundle.spec.classes
        body = classes.index("vertebra_body" if "vertebra_body" in classes else "vertebra")
        labels = np.where(segmenter.class_map(volumes).voxels == body, labels, 0)
    return labels


def measure(case: Case, ways: Mapping[str, Segmenter]) -> dict[str, Any]:
    """The mean Dice of each way on a case, against the truth or, where nobody knows it, ours against each reference."""
    volumes = {name: read_volume(path) for name, path in case.scans.items()}
    found, seconds = {}, {}
    for name, segmenter in ways.items():
        started = perf_counter()
        found[name] = comparable(segmenter, volumes, case.bodies)
        seconds[name] = perf_counter() - started
    labels = {structure.label for structure in ways[OWN].sought}
    others = [name for name in ways if name != OWN]
    figures: dict[str, Any] = {"case": case.name, "seconds": seconds}
    if case.truth is None:
        return figures | {"own_dice_against": {name: mean_dice(found[OWN], found[name], labels) for name in others}}
    truth = read_labels(case.truth)
    against = {name: mean_dice(labeled, truth, labels) for name, labeled in found.items()}
    lacks = {name: against[name] - against[OWN] for name in others if against[name] is not None}
    return figures | {"dice_against_truth": against, "lacks": lacks}


def summary(cases: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """For each reference the mean of what ours lacks, its standard error (None for one case), and whether it is little enough."""
    every: dict[str, list[float]] = {}
    for case in cases:
        for name, lacking in case.get("lacks", {}).items():
            every.setdefault(name, []).append(lacking)
    return {
        name: {
            "cases": len(values),
            "mean": mean(values),
            "standard_error": stdev(values) / sqrt(len(values)) if len(values) > 1 else None,
            "within": mean(values) <= LIMIT,
        }
        for name, values in every.items()
    }


def show_case(figures: Mapping[str, Any]) -> None:
    known = "lacks" in figures
    dice = figures["dice_against_truth"][OWN] if known else None
    cells = [f"{lacking:+.4f} of the {name}'s" for name, lacking in figures.get("lacks", {}).items()]
    cells += [f"{written(value)} against the {name}" for name, value in figures.get("own_dice_against", {}).items()]
    seconds = ", ".join(f"{value:.1f}" for value in figures["seconds"].values())
    print(f"  {figures['case']:32s} {written(dice)} {' lacks' if known else 'has'} {', '.join(cells)}   ({seconds} s)", flush=True)


def show_summary(group: str, found: Mapping[str, Mapping[str, Any]]) -> None:
    for name, one in found.items():
        error = "" if one["standard_error"] is None else f" +- {one['standard_error']:.4f}"
        judged = f"{'within' if one['within'] else 'NOT within'} {LIMIT}"
        print(f"  {group}, {one['cases']} cases: mean Dice that ours lacks {one['mean']:+.4f}{error} of the {name}'s, {judged}", flush=True)


def judge(task: str, model: str | None, device: str, groups: Mapping[str, Sequence[Case]]) -> dict[str, Any]:
    """Measures a model on the cases of each group, and prints it."""
    own = Segmenter(task, Settings(model=model, device=device, force=True))
    ways = {OWN: own, **references(task, model, device)}
    figures: dict[str, Any] = {"task": task, "model": own.bundle.spec.name, "groups": {}}
    print(f"\n{figures['model']}: mean Dice of ours, and what it lacks (seconds of {', '.join(ways)})")
    for group, cases in groups.items():
        measured = []
        for case in cases:
            measured.append(measure(case, ways))
            show_case(measured[-1])
        figures["groups"][group] = {"cases": measured, "lacks": summary(measured)}
    for group, found in figures["groups"].items():
        show_summary(group, found["lacks"])
    return figures


def all_cases(task: str, options: Any, room: Path) -> dict[str, list[Case]]:
    """The drawn cases of a task and, where asked for, the real ones: a spine of ``real_cases`` is among the labeled ones."""
    count = min(options.count, QUICK_COUNT) if options.quick else options.count
    seeds = range(FIRST_SEED, FIRST_SEED + count)
    drawn = [drawn_case(task, options.cases or room, options.quick, seed) for seed in seeds]
    groups = {"drawn": [replace(case, name=f"{case.name} {seed}") for case, seed in zip(drawn, seeds)]}
    if options.real:
        groups["real"] = [case for case in real_cases([task], room) if task != "spine"] + labeled_cases([task], room)
    return groups


def main() -> None:
    made = parser(__doc__, rounds=None)
    case_options(made)
    made.add_argument("--count", type=positive, default=COUNT, help="drawn cases of each task (default: %(default)s)")
    made.add_argument("--real", action="store_true", help="also the real scans in NEUROSPINESEG_DATA")
    options = made.parse_args()
    models: dict[str, list[str | None]] = {}
    for name in options.model:
        models.setdefault(find_bundle(name).spec.task, []).append(name)
    everything = []
    with tempfile.TemporaryDirectory(prefix="neurospineseg-") as folder:
        for task in (task for task in TASKS if task in options.tasks):
            groups = all_cases(task, options, Path(folder))
            everything += [judge(task, model, options.device, groups) for model in models.get(task, [None])]
    print(f"\n{machine_line(machine(options.device))}")
    write_json(options.json, "accuracy", options.device, options.quick, models=everything)


if __name__ == "__main__":
    raise SystemExit(ended(main))
