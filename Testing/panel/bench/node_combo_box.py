"""A stand-in for ``qMRMLNodeComboBox``: Libs/MRML/Widgets/qMRMLNodeComboBox.{h,cxx} and qMRMLSceneModel.cxx."""

from __future__ import annotations

from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets

_FLAGS = {
    "noneEnabled": False,
    "addEnabled": True,
    "removeEnabled": True,
    "editEnabled": False,
    "renameEnabled": False,
    "showHidden": False,
    "showChildNodeTypes": True,
    "selectNodeUponCreation": True,
}

ROWS_BESIDE_NODES = ("noneEnabled", "addEnabled", "removeEnabled", "editEnabled", "renameEnabled")
"""What puts rows into the list that are no nodes."""


def _flag(name: str) -> QtCore.Property:
    return QtCore.Property(bool, lambda self: self._flags[name], lambda self, on: self._set_flag(name, on))


class NodeComboBox(QtWidgets.QWidget):
    """Follows the scene.

    As there, a node that is not offered cannot be chosen and leaves none; where the chosen node is removed its neighbor in the list becomes the
    chosen one. Where None is not offered the first node of a scene that is set is chosen; one that is added later only where the list
    has no actions such as *Create new* and was empty: QComboBox chooses by itself only what is its one row. Nodes of a scene that is being
    closed or imported come and go when that is over: all rows are made anew then, so that nothing is chosen any more, and that is told.
    """

    nodeChanged = QtCore.Signal(object)
    nodeIDChanged = QtCore.Signal(str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._combo = QtWidgets.QComboBox(self)
        self._combo.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        layout.addWidget(self._combo)
        self._combo.currentIndexChanged.connect(self._index_chosen)
        self._scene, self._tags, self._node, self._requested = None, [], None, None
        self._types, self._flags, self._none_display, self._offered = [], dict(_FLAGS), "None", []
        QtWidgets.QWidget.setEnabled(self, False)

    noneEnabled, addEnabled, removeEnabled = _flag("noneEnabled"), _flag("addEnabled"), _flag("removeEnabled")
    editEnabled, renameEnabled, showHidden = _flag("editEnabled"), _flag("renameEnabled"), _flag("showHidden")
    showChildNodeTypes, selectNodeUponCreation = _flag("showChildNodeTypes"), _flag("selectNodeUponCreation")
    nodeTypes = QtCore.Property("QStringList", lambda self: self._types, lambda self, types: self._set_types(types))
    noneDisplay = QtCore.Property(str, lambda self: self._none_display, lambda self, text: self._set_none_display(text))
    sizeAdjustPolicy = QtCore.Property(
        QtWidgets.QComboBox.SizeAdjustPolicy,
        lambda self: self._combo.sizeAdjustPolicy(),
        lambda self, policy: self._combo.setSizeAdjustPolicy(policy),
    )
    currentNodeID = QtCore.Property(
        str, lambda self: self._node.GetID() if self._node else "", lambda self, identifier: self.setCurrentNodeID(identifier)
    )

    def _set_flag(self, name: str, on: bool) -> None:
        self._flags[name] = on
        self._refill()

    def _set_none_display(self, text: str) -> None:
        self._none_display = text
        self._refill()

    def _set_types(self, types: list[str]) -> None:
        self._types = [kind for kind in types if kind]
        self._refill()

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        if scene is self._scene:
            return
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._scene = scene
        kind = slicer.vtkMRMLScene
        handlers = {
            kind.NodeAddedEvent: self._scene_changed,
            kind.NodeRemovedEvent: self._scene_changed,
            kind.EndCloseEvent: self._rows_made_anew,
            kind.EndImportEvent: self._rows_made_anew,
        }
        self._tags = [] if scene is None else [scene.AddObserver(event, handler) for event, handler in handlers.items()]
        QtWidgets.QWidget.setEnabled(self, scene is not None)
        self._refill()
        if self._node is None and self._offered and not self._flags["noneEnabled"]:
            self.setCurrentNode(self._offered[0])
        if self._requested is not None and scene is not None:
            self.setCurrentNode(self._requested)
        self._requested = None

    def _scene_changed(self, caller: Any, event: str) -> None:
        if not (self._scene.IsClosing() or self._scene.IsImporting()):
            self._refill()

    def _rows_made_anew(self, caller: Any, event: str) -> None:
        """``qMRMLSceneModel::updateScene``."""
        before, self._offered = self._node, []
        self._show(None)
        if before is not None:
            self._tell()
        self._refill()

    def _nodes(self) -> list[Any]:
        """The nodes offered."""
        if self._scene is None:
            return []
        found = []
        for kind in self._types:
            collection = self._scene.GetNodesByClass(kind)
            collection.UnRegister(None)
            found += [collection.GetItemAsObject(n) for n in range(collection.GetNumberOfItems())]
        exact = [node for node in found if self._flags["showChildNodeTypes"] or node.GetClassName() in self._types]
        return [node for node in exact if self._flags["showHidden"] or not node.GetHideFromEditors()]

    def _refill(self) -> None:
        before, offered, nodes = self._node, self._offered, self._nodes()
        node = before
        if before is not None and before not in nodes:
            node = self._neighbor(offered.index(before), nodes) if before in offered else None
        if node is None and nodes and not offered and not any(self._flags[name] for name in ROWS_BESIDE_NODES):
            node = nodes[0]
        self._offered = nodes
        self._show(node)
        if before is not node:
            self._tell()

    def _neighbor(self, number: int, nodes: list[Any]) -> Any:
        """What is chosen when the node of a number is removed: QComboBox goes to the row that takes its place, or to the last one."""
        return nodes[min(number, len(nodes) - 1)] if nodes else None

    def _show(self, node: Any) -> None:
        self._node = node
        self._combo.blockSignals(True)
        self._combo.clear()
        if self._flags["noneEnabled"]:
            self._combo.addItem(self._none_display)
        for offered in self._offered:
            self._combo.addItem(offered.GetName(), offered.GetID())
        nothing = 0 if self._flags["noneEnabled"] else -1
        self._combo.setCurrentIndex(self._combo.findData(node.GetID()) if node is not None else nothing)
        self._combo.blockSignals(False)

    def _tell(self) -> None:
        self.nodeChanged.emit(self._node)
        self.nodeIDChanged.emit(self._node.GetID() if self._node else "")

    def _index_chosen(self, index: int) -> None:
        identifier = self._combo.itemData(index)
        self.setCurrentNode(self._scene.GetNodeByID(identifier) if identifier else None)

    def currentNode(self) -> Any:
        return self._node

    def nodeCount(self) -> int:
        return len(self._offered)

    def nodeFromIndex(self, index: int) -> Any:
        return self._offered[index] if 0 <= index < len(self._offered) else None

    def setCurrentNode(self, node: Any) -> None:
        if node is not None and not isinstance(node, slicer.vtkMRMLNode):
            raise ValueError(f"setCurrentNode takes a vtkMRMLNode or None, not {node!r}")
        if self._scene is None:
            self._requested = node
            return
        node = node if node in self._offered else None
        if node is not self._node:
            self._show(node)
            self._tell()

    def setCurrentNodeID(self, identifier: str) -> None:
        if not isinstance(identifier, str):
            raise ValueError(f"setCurrentNodeID takes a text, not {identifier!r}")
        self.setCurrentNode(self._scene.GetNodeByID(identifier) if identifier and self._scene is not None else None)

    def setCurrentNodeIndex(self, index: int) -> None:
        self.setCurrentNode(self.nodeFromIndex(index))

    def addNode(self, kind: str | None = None) -> Any:
        if not self._types or (kind is not None and kind not in self._types):
            return None
        node = self._scene.AddNewNodeByClass(kind or self._types[0])
        if self._flags["selectNodeUponCreation"]:
            self.setCurrentNode(node)
        return node
