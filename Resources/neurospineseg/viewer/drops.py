"""Files that were dropped onto the page: kept in a temporary folder, within limits, under names that lead nowhere else."""

from __future__ import annotations

import re
import shutil
import threading
from dataclasses import dataclass, field
from io import BufferedIOBase
from itertools import count
from pathlib import Path
from typing import Any

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import writing_failed
from neurospineseg.images.scan_names import ScanFile, holds_dicom, is_mask, scan_files_below, stem
from neurospineseg.pipeline.case import Case
from neurospineseg.pipeline.match_table import match_cases
from neurospineseg.tasks.input_guess import ScanInfo, guess_inputs
from neurospineseg.tasks.task import registered_tasks, task_named

MOST_BYTES = 4 * 2**30
"""Of one drop."""
MOST_FILES = 5000
MOST_DROPS = 4
"""Kept at a time; the oldest goes when another comes."""
BLOCK = 1 << 20
LONGEST_NAME, DEEPEST = 150, 8
RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')


@dataclass
class Drop:
    """Files that were dropped together.

    Attributes:
        folder: holds them and nothing else.
        size: bytes so far, those that are under way among them.
        files: how many.
    """

    number: str
    folder: Path
    size: int = 0
    files: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def receive(self, name: str, length: int, stream: BufferedIOBase) -> None:
        """Keeps a file that is read from a stream.

        Raises:
            InputError: its name cannot be used, it or the drop is too large, it ends early, or it cannot be written.
        """
        target = self.folder.joinpath(*name_parts(name))
        with self.lock:
            if self.size + length > MOST_BYTES or self.files >= MOST_FILES:
                raise InputError(f"More than {MOST_BYTES // 2**30} GB or {MOST_FILES} files were dropped at once; use the shell for that.")
            self.size, self.files = self.size + length, self.files + 1
        try:
            if shutil.disk_usage(self.folder).free < length + BLOCK:
                raise InputError("The disk of the temporary folder is full; make room there.")
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "xb") as file:
                _copy(stream, file, length)
        except FileExistsError as error:
            raise InputError("Two dropped files have the same name; drop them one after the other.") from error
        except OSError as error:
            target.unlink(missing_ok=True)
            raise writing_failed(error, target.name) from error

    def path_of(self, name: str) -> Path:
        """A file, or a folder, of the drop.

        Raises:
            InputError: it is none.
        """
        path = self.folder if name == "." else self.folder.joinpath(*name_parts(name))
        if not path.exists():
            raise InputError("This file was not dropped; drop it again.")
        return path

    def told(self, path: Path) -> str:
        """A path as ``path_of`` takes it."""
        return path.relative_to(self.folder).as_posix()


def _copy(stream: BufferedIOBase, file: BufferedIOBase, length: int) -> None:
    left = length
    while left:
        block = stream.read(min(BLOCK, left))
        if not block:
            raise OSError("The browser went away.")
        file.write(block)
        left -= len(block)


def name_parts(name: str) -> list[str]:
    """The folders and the name of a dropped file.

    Raises:
        InputError: they could lead out of the folder, or no system takes them.
    """
    parts = name.split("/")
    for part in parts:
        if not part or part.startswith(".") or part.endswith((".", " ")) or FORBIDDEN.search(part) or RESERVED.fullmatch(part):
            raise InputError("The name of a dropped file cannot be used; rename it.")
    if len(name) > LONGEST_NAME * 2 or max(map(len, parts)) > LONGEST_NAME or len(parts) > DEEPEST:
        raise InputError("The name of a dropped file is too long; rename it.")
    return parts


class Drops:
    """The drops of one server.

    Args:
        folder: a private one, see ``neurospineseg.worker.private_folder``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers, self._lock = folder, count(1), threading.Lock()
        self._kept: dict[str, Drop] = {}

    def new(self, in_use: set[str]) -> tuple[Drop, list[str]]:
        """An empty drop, and the numbers of those that had to go for it; ``in_use`` stay.

        Raises:
            InputError: its folder cannot be made.
        """
        with self._lock:
            number = str(next(self._numbers))
            drop = Drop(number, self._folder / f"drop{number}")
            try:
                drop.folder.mkdir()
            except OSError as error:
                raise writing_failed(error, "the temporary folder") from error
            old = [each for each in self._kept if each not in in_use][: max(0, len(self._kept) + 1 - MOST_DROPS)]
            for each in old:
                shutil.rmtree(self._kept.pop(each).folder, ignore_errors=True)
            self._kept[number] = drop
            return drop, old

    def of(self, number: str) -> Drop:
        """
        Raises:
            InputError: there is none, or not any more.
        """
        if number not in self._kept:
            raise InputError("What was dropped is not kept any more; drop it again.")
        return self._kept[number]


def matches(drop: Drop, task: str) -> dict[str, Any]:
    """Which dropped file is which scan of a task: cases as a batch finds them, and the files to choose from.

    Raises:
        InputError: there is no such task.
    """
    declared = task_named(task)
    try:
        cases = match_cases(task, drop.folder)
        problem = ""
    except InputError:
        cases, problem = [], "None of the files is told by its name; choose below."
    choices = {drop.told(path): None for case in cases for path in case.scans.values()}
    choices |= {drop.told(file.path): None for file in scan_files_below(drop.folder) if not is_mask(file)}
    return {
        "task": task,
        "channels": [{"key": channel.key, "name": channel.name} for channel in declared.channels],
        "cases": [_case(case, drop) for case in cases],
        "files": list(choices),
        "problem": problem,
    }


def _case(case: Case, drop: Drop) -> dict[str, Any]:
    scans = {key: drop.told(path) for key, path in case.scans.items()}
    return {"name": case.name, "scans": scans, "why": dict(case.why), "problem": case.problem}


def contents(drop: Drop) -> dict[str, Any]:
    """What was dropped: masks and scans by name, and the task that their names tell; None where they do not."""
    files = list(scan_files_below(drop.folder))
    masks = [drop.told(file.path) for file in files if is_mask(file)]
    scans = [drop.told(file.path) for file in files if not is_mask(file)]
    if not scans and holds_dicom(drop.folder):
        scans = ["."]
    return {"drop": drop.number, "scans": scans, "masks": masks, "task": _task_of(files)}


def _task_of(files: list[ScanFile]) -> str | None:
    names = [ScanInfo(stem(file.name)) for file in files if not is_mask(file)]
    several = len(names) > 1
    found = [task.name for task in registered_tasks() if names and task.single != several and guess_inputs(task, names)]
    return found[0] if len(found) == 1 else None
