"""``slicer.util.loadUI`` for Designer files with Slicer's widgets.

Checked against ``loadUI`` in Slicer's Base/Python/slicer/util.py and Base/QTGUI/qSlicerUiLoader.h.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from PySide6 import QtCore
from PySide6.QtUiTools import QUiLoader


class UiLoader(QUiLoader):
    """Makes every widget of a Designer file from the bench's own classes."""

    def __init__(self, classes: dict[str, type]) -> None:
        super().__init__()
        self.classes = classes
        self._made: dict[str, Any] = {}

    def createWidget(self, name: str, parent: Any = None, object_name: str = "") -> Any:
        if name not in self.classes:
            raise ValueError(f"the bench has no widget {name}")
        widget = self.classes[name](parent)
        widget.setObjectName(object_name)
        self._made[object_name] = widget
        return widget

    def load_file(self, path: str) -> Any:
        """The widget; scene connections of the file are made too, others are not expected."""
        if not Path(path).is_file():
            raise RuntimeError(f"Could not load UI file: file not found {path}")
        tree = ET.parse(path)
        root = tree.getroot()
        connections = root.findall("connections/connection")
        for parent in root.findall("connections"):
            root.remove(parent)
        buffer = QtCore.QBuffer()
        buffer.setData(ET.tostring(root))
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        self._made.clear()
        self.load(buffer)
        made, widget = dict(self._made), self._made[root.find("widget").get("name")]
        for connection in connections:
            sender, signal, receiver, slot = (connection.findtext(part) for part in ("sender", "signal", "receiver", "slot"))
            if (signal, slot) != ("mrmlSceneChanged(vtkMRMLScene*)", "setMRMLScene(vtkMRMLScene*)"):
                raise ValueError(f"the bench does not make the connection {signal} -> {slot}")
            made[sender].connect(signal, made[receiver].setMRMLScene)
        return widget
