"""Stand-ins for Slicer's MRML widgets, over the real scene."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6 import QtCore, QtWidgets

from Testing.panel.bench import segments_table
from Testing.panel.bench.pythonqt import wrapped

EFFECTS = ("None", "Threshold", "Paint", "Draw", "Erase", "Level tracing", "Grow", "Fill", "Margin", "Hollow", "Smooth", "Scissors")


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


class _NodeComboBox(QtWidgets.QWidget):
    """Libs/MRML/Widgets/qMRMLNodeComboBox.h: follows the scene, keeps None where noneEnabled, changes to none when its node goes."""

    nodeChanged = QtCore.Signal(object)
    nodeIDChanged = QtCore.Signal(str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._combo = QtWidgets.QComboBox(self)
        self._combo.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        layout.addWidget(self._combo)
        self._combo.currentIndexChanged.connect(self._chosen)
        self._scene, self._tags, self._node = None, [], None
        self._types, self._values = [], {"noneDisplay": "None"}

    nodeTypes = QtCore.Property("QStringList", lambda self: self._types, lambda self, types: self._set_types(types))
    noneEnabled = QtCore.Property(bool, lambda self: self._values.get("noneEnabled", False), lambda self, on: self._set("noneEnabled", on))
    addEnabled = QtCore.Property(bool, lambda self: self._values.get("addEnabled", True), lambda self, on: self._set("addEnabled", on))
    removeEnabled = QtCore.Property(
        bool, lambda self: self._values.get("removeEnabled", True), lambda self, on: self._set("removeEnabled", on)
    )
    renameEnabled = QtCore.Property(
        bool, lambda self: self._values.get("renameEnabled", False), lambda self, on: self._set("renameEnabled", on)
    )
    showChildNodeTypes = QtCore.Property(
        bool, lambda self: self._values.get("showChildNodeTypes", True), lambda self, on: self._set("showChildNodeTypes", on)
    )
    selectNodeUponCreation = QtCore.Property(
        bool, lambda self: self._values.get("selectNodeUponCreation", True), lambda self, on: self._set("selectNodeUponCreation", on)
    )
    noneDisplay = QtCore.Property(str, lambda self: self._values["noneDisplay"], lambda self, text: self._set("noneDisplay", text))
    currentNodeID = QtCore.Property(
        str, lambda self: self._node.GetID() if self._node else "", lambda self, identifier: self.setCurrentNodeID(identifier)
    )

    def _set(self, name: str, value: Any) -> None:
        self._values[name] = value
        self._refill()

    def _set_types(self, types: list[str]) -> None:
        self._types = list(types)
        self._refill()

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._scene = scene
        events = (slicer.vtkMRMLScene.NodeAddedEvent, slicer.vtkMRMLScene.NodeRemovedEvent, slicer.vtkMRMLScene.EndCloseEvent)
        self._tags = [] if scene is None else [scene.AddObserver(event, lambda caller, event: self._refill()) for event in events]
        self._refill()

    def nodes(self) -> list[Any]:
        """The nodes offered."""
        if self._scene is None:
            return []
        found = []
        for kind in self._types:
            collection = self._scene.GetNodesByClass(kind)
            collection.UnRegister(None)
            found += [collection.GetItemAsObject(n) for n in range(collection.GetNumberOfItems())]
        exact = [node for node in found if self._values.get("showChildNodeTypes", True) or node.GetClassName() in self._types]
        return [node for node in exact if not node.GetHideFromEditors()]

    def _refill(self) -> None:
        nodes, none = self.nodes(), self._values.get("noneEnabled", False)
        before = self._node
        self._combo.blockSignals(True)
        self._combo.clear()
        if none or not nodes:
            self._combo.addItem(self._values["noneDisplay"])
        for node in nodes:
            self._combo.addItem(node.GetName(), node.GetID())
        if before is not None and before not in nodes:
            self._node = None
        if self._node is None and not none and nodes:
            self._node = nodes[0]
        self._combo.setCurrentIndex(max(0, self._combo.findData(self._node.GetID())) if self._node else 0)
        self._combo.blockSignals(False)
        if before is not self._node:
            self._tell()

    def _tell(self) -> None:
        self.nodeChanged.emit(self._node)
        self.nodeIDChanged.emit(self._node.GetID() if self._node else "")

    def _chosen(self, index: int) -> None:
        identifier = self._combo.itemData(index)
        self.setCurrentNode(self._scene.GetNodeByID(identifier) if identifier else None)

    def currentNode(self) -> Any:
        return self._node

    def setCurrentNode(self, node: Any) -> None:
        if node is self._node or (node is not None and node not in self.nodes()):
            return
        self._node = node
        self._refill()
        self._tell()

    def setCurrentNodeID(self, identifier: str) -> None:
        self.setCurrentNode(self._scene.GetNodeByID(identifier) if identifier else None)

    def addNode(self, kind: str = "") -> Any:
        node = self._scene.AddNewNodeByClass(kind or self._types[0])
        self.setCurrentNode(node)
        return node


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


class _SegmentEditorWidget(QtWidgets.QGroupBox):
    """Modules/Loadable/Segmentations/Widgets/qMRMLSegmentEditorWidget.cxx over the real editor logic, editor node and undo history.

    As there, the widget is not updated while the scene is in a batch, and at a batch's end the node that the combo box then
    shows becomes the editor's. ``errors`` keeps what the logic wrote to the error log.
    """

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._make_children()
        self._logic, self.errors = slicer.vtkSlicerSegmentEditorLogic(), []
        self._logic.SetVerbose(True)
        self._logic.AddObserver("ErrorEvent", self._failed)
        self._scene, self._editor_node, self._tags = None, None, []
        self._shown, self._shown_source = None, None
        self._history = slicer.vtkSegmentationHistory()
        self._selector_visible, self.shortcuts, self.observing, self.effect = True, False, False, None

    def _make_children(self) -> None:
        """Those of qMRMLSegmentEditorWidget.ui that a panel may look for, and what takes the room of the others."""
        layout, lists, effects = QtWidgets.QVBoxLayout(self), QtWidgets.QHBoxLayout(), QtWidgets.QGridLayout()
        actions = QtWidgets.QHBoxLayout()
        for name, text in (("AddSegmentButton", "Add"), ("RemoveSegmentButton", "Remove"), ("Show3DButton", "Show 3D")):
            button = QtWidgets.QPushButton(text, self)
            button.setObjectName(name)
            actions.addWidget(button)
        for number, text in enumerate(EFFECTS):
            button = QtWidgets.QToolButton(self)
            button.setText(text)
            effects.addWidget(button, number // 2, number % 2)
        self._own_list = QtWidgets.QFrame(self)
        self._own_list.setObjectName("SegmentsTableResizableFrame")
        table = QtWidgets.QTableWidget(0, 2, self._own_list)
        table.setObjectName("SegmentsTableView")
        QtWidgets.QVBoxLayout(self._own_list).addWidget(table)
        options = QtWidgets.QVBoxLayout()
        options.addWidget(self._own_list)
        options.addWidget(QtWidgets.QGroupBox("Options", self))
        options.addWidget(QtWidgets.QGroupBox("Masking", self))
        lists.addLayout(effects)
        lists.addLayout(options, 1)
        layout.addLayout(actions)
        layout.addLayout(lists)

    def _show_3d_button(self) -> Any:
        return self.findChild(QtWidgets.QPushButton, "Show3DButton")

    segmentationNodeSelectorVisible = QtCore.Property(
        bool, lambda self: self._selector_visible, lambda self, on: setattr(self, "_selector_visible", on)
    )
    show3DButtonVisible = QtCore.Property(
        bool, lambda self: not self._show_3d_button().isHidden(), lambda self, on: self._show_3d_button().setVisible(on)
    )

    @vtk.calldata_type(vtk.VTK_STRING)
    def _failed(self, caller: Any, event: str, message: str) -> None:
        self.errors.append(message)

    def setMRMLScene(self, scene: Any) -> None:
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._scene = scene
        self._logic.SetMRMLScene(scene)
        kind = slicer.vtkMRMLScene
        handlers = {
            kind.EndCloseEvent: self._update,
            kind.EndBatchProcessEvent: self._end_batch,
            kind.NodeRemovedEvent: self._forget_removed,
        }
        self._tags = [] if scene is None else [scene.AddObserver(event, handler) for event, handler in handlers.items()]
        self._update()

    def _forget_removed(self, caller: Any, event: Any) -> None:
        """The combo boxes show none when their node leaves the scene."""
        self._shown = self._shown if self._shown is not None and self._scene.IsNodePresent(self._shown) else None
        self._shown_source = self._shown_source if self._shown_source and self._scene.IsNodePresent(self._shown_source) else None

    def _end_batch(self, caller: Any, event: Any) -> None:
        if self._editor_node is not None:
            self.setSegmentationNode(self._shown)
            if self._editor_node.GetSourceVolumeNode() is not self._shown_source:
                self.setSourceVolumeNode(self._shown_source)
        self._update()

    def _update(self, caller: Any = None, event: Any = None) -> None:
        if self._scene is None or self._editor_node is None or self._scene.IsClosing() or self._scene.IsBatchProcessing():
            return
        node = self._logic.GetSegmentationNode()
        if node is not self._shown:
            self._shown = node
            self._history.RemoveAllStates()
            self._history.SetSegmentation(node.GetSegmentation() if node else None)
            if node is not None and node.GetSegmentation().GetNumberOfSegments() > 0:
                self.setCurrentSegmentID(node.GetSegmentation().GetNthSegmentID(0))
        self._shown_source = self._logic.GetSourceVolumeNode()

    def setMRMLSegmentEditorNode(self, node: Any) -> None:
        if node is self._editor_node:
            return
        self._editor_node = node
        self._logic.SetSegmentEditorNode(node)
        if node is not None:
            node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._update)
        self._update()

    def mrmlSegmentEditorNode(self) -> Any:
        return self._editor_node

    def setSegmentationNode(self, node: Any) -> None:
        if self._logic.GetSegmentationNode() is not node:
            self._logic.SetSegmentationNode(node)

    def segmentationNode(self) -> Any:
        return self._logic.GetSegmentationNode()

    def currentSegmentID(self) -> str:
        return self._logic.GetCurrentSegmentID()

    def setCurrentSegmentID(self, identifier: str) -> None:
        if self._editor_node is not None:
            self._editor_node.SetSelectedSegmentID(identifier)

    def setSourceVolumeNode(self, node: Any) -> None:
        self._logic.SetSourceVolumeNode(node)

    def sourceVolumeNode(self) -> Any:
        return self._logic.GetSourceVolumeNode()

    def setMaximumNumberOfUndoStates(self, count: int) -> None:
        self._history.SetMaximumNumberOfStates(count)

    def saveStateForUndo(self) -> None:
        if self.segmentationNode() is not None:
            self._history.SaveState()

    def undo(self) -> None:
        self._history.RestorePreviousState()

    def redo(self) -> None:
        self._history.RestoreNextState()

    def setActiveEffect(self, effect: Any) -> None:
        self.effect = effect

    def installKeyboardShortcuts(self, parent: Any = None) -> None:
        self.shortcuts = True

    def uninstallKeyboardShortcuts(self) -> None:
        self.shortcuts = False

    def setupViewObservations(self) -> None:
        self.observing = True

    def removeViewObservations(self) -> None:
        self.observing = False

    def updateWidgetFromMRML(self) -> None:
        self._update()


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
    combo = _named(_NodeComboBox, "qMRMLNodeComboBox")
    combo.currentNodeChanged = property(lambda self: self.nodeChanged)
    combo.currentNodeIDChanged = property(lambda self: self.nodeIDChanged)
    combo.pythonqt_signals = {"currentNodeChanged(vtkMRMLNode*)": "nodeChanged", "currentNodeIDChanged(QString)": "nodeIDChanged"}
    widget = _named(_MRMLWidget, "qMRMLWidget")
    widget.pythonqt_signals = {"mrmlSceneChanged(vtkMRMLScene*)": "sceneChanged"}
    editor = _named(_SegmentEditorWidget, "qMRMLSegmentEditorWidget")
    for attribute in ("shortcuts", "observing", "effect", "errors"):
        setattr(editor, attribute, None)
    return {
        "qMRMLWidget": widget,
        "qMRMLNodeComboBox": combo,
        "qMRMLSegmentsTableView": segments_table.make_class(_named),
        "qMRMLSegmentationShow3DButton": _named(_Show3DButton, "qMRMLSegmentationShow3DButton"),
        "qMRMLSegmentEditorWidget": editor,
    }
