"""Any nnU-Net raw data set, version 1 or 2.

Expected: imagesTr/CASE_0000.nii.gz (one file for each channel, _0001 the second), labelsTr/CASE.nii.gz, dataset.json. A
splits_final.json beside them is kept (--fold says which of its folds).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from neurospineseg.errors import InputError
from neurospineseg.errors.json_text import json_of
from neurospineseg.images.volume import read_volume
from neurospineseg.tasks.task import registered_tasks
from Training.datasets.class_names import mapped, values_of, whole
from Training.datasets.preparing import LoadedCase, Plan, PlannedCase
from Training.datasets.raw_dataset import Split


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="folder of the data set")
    parser.add_argument("--task", choices=[task.name for task in registered_tasks()], required=True)
    parser.add_argument(
        "--rename",
        type=_pairs,
        default={},
        metavar="A=B,...",
        help="its names of labels and channels = ours, for example NCR=necrotic_core",
    )
    parser.add_argument("--fold", type=int, default=0, help="of its splits_final.json, if it has one; default 0")


def _pairs(text: str) -> dict[str, str]:
    pairs = [part.split("=") for part in text.split(",")]
    if any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form NAME=OUR_NAME,NAME=OUR_NAME")
    return {old.strip(): new.strip() for old, new in pairs}


def plan(options: argparse.Namespace) -> Plan:
    folder, rename = options.source, options.rename
    description = _description(folder)
    names = description.get("channel_names") or description.get("modality")
    if not isinstance(names, dict) or not isinstance(description.get("labels"), dict):
        raise InputError(f"dataset.json of '{folder.name}' names no channels or no labels; correct it.")
    if not all(str(key).isdecimal() and isinstance(name, str) for key, name in names.items()):
        raise InputError(f"dataset.json of '{folder.name}' does not give a name to each number of a channel; correct it.")
    channels = [rename.get(names[key], names[key]) for key in sorted(names, key=int)]
    twice = next((name for name in channels if channels.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"dataset.json of '{folder.name}' names two channels '{twice}'; give each a name of its own there.")
    own = [(rename.get(name, name), value) for name, value in _labels(description["labels"], folder.name).items()]
    labels = values_of(options.task, [name for name, _ in own])
    table = {value: labels[name] for name, value in own}
    reading = str((sorted(table.items()), channels))
    ending = description.get("file_ending", ".nii.gz")
    if not isinstance(ending, str) or not ending.startswith(".") or set(ending) & set("/\\\0*?["):
        raise InputError(f"dataset.json of '{folder.name}' names a file_ending that is none; correct it.")
    cases, problems = [], []
    for label in sorted((folder / "labelsTr").glob(f"[!.]*{ending}")):
        name = label.name[: -len(ending)]
        images = [folder / "imagesTr" / f"{name}_{number:04d}{ending}" for number in range(len(channels))]
        missing = [image for image in images if not image.is_file()]
        problems += [f"'{image.name}' is missing; the case {name} was left out." for image in missing]
        if not missing:
            cases.append(PlannedCase(name, [*images, label], partial(_load, channels, images, label, table), reading=reading))
    found = {case.name for case in cases}
    for image in sorted((folder / "imagesTr").glob(f"[!.]*_0000{ending}")):
        name = image.name[: -len(f"_0000{ending}")]
        if name not in found and not (folder / "labelsTr" / f"{name}{ending}").is_file():
            problems.append(f"'{name}{ending}' is missing in labelsTr; the case {name} was left out.")
    return Plan(options.task, channels, labels, cases, problems, _split(folder, options.fold))


def _description(folder: Path) -> dict[str, Any]:
    try:
        value = json_of(folder / "dataset.json")
    except FileNotFoundError as error:
        raise InputError(f"'{folder}' is no nnU-Net raw data set: dataset.json is missing.") from error
    except ValueError as error:
        raise InputError(f"dataset.json of '{folder.name}' is not valid JSON; correct it.") from error
    if not isinstance(value, dict):
        raise InputError(f"dataset.json of '{folder.name}' holds no object; correct it.")
    return value


def _labels(given: Mapping[str, Any], name: str) -> dict[str, int]:
    """Value by name; version 1 writes names by value."""
    if any(isinstance(value, (list, tuple)) for value in given.values()):
        raise InputError(f"'{name}' has region-based labels (lists of values); give a data set with one value for each label.")
    try:
        if all(str(key).isdecimal() for key in given):
            return {str(value): int(key) for key, value in given.items()}
        return {str(key): int(value) for key, value in given.items()}
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"dataset.json of '{name}' has a label whose value is no number; correct it.") from error


def _split(folder: Path, fold: int) -> Split | None:
    file = folder / "splits_final.json"
    if not file.is_file():
        return None
    try:
        folds = json_of(file)
        if fold < 0:
            raise IndexError(fold)
        train, val = tuple(folds[fold]["train"]), tuple(folds[fold]["val"])
        both = sorted(set(train) & set(val))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"splits_final.json of '{folder.name}' is not what nnU-Net writes; correct or remove it.") from error
    except IndexError as error:
        raise InputError(f"splits_final.json of '{folder.name}' has {len(folds)} folds; choose --fold 0 to {len(folds) - 1}.") from error
    if both:
        raise InputError(f"splits_final.json of '{folder.name}' trains on '{both[0]}' and validates with it; correct or remove it.")
    return Split(train, val)


def _load(channels: Sequence[str], images: Sequence[Path], label: Path, table: Mapping[int, int]) -> LoadedCase:
    labels, lacking = mapped(whole(read_volume(label), label.name), table)
    if lacking:
        raise InputError(f"'{label.name}' holds the label {min(lacking)}, which dataset.json does not name; correct one of them.")
    names = {channel: image.name for channel, image in zip(channels, images)} | {"label": label.name}
    return LoadedCase({channel: read_volume(image) for channel, image in zip(channels, images)}, labels, names=names)
