"""What the shell prints: tables, progress with the time left, warnings. Safe on terminals that know no Unicode."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table


def forgive_encoding(*streams: TextIO) -> None:
    """Lets a stream print ``?`` where its encoding lacks a character, instead of failing."""
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def out() -> Console:
    """Results, on the standard output."""
    return Console(file=sys.stdout, highlight=False)


def say(sentence: str) -> None:
    """One sentence on the standard error, never wrapped and never styled."""
    print(sentence, file=sys.stderr, flush=True)


def table(title: str | None, columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> Table:
    """A table of plain text; columns whose numbers are in ``right`` are aligned to the right."""
    result = Table(title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD)
    for number, column in enumerate(columns):
        result.add_column(column, justify="right" if number in right else "left", overflow="fold", no_wrap=number < len(columns) - 1)
    for row in rows:
        result.add_row(*[cell.replace("[", r"\[") for cell in row])
    return result


class StageProgress:
    """One line per stage with bar, time spent and time left; silent where the standard error is no terminal.

    An instance is the ``progress`` that ``Segmenter.run`` calls: ``progress(stage, fraction)``.
    """

    def __init__(self) -> None:
        console = Console(file=sys.stderr)
        self._bars = Progress(
            TextColumn("{task.description:<34}"),
            BarColumn(bar_width=28),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(compact=True),
            console=console,
            disable=not console.is_terminal,
        )
        self._stage: str | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> StageProgress:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self._finish()
        self._bars.stop()

    def __call__(self, stage: str, fraction: float) -> None:
        if stage != self._stage:
            self._finish()
            self._stage, self._task = stage, self._bars.add_task(stage, total=1.0)
        if self._task is not None:
            self._bars.update(self._task, completed=fraction)

    def _finish(self) -> None:
        if self._task is not None:
            self._bars.update(self._task, completed=1.0)
