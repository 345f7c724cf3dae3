"""Many cases: a folder in, a folder of masks out. A stopped run goes on where it was."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from neurospineseg.atomic_files import HeldOpen, beside, whole_file
from neurospineseg.errors import InputError
from neurospineseg.tasks.task import Task, task_named

SCAN_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".hdr")
OUTPUT_ENDING = ".seg.nrrd"
SUMMARY = "summary.csv"
HEADER = ("case", "outcome")
DONE, KEPT = "done", "kept"


@dataclass(frozen=True)
class Case:
    """A case's name and the file, or the folder of one DICOM series, of each of its scans."""

    name: str
    scans: Mapping[str, Path]


def find_cases(task: str, folder: Path, output: Path | None = None) -> list[Case]:
    """The cases of a folder, by name.

    For a task of several channels, a case is a subfolder whose files' names end in the contrast (``..._t1ce.nii.gz``, ``...-t2f.nii.gz``); for
    the other tasks it is a file, or a subfolder with one DICOM series.

    Args:
        output: receives the masks; it is no case, and neither is a folder that holds nothing else.

    Raises:
        InputError: there is no such task, or the folder is not there or holds no case.
    """
    declared = task_named(task)
    if not folder.is_dir():
        raise InputError(f"The folder '{folder}' does not exist; choose the folder that holds the cases.")
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith(".") and not _is_for_masks(entry, output))
    if declared.single:
        only = declared.channels[0].key
        cases = [Case(_stem(entry), {only: entry}) for entry in entries if entry.is_dir() or _is_scan(entry)]
    else:
        cases = [Case(entry.name, _channels(entry, declared)) for entry in entries if entry.is_dir()]
        cases = [case for case in cases if case.scans]
    if not cases:
        example = f"case1/case1_{declared.channels[-1].key}.nii.gz"
        words = "scans or DICOM folders" if declared.single else f"subfolders with scans named by contrast, e.g. {example}"
        raise InputError(f"The folder '{folder}' holds no case; it must hold {words}.")
    twice = [case.name for number, case in enumerate(cases) if case.name in {other.name for other in cases[:number]}]
    if twice:
        raise InputError(f"Two scans in '{folder}' are both called '{twice[0]}'; rename one of them.")
    return cases


def _is_for_masks(entry: Path, output: Path | None) -> bool:
    if output is None or not entry.is_dir():
        return False
    entry, output = entry.resolve(), output.resolve()
    return entry == output or (entry in output.parents and not any(path.is_file() for path in entry.iterdir()))


def _is_scan(path: Path) -> bool:
    return path.name.lower().endswith(SCAN_ENDINGS) and not path.name.lower().endswith(OUTPUT_ENDING)


def _stem(path: Path) -> str:
    ending = next((ending for ending in SCAN_ENDINGS if path.name.lower().endswith(ending)), "")
    return path.name[: len(path.name) - len(ending)]


def _channels(folder: Path, task: Task) -> dict[str, Path]:
    scans: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        word = _stem(path).lower().replace("-", "_").split("_")[-1] if _is_scan(path) else ""
        for channel in task.channels:
            if word in (channel.key, *channel.file_words):
                scans.setdefault(channel.key, path)
    return scans


def run_batch(
    task: str,
    folder: Path,
    output: Path,
    segment: Callable[[Mapping[str, Path], Path], None],
    progress: Callable[[int, int, str], None] = lambda done, count, case: None,
    warn: Callable[[str], None] = print,
) -> dict[str, str]:
    """Segments every case of a folder that has no mask yet.

    Args:
        output: receives ``CASE.seg.nrrd`` (with its report beside it) and ``summary.csv`` (see ``_place_for_summary``); made where it is not there.
        segment: segments a case's scans into a file, which appears when it is complete; raises InputError.
        progress: called before each case with the number done, the number of all and the case's name.
        warn: told in a sentence where the summary goes if a file of the user has its name, or that another program holds it open.

    Returns:
        For each case ``done``, ``kept`` (its mask was there) or the sentence that says what is wrong with it.

    Raises:
        InputError: there is no case, or the output folder cannot be written to.
    """
    cases = find_cases(task, folder, output)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder '{output}' cannot be made ({error.strerror}); choose another one.") from error
    outcomes: dict[str, str] = {}
    summary = _place_for_summary(output)
    if summary.name != SUMMARY:
        warn(f"'{SUMMARY}' was not written by an earlier run and stays as it is; the outcomes go into '{summary.name}'.")
    warned = False
    for number, case in enumerate(cases):
        progress(number, len(cases), case.name)
        target = output / f"{case.name}{OUTPUT_ENDING}"
        if target.exists():
            outcomes[case.name] = KEPT
            continue
        try:
            _leave_room_for_report(target)
            segment(case.scans, target)
            outcomes[case.name] = DONE
        except InputError as error:
            outcomes[case.name] = str(error)
        if not _write_summary(summary, outcomes) and not warned and number + 1 < len(cases):
            warned = True
            warn(
                f"'{summary.name}' cannot be replaced while it is open in another program; close it there, and it is written after the next case."
            )
    if not _write_summary(summary, outcomes):
        warn(
            f"'{summary.name}' lacks the last outcomes, since it is open in another program; close it there and run again to have it written."
        )
    return outcomes


def _leave_room_for_report(target: Path) -> None:
    """Lets no report replace a file.

    Raises:
        InputError: a file lies where the report would go, such as the description of a scan in a BIDS folder.
    """
    report = beside(target, ".json")
    if report.exists():
        raise InputError(f"'{report.name}', where the report would go, is there already; choose another output folder or move that file.")


def _place_for_summary(output: Path) -> Path:
    """``summary.csv``, or ``summary-2.csv`` and so on where that is not the summary of an earlier run."""
    names = (SUMMARY if number == 1 else f"{Path(SUMMARY).stem}-{number}.csv" for number in count(1))
    return next(path for name in names if not os.path.lexists(path := output / name) or _is_summary(path))


def _is_summary(path: Path) -> bool:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            return tuple(next(csv.reader(file), ())) == HEADER
    except (OSError, ValueError, csv.Error):
        return False


def _write_summary(summary: Path, outcomes: Mapping[str, str]) -> bool:
    """Writes the summary; returns False where another program holds it open, as Excel does.

    Raises:
        InputError: the folder cannot be written to.
    """
    try:
        with whole_file(summary) as new, open(new, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([HEADER, *outcomes.items()])
        return True
    except HeldOpen:
        return False
    except OSError as error:
        raise InputError(f"The folder '{summary.parent}' cannot be written to ({error.strerror}); choose another one.") from error
