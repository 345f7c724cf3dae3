"""Finds the files of BraTS cases in a folder, in the layouts that they were published in."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neurospineseg.errors import InputError

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


def images_under(folder: Path) -> list[Path]:
    """NIfTI files at any depth, sorted; hidden ones, such as macOS's, are passed over."""
    return sorted(
        path for path in folder.rglob("*.nii*") if path.name.endswith((".nii", ".nii.gz")) and path.name[0] != "." and path.is_file()
    )


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
    for path in images_under(source):
        if match := NAMED.fullmatch(path.name):
            cases.setdefault((match["case"] or path.parent.name, path.parent), []).append((match, path))
        elif "seg" in path.name.lower():
            odd.setdefault(path.parent, []).append(path)
    complete, problems, folders = [], [], {}
    for (name, folder), named in sorted(cases.items()):
        if name in folders:
            problems.append(f"The case '{name}' lies in '{folders[name]}' and again in '{folder}', which is passed over; remove one.")
            continue
        files = {KINDS[match["kind"].lower()]: path for match, path in reversed(named)}
        if len(odd.get(folder, ())) == 1:
            files.setdefault("label", odd[folder][0])
        since_2023 = any(match["kind"].lower() in ("t1n", "t2w", "t2f") for match, _ in named)
        missing = [role for role in (*channels, "label") if role not in files]
        for role in missing:
            kind = "seg" if role == "label" else (SINCE_2023 if since_2023 else BEFORE)[role]
            match, path = named[0]
            file = f"{name}{match['mark']}{kind}" if match["mark"] else kind
            ending = path.name[match.end("kind") :]
            problems.append(f"'{file}{ending}' is missing in '{folder}', so the case is left out; add the file.")
        if not missing:
            folders[name] = folder
            complete.append(Found(name, {role: (files[role], None) for role in (*channels, "label")}, since_2023))
    return Search(complete, problems, False)


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
    images = {path.name: path for path in images_under(task / "imagesTr")}
    masks = {path.name: path for path in images_under(task / "labelsTr")}
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
