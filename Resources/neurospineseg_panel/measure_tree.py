"""The list of measurements in the panel: a heading for each group and structure, a row for each number."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import qt

from neurospineseg.measurements.measurement import EDITED, Measurement, Measurements

NUMBER_ROLE = qt.Qt.UserRole + 1
FLAGS_COLUMN, FLAGS_PIXELS, BOLD_PIXELS = 3, 60, 12
HOVER_MILLISECONDS = 150
"""The mouse rests so long on a row before the views follow it."""


class MeasureTree:
    """Shows measurements, and tells which of them the user points at or chooses.

    Args:
        tree: ``QTreeWidget`` of four columns.
        pointed: called with the number of the measurement that the mouse rests on.
        chosen: called with that of the row that was selected.
    """

    def __init__(self, tree: Any, pointed: Callable[[int], None], chosen: Callable[[int], None]) -> None:
        self.tree, self._pointed, self._chosen = tree, pointed, chosen
        self._rows: list[Any] = []
        self._newer: dict[int, Measurement] = {}
        self._under = -1
        self._filling = False
        self._rests = qt.QTimer()
        self._rests.setSingleShot(True)
        self._rests.setInterval(HOVER_MILLISECONDS)
        self._rests.connect("timeout()", self.onRests)
        tree.header().setSectionResizeMode(0, qt.QHeaderView.Stretch)
        tree.header().resizeSection(FLAGS_COLUMN, FLAGS_PIXELS)
        tree.connect("itemEntered(QTreeWidgetItem*,int)", self.onEntered)
        tree.connect("currentItemChanged(QTreeWidgetItem*,QTreeWidgetItem*)", self.onCurrent)

    def filling(self, measured: Measurements) -> Generator[None, None, None]:
        """Shows measurements in pieces; what was open stays open."""
        opened = {name for name, item in self._headings() if item.isExpanded()}
        self._filling = True
        try:
            self.tree.clear()
            self._rows, self._newer = [], {}
            groups: dict[str, Any] = {}
            places: dict[tuple[str, str], Any] = {}
            for number, each in enumerate(measured):
                if each.group not in groups:
                    groups[each.group] = _heading(self.tree, each.group, each.group in opened or not opened)
                if (each.group, each.place_name) not in places and each.place_name:
                    places[each.group, each.place_name] = _heading(groups[each.group], each.place_name, True)
                self._rows.append(qt.QTreeWidgetItem())
                places.get((each.group, each.place_name), groups[each.group]).addChild(self._rows[number])
                self._rows[number].setData(0, NUMBER_ROLE, number)
                self.tell(number, self._newer.pop(number, each))
                yield
        finally:
            self._filling = False
            for column, more in ((1, BOLD_PIXELS), (2, 0)):
                self.tree.resizeColumnToContents(column)
                self.tree.header().resizeSection(column, self.tree.header().sectionSize(column) + more)

    def _headings(self) -> list[tuple[str, Any]]:
        items = [self.tree.topLevelItem(number) for number in range(self.tree.topLevelItemCount)]
        return [(item.text(0), item) for item in items]

    def tell(self, number: int, each: Measurement) -> None:
        """Writes a measurement into its row, once that is there."""
        if number >= len(self._rows):
            self._newer[number] = each
            return
        row = self._rows[number]
        for column, text in enumerate((each.name, each.text, error_bar(each), ", ".join(each.flags))):
            row.setText(column, text)
        font = row.font(1)
        font.setBold(EDITED in each.flags)
        row.setFont(1, font)
        row.setToolTip(0, f"{each.place_name} {each.name}".strip())
        row.setToolTip(3, ", ".join(each.flags))

    def onEntered(self, item: Any, column: int) -> None:
        self._under = self._number(item)
        self._rests.start()

    def onRests(self) -> None:
        if self._under >= 0 and not self._filling:
            self._pointed(self._under)

    def onCurrent(self, current: Any, previous: Any) -> None:
        number = self._number(current)
        if number >= 0 and not self._filling:
            self._chosen(number)

    def _number(self, item: Any) -> int:
        number = None if item is None else item.data(0, NUMBER_ROLE)
        return -1 if number is None else int(number)

    def select(self, number: int) -> None:
        if 0 <= number < len(self._rows):
            self.tree.setCurrentItem(self._rows[number])

    def clear(self) -> None:
        self._rests.stop()
        self._under, self._rows = -1, []
        self._filling = True
        self.tree.clear()
        self._filling = False

    def cleanup(self) -> None:
        self._rests.stop()


def _heading(parent: Any, text: str, is_open: bool) -> Any:
    item = qt.QTreeWidgetItem()
    (parent.addChild if isinstance(parent, qt.QTreeWidgetItem) else parent.addTopLevelItem)(item)
    item.setText(0, text)
    item.setFirstColumnSpanned(True)
    item.setExpanded(is_open)
    return item


def error_bar(each: Measurement) -> str:
    return each.error_text.replace(" to ", " – ")
