"""A stand-in for Slicer's list of segments: Modules/Loadable/Segmentations/Widgets/{qMRMLSegmentsTableView,qMRMLSegmentsModel}.cxx (5.12.3).

As there, the view shows a sorted and filtered model over a ``QStandardItemModel`` whose rows are made anew when segments come and go,
with as many items as the model has columns, and whose items take their flags anew with every change of a segment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from Testing.panel.bench.pythonqt import wrapped

VISIBILITY, COLOR, OPACITY, NAME, LAYER, STATUS = range(6)
ROLE = QtCore.Qt.ItemDataRole
SEGMENT_ID, COLOR_ROLE = int(ROLE.UserRole) + 1, int(ROLE.UserRole) + 7
NOT_EDITABLE = (VISIBILITY, STATUS, LAYER, COLOR)
ICON = QtCore.QSize(16, 16)
StandardItemModel, TableView = wrapped(QtGui.QStandardItemModel), wrapped(QtWidgets.QTableView)
ItemSelectionModel = wrapped(QtCore.QItemSelectionModel)


class SegmentsModel(StandardItemModel):
    """qMRMLSegmentsModel.cxx: one row a segment; ``errors`` keeps what goes to the error log there."""

    def __init__(self, parent: Any, errors: list[str]) -> None:
        super().__init__(0, 6, parent)
        self._node, self._tags, self._errors = None, [], errors
        self.setHorizontalHeaderLabels(["", "", "Opacity", "Name", "Layer", ""])

    def set_node(self, node: Any) -> None:
        if node is self._node:
            return
        for tag in self._tags:
            self._node.RemoveObserver(tag)
        self._node = node
        self._rebuild()
        kind = slicer.vtkSegmentation
        events = {
            kind.SegmentAdded: (self._added, 10.0),
            kind.SegmentRemoved: (self._removed, 10.0),
            kind.SegmentModified: (self._update, -10.0),
            slicer.vtkMRMLDisplayableNode.DisplayModifiedEvent: (self._update, -15.0),
            slicer.vtkMRMLSegmentationNode.SegmentationChangedEvent: (self._rebuild, 0.0),
        }
        self._tags = [] if node is None else [node.AddObserver(event, call, priority) for event, (call, priority) in events.items()]

    def identifiers(self) -> list[str]:
        if self._node is None:
            return []
        segmentation = self._node.GetSegmentation()
        return [segmentation.GetNthSegmentID(number) for number in range(segmentation.GetNumberOfSegments())]

    def rows(self) -> list[str]:
        return [self.item(row, 0).data(SEGMENT_ID) for row in range(self.rowCount())]

    def _rebuild(self, caller: Any = None, event: Any = None) -> None:
        self.beginResetModel()
        self.removeRows(0, self.rowCount())
        for row, identifier in enumerate(self.identifiers()):
            self._insert(row, identifier)
        self.endResetModel()

    def _insert(self, row: int, identifier: str) -> None:
        items = [QtGui.QStandardItem() for _ in range(self.columnCount())]
        for column, item in enumerate(items):
            self._describe(item, identifier, column)
        self.insertRow(row, items)

    def _added(self, caller: Any, event: Any) -> None:
        for row, identifier in enumerate(self.identifiers()):
            if identifier not in self.rows():
                self._insert(row, identifier)

    def _removed(self, caller: Any, event: Any) -> None:
        for row in reversed(range(self.rowCount())):
            if self.item(row, 0).data(SEGMENT_ID) not in self.identifiers():
                self.removeRow(row)

    def _update(self, caller: Any = None, event: Any = None) -> None:
        for row, identifier in enumerate(self.rows()):
            if identifier in self.identifiers():
                for column in range(self.columnCount()):
                    self._describe(self.item(row, column), identifier, column)

    def _describe(self, item: Any, identifier: str, column: int) -> None:
        """``updateItemFromSegment``: flags and ID of every column, data of those that the model knows."""
        flags = QtCore.Qt.ItemFlag.ItemIsEnabled | QtCore.Qt.ItemFlag.ItemIsSelectable
        item.setFlags(flags if column in NOT_EDITABLE else flags | QtCore.Qt.ItemFlag.ItemIsEditable)
        item.setData(identifier, SEGMENT_ID)
        segment = self._node.GetSegmentation().GetSegment(identifier)
        if column == NAME:
            item.setText(segment.GetName())
            item.setToolTip(segment.GetTerminology())
        elif column == COLOR:
            item.setData(QtGui.QColor.fromRgbF(*segment.GetColor()), COLOR_ROLE)
        if column not in (NAME, STATUS, LAYER) and self._node.GetDisplayNode() is None:
            self._errors.append("Invalid segmentation display node")


class _SegmentsTableView(QtWidgets.QWidget):
    """qMRMLSegmentsTableView.cxx. It is a qMRMLWidget with a message, a filter bar (left out) and a QTableView."""

    selectionChanged = QtCore.Signal(object, object)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.errors: list[str] = []
        self._node, self._scene, self._jumps = None, None, False
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._message = QtWidgets.QLabel("No node is selected", self)
        layout.addWidget(self._message)
        self._table = TableView(self)
        layout.addWidget(self._table)
        self._model = SegmentsModel(self._table, self.errors)
        self._proxy = QtCore.QSortFilterProxyModel(self._table)
        self._proxy.setSourceModel(self._model)
        self._set_up_table()
        self._proxy.rowsInserted.connect(lambda *_: QtCore.QTimer.singleShot(0, self._make_buttons))
        self._proxy.modelReset.connect(self._make_buttons)
        self._table.selectionModel().selectionChanged.connect(self._selected)

    def _set_up_table(self) -> None:
        table, mode = self._table, QtWidgets.QHeaderView.ResizeMode
        table.setModel(self._proxy)
        self._selection = ItemSelectionModel(self._proxy, table)
        self._selection.pythonqt_signals = {"currentChanged(QModelIndex,QModelIndex)": "currentChanged"}
        table.setSelectionModel(self._selection)
        table.setMinimumHeight(75)
        table.setAlternatingRowColors(True)
        table.setIconSize(ICON)
        table.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        table.setColumnHidden(LAYER, True)
        header = table.horizontalHeader()
        header.setSectionResizeMode(mode.ResizeToContents)
        header.setSectionResizeMode(NAME, mode.Stretch)
        header.setStretchLastSection(False)
        table.verticalHeader().setSectionResizeMode(mode.ResizeToContents)
        table.verticalHeader().hide()

    opacityColumnVisible = QtCore.Property(
        bool, lambda self: not self._table.isColumnHidden(OPACITY), lambda self, on: self._table.setColumnHidden(OPACITY, not on)
    )
    statusColumnVisible = QtCore.Property(
        bool, lambda self: not self._table.isColumnHidden(STATUS), lambda self, on: self._table.setColumnHidden(STATUS, not on)
    )
    readOnly = QtCore.Property(bool, lambda self: self._is_read_only(), lambda self, on: self._set_read_only(on))
    jumpToSelectedSegmentEnabled = QtCore.Property(bool, lambda self: self._jumps, lambda self, on: setattr(self, "_jumps", on))
    segmentCount = QtCore.Property(int, lambda self: self._model.rowCount())

    def _is_read_only(self) -> bool:
        return QtWidgets.QAbstractItemView.editTriggers(self._table) == QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers

    def _set_read_only(self, on: bool) -> None:
        trigger = QtWidgets.QAbstractItemView.EditTrigger
        self._table.setEditTriggers(trigger.NoEditTriggers if on else trigger.EditKeyPressed)

    def tableWidget(self) -> Any:
        return self._table

    def model(self) -> Any:
        return self._model

    def sortFilterProxyModel(self) -> Any:
        return self._proxy

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        if self._node is not None and scene is not self._node.GetScene():
            self.setSegmentationNode(None)
        self._scene = scene

    def segmentationNode(self) -> Any:
        return self._node

    def setSegmentationNode(self, node: Any) -> None:
        self._node = node
        self._model.set_node(node)
        self._message.setText("No node is selected" if node is None else "Empty segmentation")
        self._message.setVisible(not self._model.identifiers())

    def displayedSegmentIDs(self) -> list[str]:
        return [self.segmentIDForRow(row) for row in range(self._proxy.rowCount())]

    def rowForSegmentID(self, identifier: str) -> int:
        shown = self.displayedSegmentIDs()
        return shown.index(identifier) if identifier in shown else -1

    def segmentIDForRow(self, row: int) -> str:
        return self._proxy.index(row, 0).data(SEGMENT_ID) or ""

    def selectedSegmentIDs(self) -> tuple[str, ...]:
        """A tuple, as PythonQt makes of a QStringList."""
        rows = range(self._proxy.rowCount())
        return tuple(self.segmentIDForRow(row) for row in rows if self._table.selectionModel().isRowSelected(row, QtCore.QModelIndex()))

    def setSelectedSegmentIDs(self, identifiers: Any) -> None:
        if self._node is None and identifiers:
            self.errors.append("setSelectedSegmentIDs failed: segmentation node is not set")
            return
        if tuple(identifiers) == self.selectedSegmentIDs():
            return
        flag, valid = QtCore.QItemSelectionModel.SelectionFlag, False
        for identifier in identifiers:
            row = self.rowForSegmentID(identifier)
            if row >= 0:
                once = flag.Select if valid else flag.ClearAndSelect
                self._table.selectionModel().select(self._proxy.index(row, 0), once | flag.Rows)
                valid = True
        if not valid:
            self._table.selectionModel().clearSelection()

    def clearSelection(self) -> None:
        self._table.clearSelection()

    def _selected(self, selected: Any, deselected: Any) -> None:
        self.selectionChanged.emit(selected, deselected)

    def _make_buttons(self) -> None:
        """Buttons that lie over the cells of visibility and color, so that a click there does not reach the table."""
        for row in range(self._proxy.rowCount()):
            identifier = self.segmentIDForRow(row)
            color = self._proxy.index(row, COLOR).data(COLOR_ROLE)
            self._put_button(row, COLOR, _square(color), lambda: None)
            self._put_button(row, VISIBILITY, _eye(self._is_visible(identifier)), lambda chosen=identifier: self._toggle(chosen))

    def _put_button(self, row: int, column: int, icon: QtGui.QIcon, clicked: Callable[[], None]) -> None:
        button = QtWidgets.QToolButton()
        button.setAutoRaise(True)
        button.setIconSize(ICON)
        button.setIcon(icon)
        button.clicked.connect(lambda checked: clicked())
        self._table.setIndexWidget(self._proxy.index(row, column), button)

    def _is_visible(self, identifier: str) -> bool:
        display = self._node.GetDisplayNode() if self._node is not None else None
        return display is not None and bool(display.GetSegmentVisibility(identifier))

    def _toggle(self, identifier: str) -> None:
        self._node.GetDisplayNode().SetSegmentVisibility(identifier, not self._is_visible(identifier))
        self._make_buttons()


def _pixmap(draw: Callable[[QtGui.QPainter], None]) -> QtGui.QIcon:
    pixmap = QtGui.QPixmap(ICON)
    pixmap.fill(QtCore.Qt.GlobalColor.transparent)
    painter = QtGui.QPainter(pixmap)
    painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
    draw(painter)
    painter.end()
    return QtGui.QIcon(pixmap)


def _square(color: QtGui.QColor) -> QtGui.QIcon:
    return _pixmap(lambda painter: painter.fillRect(2, 2, 12, 12, color))


def _eye(open_: bool) -> QtGui.QIcon:
    def draw(painter: QtGui.QPainter) -> None:
        painter.drawEllipse(1, 4, 14, 8)
        if open_:
            painter.setBrush(QtCore.Qt.GlobalColor.black)
            painter.drawEllipse(6, 6, 4, 4)

    return _pixmap(draw)


def make_class(named: Callable[..., type]) -> type:
    """The class, as the ``slicer`` namespace holds it."""
    made = named(_SegmentsTableView, "qMRMLSegmentsTableView")
    made.pythonqt_signals = {"selectionChanged(QItemSelection,QItemSelection)": "selectionChanged"}
    made.errors = None
    return made
