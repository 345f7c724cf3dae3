"""The table of a batch's cases: which file is which scan, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from neurospineseg.images.scan_names import stem
from neurospineseg.pipeline.case import Case
from neurospineseg.pipeline.match_table import checked
from neurospineseg.tasks.task import Task
from neurospineseg_panel.turns import Turns

WARNING_COLOR, DONE_COLOR = "#a05a00", "#1d7f45"
LEAST_ROWS, MOST_ROWS = 3, 9
"""Shown at once; the rest is scrolled to."""
ROW_PIXELS, CASE_PIXELS, STATE_PIXELS, SCAN_PIXELS = 24, 78, 62, 58
FIRST_SCAN = 2
"""Column."""


class BatchTable:
    """A row for each case; its cells are filled piece by piece, so that thousands do not hold up the window.

    Args:
        widget: a ``QTableWidget``.
        task: of the module.
        opened: called with a case whose row was double-clicked.
        chosen: called when another cell is the current one.
    """

    def __init__(self, widget: Any, task: Task, opened: Callable[[Case], None], chosen: Callable[[], None]) -> None:
        self.widget, self.task = widget, task
        self.cases: list[Case] = []
        self._rows: dict[str, int] = {}
        self._filling = Turns(lambda error: None)
        self._opened = opened
        widget.setColumnCount(len(task.channels) + 2)
        widget.setHorizontalHeaderLabels([_("Case"), _("State"), *(_("Scan") if task.single else key for key in task.channel_keys)])
        for column, pixels in enumerate([CASE_PIXELS, STATE_PIXELS, *[SCAN_PIXELS] * len(task.channels)]):
            widget.setColumnWidth(column, pixels)
        widget.setTextElideMode(qt.Qt.ElideMiddle)
        widget.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
        widget.setSelectionMode(qt.QAbstractItemView.SingleSelection)
        widget.verticalHeader().setVisible(False)
        widget.verticalHeader().setDefaultSectionSize(ROW_PIXELS)
        widget.horizontalHeader().setStretchLastSection(True)
        widget.connect("cellDoubleClicked(int,int)", self._on_double_click)
        widget.connect("currentCellChanged(int,int,int,int)", lambda *cells: chosen())

    @property
    def current(self) -> tuple[Case, str | None] | None:
        """The case of the current cell and the channel that it shows; None for none."""
        row, column = self.widget.currentRow(), self.widget.currentColumn()
        if not 0 <= row < len(self.cases):
            return None
        keys = self.task.channel_keys
        return self.cases[row], keys[column - FIRST_SCAN] if FIRST_SCAN <= column < FIRST_SCAN + len(keys) else None

    def show(self, cases: Sequence[Case], states: Callable[[Case], str]) -> None:
        """Lists cases.

        Args:
            states: what became of a case, in a word or a sentence.
        """
        self.cases, self._rows = list(cases), {case.name: row for row, case in enumerate(cases)}
        self.widget.clearContents()
        self.widget.setRowCount(len(self.cases))
        self.widget.setMinimumHeight((1 + max(LEAST_ROWS, min(MOST_ROWS, len(self.cases)))) * ROW_PIXELS + 6)
        self._filling.start(self._fill(states), lambda nothing: None)

    def _fill(self, states: Callable[[Case], str]) -> Generator[None, None, None]:
        for row, case in enumerate(self.cases):
            self._fill_row(row, case)
            self.tell(case.name, states(case))
            yield

    def _fill_row(self, row: int, case: Case) -> None:
        self._set(row, 0, case.name, case.name)
        for column, key in enumerate(self.task.channel_keys, FIRST_SCAN):
            path = case.scans.get(key)
            tip = "" if path is None else f"{path}\n{case.why.get(key, '')}".strip()
            self._set(row, column, "" if path is None else stem(path.name), tip or _("No scan; choose one below."))

    def _set(self, row: int, column: int, text: str, tip: str) -> Any:
        item = self.widget.item(row, column)
        if item is None:
            item = qt.QTableWidgetItem()
            self.widget.setItem(row, column, item)
        item.setText(text)
        item.setToolTip(tip)
        return item

    def tell(self, name: str, state: str) -> None:
        """Writes what became of a case; an empty word for what waits."""
        row = self._rows.get(name)
        if row is None:
            return
        case = self.cases[row]
        state = state or case.problem
        item = self._set(row, 1, state, state)
        color = DONE_COLOR if state == _("done") else WARNING_COLOR if "." in state else None
        item.setForeground(qt.QBrush() if color is None else qt.QBrush(qt.QColor(color)))

    def follow(self, name: str) -> None:
        """Scrolls to a case."""
        row = self._rows.get(name)
        if row is not None and self.widget.item(row, 0) is not None:
            self.widget.scrollToItem(self.widget.item(row, 0))

    def choose(self, path: Path | None) -> None:
        """Makes a file the scan of the current cell, or none."""
        current = self.current
        case, key = current or (None, None)
        if case is None or key is None:
            return
        scans = {channel: other for channel, other in case.scans.items() if channel != key}
        why = {channel: words for channel, words in case.why.items() if channel in scans}
        if path is not None:
            scans[key], why[key] = path, _("chosen by hand")
        row = self._rows[case.name]
        self.cases[row] = checked(replace(case, scans=scans, why=why, problem=""), self.task)
        self._fill_row(row, self.cases[row])
        self.tell(case.name, "")

    def remove_current(self) -> None:
        """Takes the current case out of the list; its files stay."""
        row = self.widget.currentRow()
        if 0 <= row < len(self.cases):
            del self.cases[row]
            self.widget.removeRow(row)
            self._rows = {case.name: number for number, case in enumerate(self.cases)}

    def _on_double_click(self, row: int, column: int) -> None:
        if 0 <= row < len(self.cases):
            self._opened(self.cases[row])

    def stop(self) -> None:
        self._filling.stop()
