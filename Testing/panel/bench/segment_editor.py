"""A stand-in for ``qMRMLSegmentEditorWidget``: Modules/Loadable/Segmentations/Widgets/qMRMLSegmentEditorWidget.{h,cxx,ui}.

Its logic, editor node and undo history are Slicer's own. Of the effects there is one that grows a segment, after
Modules/Loadable/Segmentations/EditorEffects/Python/SegmentEditorEffects/SegmentEditorMarginEffect.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from PySide6 import QtCore, QtWidgets

from Testing.panel.bench.node_combo_box import NodeComboBox

EFFECTS = ("None", "Threshold", "Paint", "Draw", "Erase", "Level tracing", "Grow", "Fill", "Margin", "Hollow", "Smooth", "Scissors")


class MarginEffect:
    """``qSlicerSegmentEditorScriptedEffect`` as far as the self tests use it: parameters, and ``self()`` with ``onApply``."""

    name = "Margin"

    def __init__(self, editor: SegmentEditorWidget) -> None:
        self._editor, self._parameters = editor, {"MarginSizeMm": "3"}

    def setParameter(self, name: str, value: Any) -> None:
        if not isinstance(name, str) or not isinstance(value, str | int | float):
            raise ValueError("setParameter takes a name and a text or a number")
        self._parameters[name] = str(value)

    def parameter(self, name: str) -> str:
        return self._parameters.get(name, "")

    def self(self) -> MarginEffect:
        return self

    def onApply(self) -> None:
        editor = self._editor
        node, source, identifier = editor.segmentationNode(), editor.sourceVolumeNode(), editor.currentSegmentID()
        editor.saveStateForUndo()
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, identifier, source) > 0
        steps = [int(float(self.parameter("MarginSizeMm")) / size) for size in source.GetSpacing()][::-1]
        for axis, count in enumerate(steps):
            for _ in range(count):
                padded = np.pad(mask, [(1, 1) if n == axis else (0, 0) for n in range(3)])
                mask = _grown(padded, axis)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), node, identifier, source)


def _grown(padded: np.ndarray, axis: int) -> np.ndarray:
    """A mask with one voxel of padding along an axis, grown by a voxel along it and without the padding."""
    length = padded.shape[axis]
    parts = [np.take(padded, range(start, length - 2 + start), axis) for start in range(3)]
    return parts[0] | parts[1] | parts[2]


class SegmentEditorWidget(QtWidgets.QGroupBox):
    """As the original: it is not updated while the scene is in a batch; at a batch's end the nodes that its selectors then show become the
    editor's, which is none for a scene that was closed and loaded; an effect becomes active
    where a segmentation and a source volume are chosen. ``errors`` keeps what went to the error log.
    """

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._make_children()
        self._logic, self.errors = slicer.vtkSlicerSegmentEditorLogic(), []
        self._logic.SetVerbose(True)
        self._logic.AddObserver("ErrorEvent", self._failed)
        self._scene, self._editor_node, self._node_tag, self._tags = None, None, None, []
        self._segmentations, self._volumes = self._selector("vtkMRMLSegmentationNode"), self._selector("vtkMRMLScalarVolumeNode")
        self._volumes.noneEnabled, self._volumes.addEnabled = True, False
        self._segmentations.nodeChanged.connect(self._segmentation_chosen)
        self._volumes.nodeChanged.connect(self._volume_chosen)
        self._segmentation: Any = None
        self._selector_visible, self.shortcuts, self.observing = True, False, False
        self._effects, self._active = [MarginEffect(self)], None

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

    def _selector(self, kind: str) -> NodeComboBox:
        made = NodeComboBox(self)
        made.nodeTypes, made.renameEnabled = [kind], True
        made.hide()
        return made

    segmentationNodeSelectorVisible = QtCore.Property(
        bool, lambda self: self._selector_visible, lambda self, on: setattr(self, "_selector_visible", on)
    )
    show3DButtonVisible = QtCore.Property(
        bool, lambda self: not self._show_3d_button().isHidden(), lambda self, on: self._show_3d_button().setVisible(on)
    )
    maximumNumberOfUndoStates = QtCore.Property(
        int, lambda self: self._logic.GetMaximumNumberOfUndoStates(), lambda self, count: self.setMaximumNumberOfUndoStates(count)
    )

    @vtk.calldata_type(vtk.VTK_STRING)
    def _failed(self, caller: Any, event: str, message: str) -> None:
        self.errors.append(message)

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        if scene is self._scene:
            return
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._scene = scene
        for selector in (self._segmentations, self._volumes):
            selector.blockSignals(True)
            selector.setMRMLScene(scene)
            selector.blockSignals(False)
        self._logic.SetMRMLScene(scene)
        kind = slicer.vtkMRMLScene
        handlers = {kind.EndCloseEvent: self._update, kind.EndBatchProcessEvent: self._end_batch}
        self._update()
        self._tags = [] if scene is None else [scene.AddObserver(event, handler) for event, handler in handlers.items()]

    def _segmentation_chosen(self, node: Any) -> None:
        if self._scene is not None and not self._scene.IsBatchProcessing():
            self.setSegmentationNode(node)

    def _volume_chosen(self, node: Any) -> None:
        if self._scene is not None and not self._scene.IsBatchProcessing():
            self.setSourceVolumeNode(node)

    def _end_batch(self, caller: Any, event: Any) -> None:
        if self._editor_node is not None:
            if self._editor_node.GetSegmentationNode() is not self._segmentations.currentNode():
                self.setSegmentationNode(self._segmentations.currentNode())
            if self._editor_node.GetSourceVolumeNode() is not self._volumes.currentNode():
                self.setSourceVolumeNode(self._volumes.currentNode())
        self._update()

    def _update(self, caller: Any = None, event: Any = None) -> None:
        if self._scene is None or self._scene.IsClosing() or self._scene.IsBatchProcessing() or self._editor_node is None:
            return
        node = self._logic.GetSegmentationNode()
        _choose(self._segmentations, node)
        if node is not self._segmentation:
            self._segmentation = node
            if node is not None:
                reference = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())
                self._volumes.setCurrentNode(reference)
                if node.GetSegmentation().GetNumberOfSegments() > 0:
                    self._editor_node.SetSelectedSegmentID(node.GetSegmentation().GetNthSegmentID(0))
        if node is not None:
            _choose(self._volumes, self._logic.GetSourceVolumeNode())
        self._active = self.effectByName(self._editor_node.GetActiveEffectName() or "") if self._can_edit() else None

    def _can_edit(self) -> bool:
        """Whether an effect can be active."""
        node = self._editor_node.GetSegmentationNode()
        return node is not None and self._editor_node.GetSourceVolumeNode() is not None and node.GetSegmentation().GetNumberOfSegments() > 0

    def setMRMLSegmentEditorNode(self, node: Any) -> None:
        if node is self._editor_node:
            return
        if self._editor_node is not None:
            self._editor_node.RemoveObserver(self._node_tag)
        self._editor_node = node
        self._logic.SetSegmentEditorNode(node)
        if node is not None:
            self._node_tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._update)
            self._update()

    def mrmlSegmentEditorNode(self) -> Any:
        return self._editor_node

    def setSegmentationNode(self, node: Any) -> None:
        if self._logic.GetSegmentationNode() is not node:
            self._logic.SetSegmentationNode(node)
            self.setActiveEffect(None)

    def segmentationNode(self) -> Any:
        return self._segmentations.currentNode()

    def setSourceVolumeNode(self, node: Any) -> None:
        self._logic.SetSourceVolumeNode(node)

    def sourceVolumeNode(self) -> Any:
        return self._logic.GetSourceVolumeNode()

    def setCurrentSegmentID(self, identifier: str) -> None:
        if self._editor_node is not None:
            self._editor_node.SetSelectedSegmentID(identifier)

    def currentSegmentID(self) -> str:
        return self._logic.GetCurrentSegmentID()

    def setMaximumNumberOfUndoStates(self, count: int) -> None:
        self._logic.SetMaximumNumberOfUndoStates(count)

    def saveStateForUndo(self) -> None:
        self._logic.SaveStateForUndo()

    def undo(self) -> None:
        self._logic.Undo()

    def redo(self) -> None:
        self._logic.Redo()

    def availableEffectNames(self) -> list[str]:
        return [effect.name for effect in self._effects]

    def effectByName(self, name: str) -> Any:
        return next((effect for effect in self._effects if effect.name == name), None)

    def activeEffect(self) -> Any:
        return self._active

    def setActiveEffect(self, effect: Any) -> None:
        if self._editor_node is None:
            if effect is not None:
                self.errors.append("Invalid segment editor parameter set node")
            return
        self._editor_node.SetActiveEffectName(effect.name if effect is not None else "")

    def setActiveEffectByName(self, name: str) -> None:
        self.setActiveEffect(self.effectByName(name))

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


def _choose(selector: NodeComboBox, node: Any) -> None:
    """Shows a node without telling anybody."""
    blocked = selector.blockSignals(True)
    selector.setCurrentNode(node)
    selector.blockSignals(blocked)
