"""The cases of nnU-Net's raw data sets: ``imagesTr/CASE_0000.nii.gz``, ``CASE_0001.nii.gz``, with the channels' names in ``dataset.json``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from neurospineseg.errors.json_text import json_of
from neurospineseg.images.scan_names import ScanFile, is_mask, scan_files, stem, words_of
from neurospineseg.pipeline.case import Case
from neurospineseg.pipeline.visits import channel_of
from neurospineseg.tasks.input_guess import ScanInfo, guess_inputs
from neurospineseg.tasks.task import Task

NUMBERED = re.compile(r"(.+)_(\d{4})")
IMAGES = re.compile(r"images(?:tr|ts|val)", re.IGNORECASE)
DESCRIPTION = "dataset.json"


def nnunet_cases(folder: Path, task: Task) -> list[Case]:
    """The cases of a folder that is laid out like nnU-Net's ``imagesTr``; empty where it is not.

    Raises:
        InputError: the folder cannot be read.
    """
    if not IMAGES.fullmatch(folder.name) and not (folder / DESCRIPTION).is_file():
        return []
    names = _channel_names(folder)
    files = [file for file in scan_files(folder) if not is_mask(file)]
    numbered = {file.path: match for file in files if (match := NUMBERED.fullmatch(stem(file.name)))}
    if not files or len(numbered) < len(files):
        return []
    scans: dict[str, dict[int, ScanFile]] = defaultdict(dict)
    for file in files:
        name, number = numbered[file.path].groups()
        scans[name][int(number)] = file
    known = sorted({number for numbers in scans.values() for number in numbers})
    channels = _channels(known, names, task)
    return [_case(name, numbers, channels, names, folder, task) for name, numbers in scans.items()]


def _channel_names(folder: Path) -> dict[int, str]:
    """The names by number that a ``dataset.json`` in a folder or above it gives to channels; empty where there is none."""
    for place in (folder, folder.resolve().parent):
        try:
            said = json_of(place / DESCRIPTION)
        except (OSError, ValueError):
            continue
        names = (said.get("channel_names") or said.get("modality")) if isinstance(said, dict) else None
        if isinstance(names, dict) and all(str(key).isdecimal() and isinstance(name, str) for key, name in names.items()):
            return {int(key): name for key, name in names.items()}
    return {}


def _channels(numbers: list[int], names: Mapping[int, str], task: Task) -> dict[str, int]:
    """The number of each channel of a task."""
    if task.single and len(numbers) == 1:
        return {task.channels[0].key: numbers[0]}
    named = [number for number in numbers if number in names]
    last = {number: words_of(names[number])[-1:] for number in named}
    told = {key: number for number in named for word in last[number] if (key := channel_of(word, task))}
    guessed = guess_inputs(task, [ScanInfo(names[number]) for number in named])
    return {**told, **{key: named[place] for key, place in guessed.items()}}


def _case(
    name: str, scans: Mapping[int, ScanFile], channels: Mapping[str, int], names: Mapping[int, str], folder: Path, task: Task
) -> Case:
    found = {key: number for key, number in channels.items() if number in scans}
    if not found:
        where = f"'{DESCRIPTION}' beside '{folder.name}'"
        return Case(
            name,
            problem=f"{where} does not say which of its files shows {', '.join(task.channel_keys)}; name the contrasts there, or say it in the table of matches.",
        )
    paths = {key: scans[number].path for key, number in found.items()}
    why = {
        key: f"channel {number:04d}, called '{names[number]}'" if number in names else f"channel {number:04d}"
        for key, number in found.items()
    }
    return Case(name, paths, why=why)
