"""The table of a batch's matches: which file is which scan of which case, what tells so and what is missing.

It is written before anything runs, may be changed by hand or in a spreadsheet, and is read again.
"""

from __future__ import annotations

import csv
import os
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path

from neurospineseg.atomic_files import whole_file
from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import reading_failed, writing_failed
from neurospineseg.images.scan_names import holds_dicom
from neurospineseg.pipeline.case import Case
from neurospineseg.pipeline.cases import find_cases
from neurospineseg.tasks.task import Task, task_named

NAME, NOTES = "case", ("missing", "why", "problem")
"""Columns before and after those of the channels; what the notes say is for people and is not read."""
SPREADSHEETS_OWN = re.compile("sep=.")
"""A first line that spreadsheets understand and some write."""
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
LARGEST = 2**27
"""Bytes of a table."""


def match_cases(
    task: str,
    folder: Path,
    output: Path | None = None,
    warn: Callable[[str], None] = lambda sentence: None,
    progress: Callable[[int, int], None] = lambda done, count: None,
) -> list[Case]:
    """As ``find_cases``, with every DICOM series looked into and each study a case of its own.

    Args:
        progress: called before each case with the number done and that of all.

    Raises:
        InputError: see ``find_cases``.
    """
    cases, found, declared = find_cases(task, folder, output, warn), [], task_named(task)
    for number, case in enumerate(cases):
        progress(number, len(cases))
        found += _resolved(case, declared)
    return found


def _resolved(case: Case, task: Task) -> list[Case]:
    """The cases that a case with DICOM images turns out to be; any other as it is."""
    inside = case.dicom or next((path for path in case.scans.values() if path.is_dir() and holds_dicom(path)), None)
    if inside is None:
        return [case]
    from neurospineseg.pipeline.dicom_cases import dicom_cases

    try:
        return dicom_cases(case.name, inside, task)
    except InputError as error:
        return [Case(case.name, problem=str(error))]


def missing_of(case: Case, task: Task) -> list[str]:
    """Keys of the task's channels for which a case has no scan."""
    return [key for key in task.channel_keys if key not in case.scans]


def columns_of(task: Task) -> tuple[str, ...]:
    """The names of the table's columns."""
    return (NAME, *task.channel_keys, *NOTES)


def rows_of(cases: Iterable[Case], task: Task, folder: Path | None = None) -> list[dict[str, str]]:
    """The cells of the table by column; paths below ``folder`` are told from there."""
    return [
        {
            NAME: case.name,
            **{key: _told(case.scans[key], folder) if key in case.scans else "" for key in task.channel_keys},
            "missing": " ".join(missing_of(case, task)),
            "why": "; ".join(f"{key}: {case.why[key]}" for key in task.channel_keys if key in case.why),
            "problem": case.problem,
        }
        for case in cases
    ]


def _told(path: Path, folder: Path | None) -> str:
    if folder is None:
        return str(path.absolute())
    try:
        return path.absolute().relative_to(folder.absolute()).as_posix() or "."
    except ValueError:
        return str(path.absolute())


def write_match_table(path: Path, cases: Iterable[Case], task: str, folder: Path | None = None, overwrite: bool = True) -> None:
    """Writes the table as CSV (UTF-8 with a mark that spreadsheets know it by).

    Args:
        folder: paths below it are told from there; None for absolute paths.

    Raises:
        InputError: the file cannot be written, or is there and not to be replaced.
    """
    declared = task_named(task)
    try:
        with (
            whole_file(path, overwrite=overwrite) as new,
            open(new, "w", newline="", encoding="utf-8-sig", errors="surrogateescape") as file,
        ):
            table = csv.DictWriter(file, columns_of(declared))
            table.writeheader()
            table.writerows(rows_of(cases, declared, folder))
    except FileExistsError as error:
        raise InputError(f"The table '{path.name}' exists already; choose another name or remove it.") from error
    except OSError as error:
        raise writing_failed(error, path) from error


def read_match_table(path: Path, task: str, folder: Path = Path()) -> list[Case]:
    """The cases of a table that ``write_match_table`` wrote and people may have changed.

    Columns may be in any order, parted by commas, semicolons or tabs, in UTF-8 or UTF-16; those of notes may be left out. A case without a file, or with one that
    is not there, has a problem (the one that stands there, where there is one); it does not stop the others.

    Args:
        folder: where paths that are not absolute begin.

    Raises:
        InputError: it cannot be read, is no such table, has a line with more cells than columns, names a case twice, or gives one a name that no
            file can have.
    """
    declared = task_named(task)
    rows = _rows(path)
    head = [cell.strip().lower() for cell in next(rows, [])]
    unknown = [name for name in head if name not in columns_of(declared)]
    if NAME not in head or not set(head) & set(declared.channel_keys) or unknown or len(set(head)) < len(head):
        wrong = f" and not '{unknown[0]}'" if unknown else ""
        raise InputError(
            f"The first line of '{path.name}' must name the columns {', '.join((NAME, *declared.channel_keys))}, each once{wrong}."
        )
    lines = [[cell.strip() for cell in row] for row in rows if any(map(str.strip, row))]
    longer = next((line for line in lines if any(line[len(head) :])), None)
    if longer is not None:
        raise InputError(f"The line of '{longer[0]}' in '{path.name}' has more cells than columns; put a name with commas between quotes.")
    cases = [_case_of(dict(zip(head, line)), declared, folder, path.name) for line in lines]
    names = [case.name.casefold() for case in cases]
    twice = next((case.name for case in cases if names.count(case.name.casefold()) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise InputError(f"'{path.name}' names the case '{twice}' twice; give each a name of its own, since its mask is called like it.")
    if not cases:
        raise InputError(f"'{path.name}' names no case; it needs a line for each.")
    return cases


def _rows(path: Path) -> Iterator[list[str]]:
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            raise InputError(f"'{path}' is no table of matches; give the .csv file that --list-to wrote.")
        content = path.read_bytes()
    except OSError as error:
        raise reading_failed(error, path.name) from error
    try:
        wide = content.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
        lines = StringIO(content.decode("utf-16") if wide else content.decode("utf-8-sig", "surrogateescape"), None).readlines()
        lines = lines[bool(lines and SPREADSHEETS_OWN.fullmatch(lines[0].strip())) :]
        delimiter = max(",;\t", key=lines[0].count) if lines else ","
        return iter(list(csv.reader(lines, delimiter=delimiter)))
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"'{path.name}' cannot be read as a table ({error}); save it as CSV.") from error


def _case_of(cells: Mapping[str, str], task: Task, folder: Path, table: str) -> Case:
    """A case from the cells of a line."""
    name = cells[NAME]
    if not name or name.startswith(".") or name != Path(name).name or CONTROL.search(name):
        raise InputError(f"'{name}' in '{table}' cannot be the name of a case, since its mask is called like it; take letters and digits.")
    scans = {key: folder / cells[key] for key in task.channel_keys if cells.get(key)}
    if not scans and cells.get("problem"):
        return Case(name, problem=cells["problem"])
    return checked(Case(name, scans, why=dict.fromkeys(scans, "chosen in the table")), task)


def checked(case: Case, task: Task) -> Case:
    """A case whose scans people chose, with what is wrong with them as its problem."""
    if not case.scans:
        return replace(case, problem=f"No scan is chosen for it; choose at least one of {', '.join(task.channel_keys)}.")
    gone = next((path for path in case.scans.values() if not os.path.lexists(path)), None)
    if gone is not None:
        advice = ", or save the table as UTF-8" if any("\udc80" <= sign <= "\udcff" for sign in str(gone)) else ""
        return replace(case, problem=f"'{gone.name}', which is chosen for it, is not there; choose another file{advice}.")
    return replace(case, problem=_used_twice(list(case.scans.items())))


def _used_twice(scans: Sequence[tuple[str, Path]]) -> str:
    keys: dict[Path, str] = {}
    for key, path in scans:
        if path in keys:
            return f"'{path.name}' is chosen for {keys[path]} and for {key}; choose it once."
        keys[path] = key
    return ""
