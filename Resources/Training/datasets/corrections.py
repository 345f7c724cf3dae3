"""What users corrected in Slicer and accepted: a folder of cases TASK-DATE-TIME-CHECKSUM, each with case.json, scans and label.nii.gz.

Of a scan that was corrected more than once the last correction is taken.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.pipeline.correction_history import Correction, read_corrections
from neurospineseg.tasks.task import registered_tasks, task_named
from Training.datasets.class_names import class_of, mapped, told, values_of, whole
from Training.datasets.preparing import LoadedCase, Plan, PlannedCase


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="the folder chosen in the panel")
    parser.add_argument("--task", choices=[task.name for task in registered_tasks()], required=True)


def plan(options: argparse.Namespace) -> Plan:
    history = read_corrections(options.source, options.task)
    if not history.corrections and not history.problems:
        raise InputError(f"'{options.source}' holds no corrections for {options.task}; give the folder that was chosen in the panel.")
    last = {each.scan: each for each in history.teaching}
    problems = [
        f"'{each.folder.name}' was left out: '{last[each.scan].folder.name}' is a later correction of the same scan."
        for each in history.corrections
        if not each.is_newest
    ]
    given = {channel for each in last.values() for channel in each.scans}
    channels = [channel for channel in task_named(options.task).channel_keys if channel in given]
    labels = values_of(options.task, {class_of(key) for each in last.values() for key in each.structures})
    cases = [_case(each, channels, labels) for each in history.teaching]
    return Plan(options.task, channels, labels, cases, [*history.problems, *problems])


def _case(corrected: Correction, channels: Sequence[str], labels: Mapping[str, int]) -> PlannedCase:
    folder = corrected.folder
    scans = {channel: folder / name for channel, name in corrected.scans.items()}
    label = folder / corrected.label
    table = {int(value): labels[class_of(key)] for key, value in corrected.structures.items()}
    load = partial(_load, channels, scans, label, table)
    return PlannedCase(folder.name, [*scans.values(), label], load, corrected.scan, str(sorted(table.items())))


def _load(channels: Sequence[str], scans: Mapping[str, Path], label: Path, table: Mapping[int, int]) -> LoadedCase:
    labels, lacking = mapped(whole(read_volume(label), label.name), table)
    volumes = {channel: read_volume(path) for channel, path in scans.items()}
    missing = [channel for channel in channels if channel not in volumes]
    notes = [f"{channel} was not given and is zero everywhere." for channel in missing]
    volumes |= {channel: Volume(np.zeros(labels.shape, np.float32), labels.ijk_to_ras) for channel in missing}
    names = {channel: path.name for channel, path in scans.items()} | {"label": label.name}
    return LoadedCase(volumes, labels, [*notes, *told(lacking, "case.json does not name it")], names, missing)
