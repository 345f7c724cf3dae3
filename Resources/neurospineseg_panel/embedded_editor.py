"""Slicer's Segment Editor inside the panel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
import vtk
from slicer.util import VTKObservationMixin

UNDO_STATES = 10
OWN_LIST = "SegmentsTableResizableFrame"
"""The editor's own list of segments, as qMRMLSegmentEditorWidget.ui (5.12) names it; no property hides it."""


class EmbeddedEditor(VTKObservationMixin):
    """A Segment Editor that is made when it is first needed, since that takes a moment. The panel's list of segments stands for its own.

    Args:
        place: the widget that it goes into.
        module: name of the module, which has an editor node of its own.
        is_entered: whether the module is the one that is shown.
        selected: called with the ID of the segment that the editor changes.
    """

    def __init__(self, place: Any, module: str, is_entered: Callable[[], bool], selected: Callable[[str], None]) -> None:
        VTKObservationMixin.__init__(self)
        self._selected, self._segment = selected, ""
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
        self.widget.show3DButtonVisible = False
        own_list = self.widget.findChild(qt.QWidget, OWN_LIST)
        if own_list is not None:
            own_list.hide()
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
        self.removeObservers(self.onEditorNode)
        self.widget.setMRMLSegmentEditorNode(node)
        self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self.onEditorNode)

    def onEditorNode(self, caller: Any, event: Any) -> None:
        """The editor may choose another segment by itself, as its keyboard shortcuts do."""
        if self._node is not None and caller.GetSegmentationNode() is self._node and caller.GetSelectedSegmentID():
            self._segment = caller.GetSelectedSegmentID()
            self._selected(self._segment)

    def select(self, identifier: str) -> None:
        """Makes a segment the one that is changed."""
        self._segment = identifier
        if self.widget is not None and self.widget.currentSegmentID() != identifier:
            self.widget.setCurrentSegmentID(identifier)

    def show(self, node: Any, scan: Any) -> None:
        """Edits a segmentation, or nothing; the scan becomes the editor's source where it has none."""
        self._node, self._scan = node, scan
        if self.widget is not None:
            self._show()

    def _show(self) -> None:
        if self.widget.segmentationNode() is not self._node:
            wanted = self._segment
            self.widget.setSegmentationNode(self._node)
            if self._node is not None and self._node.GetSegmentation().GetSegment(wanted) is not None:
                self.select(wanted)
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
        self._segment = ""
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
            self.removeObservers()
            self.widget.setMRMLSegmentEditorNode(None)
            self.widget.setMRMLScene(None)
