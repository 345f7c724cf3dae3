"""Scans that this program draws, with their truth; nothing is needed but a task of which scans can be drawn."""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.tasks.phantoms import drawn_tasks, phantom
from neurospineseg.tasks.task import task_named
from Training.datasets.class_names import class_of, mapped, values_of
from Training.datasets.preparing import LoadedCase, Plan, PlannedCase


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", choices=drawn_tasks(), metavar="TASK", help=" or ".join(drawn_tasks()))
    parser.add_argument("--cases", type=int, default=20, help="how many are drawn; default 20")
    parser.add_argument("--first-seed", type=int, default=1, help="seed of the first; each further one has the next")


def plan(options: argparse.Namespace) -> Plan:
    if options.first_seed < 0:
        raise InputError(f"--first-seed {options.first_seed} is below 0; give 0 or more.")
    task = options.source
    table = values(task)
    labels = values_of(task, table)
    new = {value: labels[name] for name, old in table.items() for value in old}
    seeds = range(options.first_seed, options.first_seed + options.cases)
    cases = [PlannedCase(f"{task}{seed:05d}", [], partial(_load, task, seed, new)) for seed in seeds]
    return Plan(task, task_named(task).channel_keys, labels, cases)


def values(task: str) -> dict[str, tuple[int, ...]]:
    """The values that ``phantom`` gives each class."""
    drawn = task_named(task).phantom.structures
    table: dict[str, tuple[int, ...]] = {}
    for structure in task_named(task).structures:
        if not drawn or structure.key in drawn:
            name = class_of(structure.key)
            table[name] = (*table.get(name, ()), structure.label)
    return table


def _load(task: str, seed: int, table: dict[int, int]) -> LoadedCase:
    images, ijk_to_ras, labels = phantom(task, seed)
    truth, _ = mapped(Volume(labels.astype(np.int32), ijk_to_ras), table)
    return LoadedCase({name: Volume(image, ijk_to_ras) for name, image in images.items()}, truth)
