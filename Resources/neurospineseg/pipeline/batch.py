"""Many cases: a folder in, a folder of masks out. A stopped run goes on where it was."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

from neurospineseg.atomic_files import HeldOpen, beside, whole_file
from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import use_failed, writing_failed
from neurospineseg.pipeline.cases import find_cases

OUTPUT_ENDING = ".seg.nrrd"
SUMMARY = "summary.csv"
HEADER = ("case", "outcome")
DONE, KEPT = "done", "kept"


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
        raise writing_failed(error, output) from error
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
        except OSError as error:
            outcomes[case.name] = str(use_failed(error))
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
        raise writing_failed(error, summary.parent) from error
