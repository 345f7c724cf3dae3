"""What users corrected in Slicer and accepted: a folder of cases TASK-DATE-TIME-CHECKSUM, each with case.json, scans and label.nii.gz.

Of a scan that was corrected more than once the last correction is taken.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.errors.json_text import json_of
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.tasks.task import registered_tasks, task_named
from Training.datasets.class_names import class_of, mapped, told, values_of, whole
from Training.datasets.preparing import LoadedCase, Plan, PlannedCase


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="the folder chosen in the panel")
    parser.add_argument("--task", choices=[task.name for task in registered_tasks()], required=True)


def plan(options: argparse.Namespace) -> Plan:
    folders = sorted(path.parent for path in options.source.glob(f"{options.task}-*/case.json"))
    if not folders:
        raise InputError(f"'{options.source}' holds no corrections for {options.task}; give the folder that was chosen in the panel.")
    descriptions: dict[Path, dict[str, Any]] = {}
    problems = []
    for folder in folders:
        try:
            descriptions[folder] = _read(folder)
        except InputError as error:
            problems.append(str(error))
    last = {folder.name.rsplit("-", 1)[1]: folder for folder in descriptions}
    problems += [
        f"'{folder.name}' was left out: '{last[key].name}' is a later correction of the same scan."
        for folder in descriptions
        if last[key := folder.name.rsplit("-", 1)[1]] != folder
    ]
    used = {folder: descriptions[folder] for folder in last.values()}
    given = {channel for description in used.values() for channel in description["scans"]}
    channels = [channel for channel in task_named(options.task).channel_keys if channel in given]
    structures = {key for description in used.values() for key in description["structures"]}
    labels = values_of(options.task, {class_of(key) for key in structures})
    cases = [_case(folder, description, channels, labels) for folder, description in sorted(used.items())]
    return Plan(options.task, channels, labels, cases, problems)


def _read(folder: Path) -> dict[str, Any]:
    try:
        description = json_of(folder / "case.json")
        names = [*description["scans"].values(), description["label"]]
        if not all(Path(name).name == name for name in names):
            raise ValueError("a file that lies elsewhere")
        files = [folder / name for name in names]
        for key, value in description["structures"].items():
            values_of(description["task"], [class_of(key)])
            int(value)
    except InputError as error:
        raise InputError(f"'{folder.name}' was left out: {error}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise InputError(f"'{folder.name}' was left out: its case.json is not one that the panel writes.") from error
    missing = next((file for file in files if not os.path.isfile(file)), None)
    if missing is not None:
        raise InputError(f"'{folder.name}' was left out: its file '{missing.name}' is missing.")
    return description


def _case(folder: Path, description: Mapping[str, Any], channels: Sequence[str], labels: Mapping[str, int]) -> PlannedCase:
    scans = {channel: folder / name for channel, name in description["scans"].items()}
    label = folder / description["label"]
    table = {int(value): labels[class_of(key)] for key, value in description["structures"].items()}
    load = partial(_load, channels, scans, label, table)
    return PlannedCase(folder.name, [*scans.values(), label], load, folder.name.rsplit("-", 1)[1], str(sorted(table.items())))


def _load(channels: Sequence[str], scans: Mapping[str, Path], label: Path, table: Mapping[int, int]) -> LoadedCase:
    labels, lacking = mapped(whole(read_volume(label), label.name), table)
    volumes = {channel: read_volume(path) for channel, path in scans.items()}
    missing = [channel for channel in channels if channel not in volumes]
    notes = [f"{channel} was not given and is zero everywhere." for channel in missing]
    volumes |= {channel: Volume(np.zeros(labels.shape, np.float32), labels.ijk_to_ras) for channel in missing}
    names = {channel: path.name for channel, path in scans.items()} | {"label": label.name}
    return LoadedCase(volumes, labels, [*notes, *told(lacking, "case.json does not name it")], names, missing)
