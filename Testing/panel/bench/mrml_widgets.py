"""Stand-ins for Slicer's MRML widgets, over the real scene."""

from __future__ import annotations

from typing import Any

from PySide6 import QtCore, QtWidgets

from Testing.panel.bench import segments_table
from Testing.panel.bench.node_combo_box import NodeComboBox
from Testing.panel.bench.pythonqt import wrapped
from Testing.panel.bench.segment_editor import SegmentEditorWidget


class _MRMLWidget(QtWidgets.QWidget):
    """Libs/MRML/Widgets/qMRMLWidget.h (setMRMLScene, mrmlScene, mrmlSceneChanged(vtkMRMLScene*)); isEntered is of qSlicerAbstractModuleWidget.h."""

    sceneChanged = QtCore.Signal(object)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._entered = False

    isEntered = QtCore.Property(bool, lambda self: self._entered)

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        if scene is not self._scene:
            self._scene = scene
            self.sceneChanged.emit(scene)


class _Show3DButton(QtWidgets.QPushButton):
    """Modules/Loadable/Segmentations/Widgets/qMRMLSegmentationShow3DButton.h (a ctkMenuButton; setSegmentationNode)."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__("Show 3D", parent)
        self.setCheckable(True)
        self._node = None
        self.toggled.connect(self._toggled)

    def segmentationNode(self) -> Any:
        return self._node

    def setSegmentationNode(self, node: Any) -> None:
        self._node = node

    def _toggled(self, on: bool) -> None:
        if self._node is not None:
            (self._node.CreateClosedSurfaceRepresentation if on else self._node.RemoveClosedSurfaceRepresentation)()


def _named(base: type, name: str, **signals: str) -> type:
    made = wrapped(base, name)
    for kind in base.__mro__:
        for attribute, value in vars(kind).items():
            if isinstance(value, QtCore.Property):
                setattr(made, attribute, value)
    made.pythonqt_signals = signals
    return made


def make_classes() -> dict[str, type]:
    """Name and class of each widget, as the ``slicer`` namespace holds them."""
    combo = _named(NodeComboBox, "qMRMLNodeComboBox")
    combo.currentNodeChanged = property(lambda self: self.nodeChanged)
    combo.currentNodeIDChanged = property(lambda self: self.nodeIDChanged)
    combo.pythonqt_signals = {"currentNodeChanged(vtkMRMLNode*)": "nodeChanged", "currentNodeIDChanged(QString)": "nodeIDChanged"}
    widget = _named(_MRMLWidget, "qMRMLWidget")
    widget.pythonqt_signals = {"mrmlSceneChanged(vtkMRMLScene*)": "sceneChanged"}
    editor = _named(SegmentEditorWidget, "qMRMLSegmentEditorWidget")
    for attribute in ("shortcuts", "observing", "errors"):
        setattr(editor, attribute, None)
    return {
        "qMRMLWidget": widget,
        "qMRMLNodeComboBox": combo,
        "qMRMLSegmentsTableView": segments_table.make_class(_named),
        "qMRMLSegmentationShow3DButton": _named(_Show3DButton, "qMRMLSegmentationShow3DButton"),
        "qMRMLSegmentEditorWidget": editor,
    }
