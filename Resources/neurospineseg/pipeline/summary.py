"""``summary.csv``: what became of each case of a folder of masks, and what is to be known of it, kept up to date while a batch runs."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurospineseg.errors import one_line
from neurospineseg.pipeline.growing_table import GrowingTable, without_uids

SUMMARY, REPORT = "summary.csv", "report.html"
"""Beside the masks of a batch."""
DONE, KEPT = "done", "kept"
"""Outcomes of a case whose mask is there; every other outcome is a sentence."""
HEADER = ("case", "outcome", "warnings")
FORMER_HEADER = ("case", "outcome")
"""Of earlier versions."""


@dataclass(frozen=True)
class Line:
    outcome: str
    warnings: str = ""


class Summary(GrowingTable[Line]):
    """The summary in a folder of masks. Cases of earlier batches that wrote into it stay in it."""

    name = SUMMARY

    def note(self, case: str, outcome: str, warnings: Sequence[str] | None = None) -> None:
        """Keeps what became of a case; without ``warnings`` those that stand there stay."""
        case = one_line(case)
        former = self.lines.get(case, Line(""))
        self.lines[case] = Line(outcome, former.warnings if warnings is None else " ".join(dict.fromkeys(warnings)))

    def rows(self) -> Iterator[Sequence[str]]:
        yield HEADER
        for case, line in self.lines.items():
            yield case, without_uids(line.outcome), without_uids(line.warnings)

    def read(self, path: Path) -> dict[str, Line] | None:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            if tuple(next(rows, ())) not in (HEADER, FORMER_HEADER):
                return None
            return {row[0]: Line(*row[1:3]) for row in rows if len(row) in (2, 3)}
