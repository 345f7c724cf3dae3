"""``report.html``: the cases of a folder of masks with a small picture of each, those that need a look most first."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

from neurospineseg.atomic_files import HeldOpen, whole_file
from neurospineseg.errors.json_text import json_of
from neurospineseg.errors.of_files import writing_failed
from neurospineseg.pages.batch_page import BatchCase, State, is_batch_page, write_batch_page
from neurospineseg.pipeline.growing_table import SHARE_OF_TIME, without_uids
from neurospineseg.pipeline.summary import DONE, KEPT, REPORT, Summary

PICTURES = "report_pictures"
MOST_VOLUMES = 40


def picture_of(mask: Path, ending: str) -> Path:
    """Where the small picture of a mask lies."""
    return mask.parent / PICTURES / f"{mask.name.removesuffix(ending)}.jpg"


class BatchReport:
    """The report beside a summary, of all cases that stand there. A file of its name that is none stays, and the report goes beside it.

    Args:
        folder: whose lock is held, see ``run_batch``.
        title: its heading.
        ending: of the masks.
        warn: told in a sentence where the report goes if a file of the user has its name.
    """

    def __init__(self, folder: Path, title: str, ending: str, warn: Callable[[str], None]) -> None:
        self._folder, self._title, self._ending = folder, title, ending
        self._path = _place(folder)
        self._known: dict[str, tuple[str, BatchCase]] = {}
        self._due = monotonic()
        if self._path.name != REPORT:
            warn(f"'{REPORT}' was not written by an earlier run and stays as it is; the report is '{self._path.name}'.")

    def write_if_due(self, summary: Summary) -> None:
        """Writes, unless that was done a moment ago.

        Raises:
            InputError: the folder cannot be written to.
        """
        if monotonic() >= self._due:
            self.write(summary)

    def write(self, summary: Summary) -> None:
        """Writes; where another program holds the file open, it stays as it is.

        Raises:
            InputError: the folder cannot be written to.
        """
        started = monotonic()
        cases = [self._case(name, line.outcome, line.warnings) for name, line in summary.lines.items()]
        try:
            with whole_file(self._path) as new:
                write_batch_page(new, cases, self._title)
        except HeldOpen:
            pass
        except OSError as error:
            raise writing_failed(error, self._folder) from error
        finally:
            self._due = monotonic() + (monotonic() - started) / SHARE_OF_TIME

    def _case(self, name: str, outcome: str, warnings: str) -> BatchCase:
        """A case, read once for as long as its outcome stays."""
        said = f"{outcome}\n{warnings}"
        if name not in self._known or self._known[name][0] != said:
            self._known[name] = said, self._read(name, outcome, warnings)
        return self._known[name][1]

    def _read(self, name: str, outcome: str, warnings: str) -> BatchCase:
        mask = self._folder / f"{name}{self._ending}"
        if outcome not in (DONE, KEPT) or not mask.exists():
            return BatchCase(name, State.FAILED, sentences=[without_uids(outcome)])
        record = _record(self._folder / f"{name}.json")
        said = record.get("uncertainty")
        share, places = (said.get("share"), said.get("places")) if isinstance(said, dict) else (None, None)
        volumes = _volumes(record.get("volumes"))
        odd = bool(record.get("implausible")) or (bool(record) and not volumes)
        try:
            picture = picture_of(mask, self._ending).read_bytes()
        except OSError:
            picture = None
        return BatchCase(
            name,
            State.IMPLAUSIBLE if odd else State.DONE,
            float(share) if isinstance(share, int | float) else None,
            places if isinstance(places, int) else 0,
            [without_uids(warnings)] if warnings else [],
            volumes,
            picture,
            mask.name,
        )


def _record(path: Path) -> Mapping[str, Any]:
    """The record of a mask; empty where it cannot be read."""
    try:
        record = json_of(path)
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _volumes(said: Any) -> list[tuple[str, float]]:
    entries = [entry for entry in said.values() if isinstance(entry, dict)] if isinstance(said, dict) else []
    named = [(str(entry.get("name")), entry.get("mL")) for entry in entries]
    return sorted(((name, float(ml)) for name, ml in named if isinstance(ml, int | float)), key=lambda each: -each[1])[:MOST_VOLUMES]


def _place(folder: Path) -> Path:
    for number in count(1):
        path = folder / (REPORT if number == 1 else f"{Path(REPORT).stem}-{number}.html")
        try:
            if not os.path.lexists(path) or is_batch_page(path):
                return path
        except OSError:
            continue
    raise AssertionError("there is always a next number")
