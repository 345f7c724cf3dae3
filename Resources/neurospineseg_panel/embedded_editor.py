"""Slicer's Segment Editor inside the panel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer

UNDO_STATES = 10


class EmbeddedEditor:
    """A Segment Editor that is made when it is first needed, since that takes a moment.

    Args:
        place: the widget that it goes into.
        module: name of the module, which has an editor node of its own.
        is_entered: whether the module is the one that is shown.
    """

    def __init__(self, place: Any, module: str, is_entered: Callable[[], bool]) -> None:
        self._place, self._tag, self._is_entered = place, f"{module}SegmentEditor", is_entered
        self.widget: Any = None
        self._node: Any = None
        self._scan: Any = None

    def make(self) -> None:
        if self.widget is not None:
            return
        self.widget = slicer.qMRMLSegmentEditorWidget()
        self.widget.setMaximumNumberOfUndoStates(UNDO_STATES)
        self.widget.segmentationNodeSelectorVisible = False
        self._select_editor_node()
        self.widget.setMRMLScene(slicer.mrmlScene)
        self._place.layout().addWidget(self.widget)
        self._show()
        if self._is_entered():
            self.widget.setupViewObservations()
            self.widget.installKeyboardShortcuts()

    def _select_editor_node(self) -> None:
        node = slicer.mrmlScene.GetSingletonNode(self._tag, "vtkMRMLSegmentEditorNode")
        if node is None:
            node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
            node.UnRegister(None)
            node.SetSingletonTag(self._tag)
            node = slicer.mrmlScene.AddNode(node)
        self.widget.setMRMLSegmentEditorNode(node)

    def show(self, node: Any, scan: Any) -> None:
        """Edits a segmentation, or nothing; the scan becomes the editor's source where it has none."""
        self._node, self._scan = node, scan
        if self.widget is not None:
            self._show()

    def _show(self) -> None:
        if self.widget.segmentationNode() is not self._node:
            self.widget.setSegmentationNode(self._node)
        if self._node is not None and self._scan is not None and self.widget.sourceVolumeNode() is None:
            self.widget.setSourceVolumeNode(self._scan)

    def save_undo(self, node: Any) -> None:
        """Makes what follows one step for the editor's *Undo*."""
        self.make()
        if self.widget.segmentationNode() is not node:
            self.widget.setSegmentationNode(node)
        self.widget.saveStateForUndo()

    def enter(self) -> None:
        if self.widget is not None:
            self._select_editor_node()
            self.widget.setupViewObservations()
            self.widget.installKeyboardShortcuts()
            self._show()

    def exit(self) -> None:
        if self.widget is not None:
            self.widget.setActiveEffect(None)
            self.widget.uninstallKeyboardShortcuts()
            self.widget.removeViewObservations()

    def scene_closes(self) -> None:
        self._node = self._scan = None
        if self.widget is not None:
            self.widget.setSegmentationNode(None)
            self.widget.removeViewObservations()

    def reattach(self) -> None:
        """After a scene was closed or loaded with the module open.

        To be called when the scene's batch is over: at its end the editor takes the node of its own selector, which is none then.
        """
        if self.widget is not None:
            self._select_editor_node()
            self._show()
            self.widget.updateWidgetFromMRML()
            self.widget.setupViewObservations()

    def cleanup(self) -> None:
        if self.widget is not None:
            self.exit()
            self.widget.setMRMLSegmentEditorNode(None)
            self.widget.setMRMLScene(None)
