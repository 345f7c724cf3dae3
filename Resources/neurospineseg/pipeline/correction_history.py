"""What the corrections that a user accepted say: which cases there are, in which versions, and how the model has been doing.

Nothing here opens a scan or needs more than Python itself, so that Slicer's panel may look as often as it likes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from neurospineseg.errors import InputError
from neurospineseg.errors.json_text import json_of
from neurospineseg.errors.of_files import reading_failed
from neurospineseg.tasks.task import task_named

NAME = re.compile(r"(?P<task>\w+)-(?P<day>\d{8})-(?P<time>\d{6,12})-(?P<scan>[0-9a-f]{8})")
"""Of a case's folder; the scan's part is the same in every version of a case."""


@dataclass(frozen=True)
class Correction:
    """One version of a corrected case.

    Attributes:
        when: when it was accepted.
        scan: what is the same in every version of a case.
        version: 1 for the first correction of a scan, then 2, ...
        is_newest: whether no later correction of the same scan is there; the newest one teaches.
        scans: file name by channel; ``label``: of the label map.
        structures: label value by structure key.
        model: name of the model that was corrected; empty where that is not known.
        dice: of what the model had found and the correction, by structure key; empty where that is not known.
    """

    folder: Path
    task: str
    when: datetime
    scan: str
    version: int
    is_newest: bool
    scans: Mapping[str, str]
    label: str
    structures: Mapping[str, int]
    model: str = ""
    dice: Mapping[str, float] = field(default_factory=dict)

    @property
    def mean_dice(self) -> float | None:
        """Over its structures; None where it is not known."""
        return sum(self.dice.values()) / len(self.dice) if self.dice else None


@dataclass(frozen=True)
class CorrectionHistory:
    """The corrections of a folder, the earliest first, and a sentence for each case that cannot be used."""

    corrections: Sequence[Correction]
    problems: Sequence[str] = ()

    @property
    def teaching(self) -> list[Correction]:
        """The newest version of each case."""
        return [correction for correction in self.corrections if correction.is_newest]

    @property
    def judged(self) -> list[Correction]:
        """Of each scan and each model that was corrected on it the newest version whose Dice is known, the earliest first."""
        newest = {(each.scan, each.model): each for each in self.corrections if each.dice}
        return [each for each in self.corrections if newest.get((each.scan, each.model)) is each]


def read_corrections(folder: Path, task: str | None = None) -> CorrectionHistory:
    """The corrections below a folder that the panel stores them in; no scan is opened.

    Args:
        task: only those of this one.

    Raises:
        InputError: the folder is missing or cannot be listed.
    """
    found: list[tuple[datetime, Path, dict[str, Any]]] = []
    problems = []
    try:
        entries = sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))
    except OSError as error:
        raise reading_failed(error, folder) from error
    for path in entries:
        named = NAME.fullmatch(path.name)
        assert named is not None
        if task is not None and named["task"] != task:
            continue
        try:
            found.append((_time(named["day"], named["time"]), path, _description(path, named["task"])))
        except InputError as error:
            problems.append(f"'{path.name}' was left out: {error}")
    return CorrectionHistory(_versions(sorted(found, key=lambda each: (each[0], each[1].name))), problems)


def _time(day: str, time: str) -> datetime:
    """Of a case's name; those of earlier versions of the program have no fractions of a second."""
    try:
        return datetime.strptime(day + time.ljust(12, "0"), "%Y%m%d%H%M%S%f")
    except ValueError as error:
        raise InputError("its name tells no time; give it back the name that the panel gave it.") from error


def _description(folder: Path, task: str) -> dict[str, Any]:
    """What ``case.json`` says, checked; its files must be there.

    Raises:
        InputError: it is not one that the panel writes, or a file is missing.
    """
    try:
        said = json_of(folder / "case.json")
        declared = task_named(said["task"])
        scans = {declared.channel(str(channel)).key: str(name) for channel, name in said["scans"].items()}
        structures = {declared.structure(str(key)).key: int(value) for key, value in said["structures"].items()}
        dice = {str(key): float(value) for key, value in (said.get("dice_prediction_correction") or {}).items()}
        model = str((said.get("model") or {}).get("name", ""))
        label = str(said["label"])
        elsewhere = not scans or said["task"] != task or any(Path(name).name != name for name in (*scans.values(), label))
        if elsewhere or not all(0 <= value <= 1 for value in dice.values()):
            raise ValueError("a file that lies elsewhere, or a Dice that is none")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        if isinstance(error, FileNotFoundError):
            raise InputError("its case.json is missing.") from error
        raise InputError("its case.json is not one that the panel writes.") from error
    try:
        missing = next((name for name in (*scans.values(), label) if not (folder / name).is_file()), None)
    except OSError as error:
        raise reading_failed(error, folder.name) from error
    if missing is not None:
        raise InputError(f"its file '{missing}' is missing.")
    return {"scans": scans, "label": label, "structures": structures, "model": model, "dice": dice}


def _versions(found: Sequence[tuple[datetime, Path, Mapping[str, Any]]]) -> list[Correction]:
    """Numbers the corrections of each scan; they come the earliest first."""
    counts: dict[tuple[str, str], int] = {}
    made = []
    for when, folder, said in found:
        named = NAME.fullmatch(folder.name)
        assert named is not None
        key = (named["task"], named["scan"])
        counts[key] = counts.get(key, 0) + 1
        made.append((key, counts[key], when, folder, said))
    return [Correction(folder, key[0], when, key[1], version, version == counts[key], **said) for key, version, when, folder, said in made]


COLUMNS = ("when", "task", "scan", "version", "teaches", "model", "structure", "dice")


def write_history(corrections: Sequence[Correction], path: Path) -> None:
    """A CSV table with a line for each correction and structure; corrections whose Dice is not known have one line without."""
    with open(path, "w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for each in corrections:
            shared = (f"{each.when:%Y-%m-%d %H:%M:%S}", each.task, each.scan, each.version, "yes" if each.is_newest else "no", each.model)
            writer.writerows([(*shared, key, f"{dice:.4f}") for key, dice in each.dice.items()] or [(*shared, "", "")])
