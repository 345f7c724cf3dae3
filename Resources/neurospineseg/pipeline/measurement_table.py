"""``measurements.csv``: what the masks of a folder measure, one row for each case, kept up to date while a batch runs."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurospineseg.errors import one_line
from neurospineseg.measurements.measurement import Measurements
from neurospineseg.measurements.table import add_columns, flagged, wide_row
from neurospineseg.pipeline.growing_table import GrowingTable, without_uids

MEASUREMENTS = "measurements.csv"
FIRST, LAST = ["case", "outcome"], ["flagged", "notes"]
MEASURED = "measured"


@dataclass(frozen=True)
class Row:
    """What is known of a case.

    Attributes:
        outcome: ``measured``, or the sentence that says why it was not.
        values: numbers by column.
        flagged: what is to be known of each number.
        notes: what is to be known of all.
    """

    outcome: str
    values: dict[str, str]
    flagged: str = ""
    notes: str = ""


class MeasurementTable(GrowingTable[Row]):
    """The measurements in a folder of masks. Cases of earlier batches that wrote into it stay in it."""

    name = MEASUREMENTS
    encoding = "utf-8-sig"  # which Excel needs

    def __init__(self, folder: Path, warn: Callable[[str], None]) -> None:
        self._columns: list[str] = []
        self._written = 0.0
        super().__init__(folder, warn)

    def holds(self, case: str, mask: Path) -> bool:
        """Whether a case was measured, and its mask has not been changed since.

        Raises:
            OSError: the mask is not there any more.
        """
        row = self.lines.get(one_line(case))
        return row is not None and row.outcome == MEASURED and mask.stat().st_mtime <= self._written

    def note(self, case: str, measured: Measurements) -> None:
        """Keeps what a case measures; what has no items was not measured, and its notes say why."""
        notes = " ".join(dict.fromkeys(measured.notes))
        if not measured.items:
            self.fail(case, notes or "There is nothing in it that is measured.")
            return
        add_columns(self._columns, measured)
        self.lines[one_line(case)] = Row(MEASURED, wide_row(measured), flagged(measured), notes)

    def fail(self, case: str, sentence: str) -> None:
        """Keeps why a case was not measured."""
        self.lines[one_line(case)] = Row(sentence, {})

    def rows(self) -> Iterator[Sequence[str]]:
        yield [*FIRST, *self._columns, *LAST]
        for case, row in self.lines.items():
            numbers = [row.values.get(column, "") for column in self._columns]
            yield [case, without_uids(row.outcome), *numbers, row.flagged, without_uids(row.notes)]

    def read(self, path: Path) -> dict[str, Row] | None:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            if header[:2] != FIRST or header[-2:] != LAST:
                return None
            columns = header[2:-2]
            self._columns += [column for column in columns if column not in self._columns]
            self._written = path.stat().st_mtime
            return {row[0]: Row(row[1], dict(zip(columns, row[2:-2])), *row[-2:]) for row in rows if len(row) == len(header)}
