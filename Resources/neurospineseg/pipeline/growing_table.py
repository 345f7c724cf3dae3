"""A table in a folder of masks that is kept up to date while a batch runs, and in which the cases of earlier batches stay."""

from __future__ import annotations

import csv
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from time import monotonic
from typing import ClassVar, Generic, TypeVar

from neurospineseg.atomic_files import HeldOpen, whole_file
from neurospineseg.errors.of_files import writing_failed

UID = re.compile(r"\b[0-2](?:\.\d+){5,}")
"""Of a DICOM series: on the screen it can be chosen by it, but it tells whose scan that is."""
SHARE_OF_TIME = 0.05
"""At most so much of a batch's time is spent on writing a table, which has tens of thousands of lines in some."""

Line = TypeVar("Line")


def without_uids(text: str) -> str:
    """A sentence as it may stay in a file.

    >>> without_uids("Choose series 1.2.826.0.1.3680043.9.")
    'Choose series <UID>.'
    """
    return UID.sub("<UID>", text)


class GrowingTable(ABC, Generic[Line]):
    """A table with a line for each case. A file of its name that holds something else stays, and the table goes beside it.

    Args:
        folder: whose lock is held, see ``run_batch``.
        warn: told in a sentence where the table goes if a file of the user has its name, or that another program holds it open.

    Attributes:
        name: of the file.
        encoding: in which it is written.
        lines: by case.
    """

    name: ClassVar[str]
    encoding: ClassVar[str] = "utf-8"

    def __init__(self, folder: Path, warn: Callable[[str], None]) -> None:
        self._folder, self._warn = folder, warn
        self._path, self.lines = self._place()
        self._is_there = self._path.exists()
        self._due, self._warned = 0.0, False
        if self._path.name != self.name:
            self._tell_place()

    @abstractmethod
    def rows(self) -> Iterator[Sequence[str]]:
        """The header and the rows."""

    @abstractmethod
    def read(self, path: Path) -> dict[str, Line] | None:
        """The lines of a file by case; None where it is none of these tables.

        Raises:
            OSError, ValueError, csv.Error: it cannot be read.
        """

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
            with (
                whole_file(self._path, overwrite=self._is_there) as new,
                open(new, "w", newline="", encoding=self.encoding) as file,
            ):
                csv.writer(file).writerows(self.rows())
        except FileExistsError:
            self._path, others = self._place()
            self._is_there, self.lines = self._path.exists(), others | self.lines
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
        self._warn(f"'{self.name}' was not written by an earlier run and stays as it is; the outcomes go into '{self._path.name}'.")

    def _place(self) -> tuple[Path, dict[str, Line]]:
        """``summary.csv``, or ``summary-2.csv`` and so on where that is not the table of an earlier run; and what stands in it."""
        for number in count(1):
            path = self._folder / (self.name if number == 1 else f"{Path(self.name).stem}-{number}.csv")
            if not os.path.lexists(path):
                return path, {}
            try:
                lines = self.read(path)
            except (OSError, ValueError, csv.Error):
                continue
            if lines is not None:
                return path, lines
        raise AssertionError("there is always a next number")
