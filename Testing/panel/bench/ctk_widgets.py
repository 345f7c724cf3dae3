"""Stand-ins for ctk's widgets, with the properties and signals that Designer files and panels use."""

from __future__ import annotations

import types
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from Testing.panel.bench.pythonqt import wrapped

HEADER = 24
UNUSED = (
    "ctkComboBox ctkCheckablePushButton ctkDoubleSlider ctkSliderWidget ctkRangeWidget ctkDoubleRangeSlider ctkPathLineEdit "
    "ctkColorPickerButton ctkDoubleSpinBox ctkCheckableComboBox ctkCheckBox ctkSpinBox ctkMaterialPropertyWidget"
).split()
"""Names that Slicer's own parameterNodeWrapper asks for; our panels have none of them."""


class _CollapsibleButton(QtWidgets.QWidget):
    """ctk: Libs/Widgets/ctkCollapsibleButton.h (properties text, collapsed; signal contentsCollapsed(bool))."""

    contentsCollapsed = QtCore.Signal(bool)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._text, self._collapsed = "", False
        self.setContentsMargins(4, HEADER, 0, 2)

    def _set_text(self, text: str) -> None:
        self._text = text
        self.update()

    def _set_collapsed(self, collapsed: bool) -> None:
        if collapsed != self._collapsed:
            self._collapsed = collapsed
            self.setMaximumHeight(HEADER if collapsed else 16777215)
            self.update()
            self.contentsCollapsed.emit(collapsed)

    text = QtCore.Property(str, lambda self: self._text, _set_text)
    collapsed = QtCore.Property(bool, lambda self: self._collapsed, _set_collapsed)

    def minimumSizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(0, HEADER) if self._collapsed else super().minimumSizeHint()

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        if event.position().y() < HEADER:
            self._set_collapsed(not self._collapsed)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter, width = QtGui.QPainter(self), QtWidgets.QWidget.width(self)
        painter.fillRect(0, 1, width, HEADER - 3, QtWidgets.QWidget.palette(self).color(QtGui.QPalette.ColorRole.Mid))
        title = f"{'▸' if self._collapsed else '▾'}  {self._text}"
        painter.drawText(QtCore.QRect(6, 0, width, HEADER - 2), QtCore.Qt.AlignmentFlag.AlignVCenter, title)


class _DirectoryButton(QtWidgets.QWidget):
    """ctk: Libs/Widgets/ctkDirectoryButton.{h,cpp}: a button in a widget.

    Its folder is the current one at first; another becomes absolute. ``directoryChanged(QString)`` comes when it is another
    one, ``directorySelected(QString)`` whenever one is given.
    """

    directoryChanged = QtCore.Signal(str)
    directorySelected = QtCore.Signal(str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._directory, self._button, self._text = QtCore.QDir("."), QtWidgets.QPushButton(".", self), ""
        layout.addWidget(self._button)

    def _set_directory(self, directory: str) -> None:
        given = QtCore.QDir(directory)
        changed = given != self._directory
        if changed:
            self._directory.setPath(given.absolutePath())
            self._button.setText(self._text or self._directory.path())
        self.directorySelected.emit(given.absolutePath())
        if changed:
            self.directoryChanged.emit(self._directory.absolutePath())

    def _set_text(self, text: str) -> None:
        self._text = text
        self._button.setText(text or self._directory.path())

    directory = QtCore.Property(str, lambda self: self._directory.path(), _set_directory)
    text = QtCore.Property(str, lambda self: self._text, _set_text)


def _named(base: type, name: str) -> type:
    """A wrapped stand-in under the name it has in ctk; its own properties stay what PySide made them."""
    made = wrapped(base, name)
    for attribute, value in vars(base).items():
        if isinstance(value, QtCore.Property):
            setattr(made, attribute, value)
    return made


def make_module() -> types.ModuleType:
    """The module ``ctk``."""
    module = types.ModuleType("ctk")
    module.ctkCollapsibleButton = _named(_CollapsibleButton, "ctkCollapsibleButton")
    module.ctkDirectoryButton = _named(_DirectoryButton, "ctkDirectoryButton")
    module.ctkMenuButton = wrapped(QtWidgets.QPushButton, "ctkMenuButton")
    for name in UNUSED:
        setattr(module, name, type(name, (QtWidgets.QWidget,), {}))
    return module
