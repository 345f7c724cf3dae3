"""Finds the files of BraTS cases in a folder, in the layouts that they were published in."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neurospineseg.errors import InputError
from neurospineseg.images.scan_names import ScanFile, scan_files_below

KINDS = {"flair": "flair", "t1": "t1", "t1ce": "t1c", "t2": "t2", "t2f": "flair", "t1n": "t1", "t1c": "t1c", "t2w": "t2", "seg": "label"}
SINCE_2023 = {"t1c": "t1c", "t1": "t1n", "t2": "t2w", "flair": "t2f"}
BEFORE = {"t1c": "t1ce", "t1": "t1", "t2": "t2", "flair": "flair"}
NAMED = re.compile(rf"(?:(?P<case>.+)(?P<mark>[_-]))?(?P<kind>{'|'.join(KINDS)})\.nii(?:\.gz)?", re.IGNORECASE)
DECATHLON = {"flair": "flair", "t1w": "t1", "t1gd": "t1c", "t2w": "t2"}
DECATHLON_ORDER = ("flair", "t1", "t1c", "t2")


@dataclass(frozen=True)
class Found:
    """A case's files: ``(path, frame)`` by channel and ``label``; ``frame`` is None for 3D files."""

    name: str
    files: dict[str, tuple[Path, int | None]]
    since_2023: bool = False


@dataclass(frozen=True)
class Search:
    """Cases that are complete, sentences about what is missing, and whether the layout and names are the Decathlon's."""

    cases: Sequence[Found]
    problems: Sequence[str]
    decathlon: bool


def images_under(folder: Path) -> list[ScanFile]:
    """NIfTI files at any depth, by folder and name, those in folders named like them (``case_t1.nii/00057_brain.nii``) among them; hidden ones,
    such as macOS's, are passed over."""
    found = scan_files_below(folder) if folder.is_dir() else ()
    return [file for file in found if file.name.endswith((".nii", ".nii.gz")) and file.path.is_file()]


def find(source: Path, channels: Sequence[str]) -> Search:
    """Looks for cases with these channels and a label map.

    Raises:
        InputError: there is no such folder, or the Decathlon's description names other channels.
    """
    if not source.is_dir():
        raise InputError(f"The folder '{source}' does not exist; check the path.")
    tasks = [folder.parent for folder in [source / "imagesTr", *sorted(source.glob("*/imagesTr"))] if folder.is_dir()]
    if len(tasks) > 1 and tasks[0].parent == source:
        raise InputError(f"'{source}' holds several data sets ({', '.join(task.name for task in tasks)}); give the folder of one.")
    return _decathlon(tasks[0], channels) if tasks else _folders(source, channels)


def _folders(source: Path, channels: Sequence[str]) -> Search:
    cases: dict[tuple[str, Path], list[tuple[re.Match, Path]]] = {}
    odd: dict[Path, list[Path]] = {}
    for file in images_under(source):
        if match := NAMED.fullmatch(file.name):
            cases.setdefault((match["case"] or file.folder.name, file.folder), []).append((match, file.path))
        elif "seg" in file.name.lower():
            odd.setdefault(file.folder, []).append(file.path)
    complete, problems, folders = [], [], {}
    for (name, folder), named in sorted(cases.items()):
        if name in folders:
            problems.append(f"The case '{name}' lies in '{folders[name]}' and again in '{folder}', which is passed over; remove one.")
            continue
        if twice := _twice(named):
            problems.append(f"{twice} in '{folder}' are the same scan of one case, which is left out; remove one.")
            continue
        files = {KINDS[match["kind"].lower()]: path for match, path in named}
        if len(odd.get(folder, ())) == 1:
            files.setdefault("label", odd[folder][0])
        since_2023 = any(match["kind"].lower() in ("t1n", "t2w", "t2f") for match, _ in named)
        missing = [role for role in (*channels, "label") if role not in files]
        for role in missing:
            kind = "seg" if role == "label" else (SINCE_2023 if since_2023 else BEFORE)[role]
            match, _ = named[0]
            file = f"{name}{match['mark']}{kind}" if match["mark"] else kind
            ending = match.string[match.end("kind") :]
            problems.append(f"'{file}{ending}' is missing in '{folder}', so the case is left out; add the file.")
        if not missing:
            folders[name] = folder
            complete.append(Found(name, {role: (files[role], None) for role in (*channels, "label")}, since_2023))
    return Search(complete, problems, False)


def _twice(named: Sequence[tuple[re.Match, Path]]) -> str:
    """The names of two files of one kind; empty where there are none."""
    first: dict[str, str] = {}
    for match, _ in named:
        kind = KINDS[match["kind"].lower()]
        if kind in first:
            return f"'{first[kind]}' and '{match.string}'"
        first[kind] = match.string
    return ""


def _decathlon(task: Path, channels: Sequence[str]) -> Search:
    order, edema_first = list(DECATHLON_ORDER), True
    try:
        described = json.loads((task / "dataset.json").read_text(encoding="utf-8"))
        order = [DECATHLON[described["modality"][key].lower()] for key in sorted(described["modality"], key=int)]
        edema_first = "edema" in described["labels"]["1"].lower()
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"'{task / 'dataset.json'}' does not describe brain tumors as the Decathlon's does (FLAIR, T1w, t1gd, T2w); correct it."
        ) from error
    images, masks = ({file.name: file.path for file in images_under(task / folder)} for folder in ("imagesTr", "labelsTr"))
    problems = [
        f"'{name}' is missing in '{folder}', so the case is left out; add the file."
        for folder, here, there in ((task / "labelsTr", masks, images), (task / "imagesTr", images, masks))
        for name in sorted(there.keys() - here)
    ]
    cases = [
        Found(name.split(".nii")[0], {**{c: (images[name], order.index(c)) for c in channels}, "label": (masks[name], None)})
        for name in sorted(images.keys() & masks)
    ]
    return Search(cases, problems, edema_first)
