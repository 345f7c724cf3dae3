"""The one list of segments: Slicer's own, with further columns that say what is known of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import qt
from slicer.i18n import tr as _

from neurospineseg.mrml.volumes import counting

SEGMENT_ID_ROLE = qt.Qt.UserRole + 1
"""``SegmentIDRole`` of qMRMLSegmentsModel.h."""
LEAST_ROWS, MOST_ROWS, ROW_PIXELS = 4, 12, 24
TURN_SECONDS = 0.02
"""For so long rows are filled in one turn of the event loop."""


@dataclass(frozen=True)
class Column:
    """What is told of every segment.

    Attributes:
        title, tip: heading, and what it means.
        text: of a segment (``vtkSegment``), for the table.
        exact: the same for a spreadsheet.
    """

    title: str
    tip: str
    text: Callable[[Any], str]
    exact: Callable[[Any], str]


class SegmentTable:
    """Slicer's table (visibility, color, name, status and its context menu) with columns of our own, filled in short turns of the event loop.

    Args:
        view: ``qMRMLSegmentsTableView``. Its model takes more columns than it knows, and leaves them alone.
        columns: in their order.
        chosen: called with the ID of the segment that the user selected.
        clicked: called with the ID of the segment that the user clicked on, be it selected before or not.
    """

    def __init__(self, view: Any, columns: Sequence[Column], chosen: Callable[[str], None], clicked: Callable[[str], None]) -> None:
        self.view, self.columns, self._chosen, self._clicked = view, tuple(columns), chosen, clicked
        self._node: Any = None
        self._due: list[str] = []
        self._counting: Iterator[None] = iter(())
        self._cells: dict[str, list[str]] = {}
        self._following = False
        self._timer = qt.QTimer()
        self._timer.setInterval(0)
        self._timer.connect("timeout()", self._fill_next)
        self._add_columns()
        view.connect("selectionChanged(QItemSelection,QItemSelection)", self.onSelection)
        view.tableWidget().connect("clicked(QModelIndex)", self.onClicked)
        view.tableWidget().selectionModel().connect("currentChanged(QModelIndex,QModelIndex)", self.onCurrent)

    def _add_columns(self) -> None:
        model, table = self.view.model(), self.view.tableWidget()
        self._first = model.columnCount()
        model.setColumnCount(self._first + len(self.columns))
        for number, column in enumerate(self.columns, self._first):
            model.setHeaderData(number, qt.Qt.Horizontal, column.title)
            model.setHeaderData(number, qt.Qt.Horizontal, column.tip, qt.Qt.ToolTipRole)
        table.textElideMode = qt.Qt.ElideMiddle
        table.wordWrap = False

    def show(self, node: Any) -> None:
        """Lists the segments of a segmentation, or none."""
        self._node, self._cells = node, {}
        self.view.setSegmentationNode(node)
        self.refresh()

    def refresh(self) -> None:
        """Tells everything anew; what was told before stays until then."""
        self._due = self._identifiers()
        self._counting = iter(()) if self._node is None else counting(self._node)
        self._cells = {identifier: cells for identifier, cells in self._cells.items() if identifier in self._due}
        self.show_known()
        self._timer.start()

    def show_known(self) -> None:
        """Writes into the rows what has been told already; Slicer makes rows anew when segments come and go."""
        for row, identifier in enumerate(self._rows()):
            if identifier in self._cells:
                self._write(row, self._cells[identifier])
        rows = min(MOST_ROWS, max(LEAST_ROWS, self.view.model().rowCount()))
        self.view.minimumHeight = ROW_PIXELS * (1 + rows)

    def _fill_next(self) -> None:
        """Tells a row or more, once the voxels are counted."""
        until = monotonic() + TURN_SECONDS
        for _piece in self._counting:
            if monotonic() > until:
                return
        rows = self._rows()
        while self._due:
            identifier = self._due.pop(0)
            segment = self._node.GetSegmentation().GetSegment(identifier)
            if segment is not None and identifier in rows:
                self._cells[identifier] = [column.text(segment) for column in self.columns]
                self._write(rows.index(identifier), self._cells[identifier])
            if monotonic() > until:
                return
        self._timer.stop()

    def _write(self, row: int, cells: Sequence[str]) -> None:
        for number, text in enumerate(cells, self._first):
            item = self.view.model().item(row, number)
            if item is not None and item.text() != text:
                item.setText(text)
                item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)

    def _identifiers(self) -> list[str]:
        if self._node is None:
            return []
        segmentation = self._node.GetSegmentation()
        return [segmentation.GetNthSegmentID(number) for number in range(segmentation.GetNumberOfSegments())]

    def _rows(self) -> list[str]:
        """The segment ID of each row of the model."""
        model = self.view.model()
        return [model.item(row, 0).data(SEGMENT_ID_ROLE) for row in range(model.rowCount())]

    def exact_rows(self) -> list[list[str]]:
        """Headings and, for each segment, its name and what is told of it in full."""
        segments = [self._node.GetSegmentation().GetSegment(identifier) for identifier in self._identifiers()]
        rows = [[segment.GetName(), *(column.exact(segment) for column in self.columns)] for segment in segments]
        return [[_("Structure"), *(column.title for column in self.columns)], *rows]

    def select(self, identifier: str) -> None:
        """Selects a segment without telling that it was chosen."""
        if list(self.view.selectedSegmentIDs())[:1] == [identifier]:
            return
        self._following = True
        try:
            self.view.setSelectedSegmentIDs([identifier])
        finally:
            self._following = False

    def onSelection(self, selected: Any, deselected: Any) -> None:
        chosen = list(self.view.selectedSegmentIDs())
        if chosen and not self._following:
            self._chosen(chosen[0])

    def onClicked(self, index: Any) -> None:
        identifier = self.view.segmentIDForRow(index.row())
        if identifier:
            self._clicked(identifier)

    def onCurrent(self, current: Any, previous: Any) -> None:
        """Only Slicer's own columns can be edited by a key; it sets the flags of all cells anew with every change of a segment."""
        self.view.readOnly = current.column() >= self._first

    def cleanup(self) -> None:
        self._timer.stop()
