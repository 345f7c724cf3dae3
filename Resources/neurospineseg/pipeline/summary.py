"""``summary.csv``: what became of each case of a folder of masks, and what is to be known of it, kept up to date while a batch runs."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import monotonic

from neurospineseg.atomic_files import HeldOpen, whole_file
from neurospineseg.errors import one_line
from neurospineseg.errors.of_files import writing_failed

SUMMARY = "summary.csv"
HEADER = ("case", "outcome", "warnings")
FORMER_HEADER = ("case", "outcome")
"""Of earlier versions."""
UID = re.compile(r"\b[0-2](?:\.\d+){5,}")
"""Of a DICOM series: on the screen it can be chosen by it, but it tells whose scan that is."""
SHARE_OF_TIME = 0.05
"""At most so much of a batch's time is spent on writing its summary, which has tens of thousands of lines in some."""


@dataclass(frozen=True)
class Line:
    outcome: str
    warnings: str = ""

    def cells(self, case: str) -> tuple[str, str, str]:
        return case, UID.sub("<UID>", self.outcome), UID.sub("<UID>", self.warnings)


class Summary:
    """The summary in a folder of masks. Cases of earlier batches that wrote into it stay in it.

    Args:
        folder: whose lock is held, see ``run_batch``.
        warn: told in a sentence where the summary goes if a file of the user has its name, or that another program holds it open.
    """

    def __init__(self, folder: Path, warn: Callable[[str], None]) -> None:
        self._folder, self._warn = folder, warn
        self._path, self._lines = _place(folder)
        self._is_there = self._path.exists()
        self._due, self._warned = 0.0, False
        if self._path.name != SUMMARY:
            self._tell_place()

    def note(self, case: str, outcome: str, warnings: Sequence[str] | None = None) -> None:
        """Keeps what became of a case; without ``warnings`` those that stand there stay."""
        case = one_line(case)
        former = self._lines.get(case, Line(""))
        self._lines[case] = Line(outcome, former.warnings if warnings is None else " ".join(dict.fromkeys(warnings)))

    def write_if_due(self) -> None:
        """Writes, unless it was written a moment ago.

        Raises:
            InputError: the folder cannot be written to.
        """
        if monotonic() >= self._due and not self._write() and not self._warned:
            self._warned = True
            self._warn(
                f"'{self._path.name}' cannot be replaced while it is open in another program; close it there, and it is written after the next case."
            )

    def finish(self) -> None:
        """Writes at the end.

        Raises:
            InputError: the folder cannot be written to.
        """
        if not self._write():
            self._warn(
                f"'{self._path.name}' lacks the last outcomes, since it is open in another program; close it there and run again to have it written."
            )

    def _write(self) -> bool:
        """Returns False where another program holds the file open, as Excel does."""
        started = monotonic()
        try:
            with whole_file(self._path, overwrite=self._is_there) as new, open(new, "w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([HEADER, *(line.cells(case) for case, line in self._lines.items())])
        except FileExistsError:
            self._path, others = _place(self._folder)
            self._is_there, self._lines = self._path.exists(), others | self._lines
            self._tell_place()
            return self._write()
        except HeldOpen:
            return False
        except OSError as error:
            raise writing_failed(error, self._folder) from error
        finally:
            self._due = monotonic() + (monotonic() - started) / SHARE_OF_TIME
        self._is_there = True
        return True

    def _tell_place(self) -> None:
        self._warn(f"'{SUMMARY}' was not written by an earlier run and stays as it is; the outcomes go into '{self._path.name}'.")


def _place(folder: Path) -> tuple[Path, dict[str, Line]]:
    """``summary.csv``, or ``summary-2.csv`` and so on where that is not the summary of an earlier run; and what stands in it."""
    for number in count(1):
        path = folder / (SUMMARY if number == 1 else f"{Path(SUMMARY).stem}-{number}.csv")
        if not os.path.lexists(path):
            return path, {}
        lines = _read(path)
        if lines is not None:
            return path, lines
    raise AssertionError("there is always a next number")


def _read(path: Path) -> dict[str, Line] | None:
    """The lines of a summary by case; None where a file is none."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            if tuple(next(rows, ())) not in (HEADER, FORMER_HEADER):
                return None
            return {row[0]: Line(*row[1:3]) for row in rows if len(row) in (2, 3)}
    except (OSError, ValueError, csv.Error):
        return None
