"""A stand-in for ``slicer.parameterNodeWrapper``: Base/Python/slicer/parameterNodeWrapper/{wrapper,serializers,guiConnectors}.py.

Of its types it knows bool, str, Enum, list[str] and node classes; parameters lie in the node as the real one lays them.
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable
from typing import Any

import slicer
import vtk


def _read(node: Any, name: str, kind: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, slicer.vtkMRMLNode):
        return node.GetNodeReference(name)
    if kind == list[str]:
        count = int(node.GetParameter(f"{name}.len") or 0)
        return [node.GetParameter(f"{name}.{number}") for number in range(count)]
    text = node.GetParameter(name)
    if kind is bool:
        return text == "True"
    return kind[text] if isinstance(kind, type) and issubclass(kind, enum.Enum) else text


def _write(node: Any, name: str, kind: Any, value: Any) -> None:
    if isinstance(kind, type) and issubclass(kind, slicer.vtkMRMLNode):
        if value is not None and not isinstance(value, kind):
            raise ValueError(f"{name} takes a {kind.__name__}")
        node.SetParameter(name, "")
        node.SetNodeReferenceID(name, value.GetID() if value is not None else None)
    elif kind == list[str]:
        node.SetParameter(f"{name}.len", str(len(value)))
        for number, item in enumerate(value):
            node.SetParameter(f"{name}.{number}", item)
    elif not isinstance(value, kind):
        raise ValueError(f"{name} takes a {kind.__name__}, not {value!r}")
    else:
        node.SetParameter(name, value.name if isinstance(value, enum.Enum) else ("True" if value else "False") if kind is bool else value)


def _has(node: Any, name: str, kind: Any) -> bool:
    return node.HasParameter(f"{name}.len") if kind == list[str] else node.HasParameter(name)


def _connector(widget: Any, kind: Any) -> tuple[Callable[[], Any], Callable[[Any], None], Any]:
    """Reading, writing and the signal of a widget for a type."""
    name = type(widget).__name__
    if name == "qMRMLNodeComboBox":
        widget.nodeTypes = [kind.__name__]
        return widget.currentNode, widget.setCurrentNode, widget.currentNodeChanged
    if name == "QCheckBox" and kind is bool:
        return lambda: widget.checked, lambda value: setattr(widget, "checked", value), widget.toggled
    if name == "QComboBox" and issubclass(kind, enum.Enum):
        members = list(kind)
        widget.clear()
        for member in members:
            widget.addItem(getattr(kind, "label", lambda m: m.name)(member))
        return lambda: members[widget.currentIndex], lambda value: widget.setCurrentIndex(members.index(value)), widget.currentIndexChanged
    raise RuntimeError(f"No connector for {name} and {kind}")


class _Wrapper:
    def __init__(self, parameterNode: Any) -> None:
        self.parameterNode, self._guis, self._updating = parameterNode, {}, False
        for name, (kind, default) in self.allParameters.items():
            if not _has(parameterNode, name, kind):
                _write(parameterNode, name, kind, default)

    def connectGui(self, gui: Any) -> int:
        connectors, calls = {}, []
        for widget in vars(gui).values():
            name = widget.property("SlicerParameterName")
            if name:
                connectors[name] = _connector(widget, self.allParameters[name][0])
        for name, (read, write, signal) in connectors.items():
            write(getattr(self, name))

            def changed(*arguments: Any, name: str = name, read: Any = read) -> None:
                if not self._updating:
                    setattr(self, name, read())

            signal.connect(changed)
            calls.append((signal, changed))
        observer = self.parameterNode.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._update(connectors))
        tag = len(self._guis)
        self._guis[tag] = (calls, observer)
        return tag

    def _update(self, connectors: dict[str, Any]) -> None:
        if self._updating:
            return
        self._updating = True
        try:
            for name, (_read_widget, write, _signal) in connectors.items():
                write(getattr(self, name))
        finally:
            self._updating = False

    def disconnectGui(self, tag: int) -> None:
        calls, observer = self._guis.pop(tag, ([], None))
        for signal, call in calls:
            signal.disconnect(call)
        if observer is not None:
            self.parameterNode.RemoveObserver(observer)

    def StartModify(self) -> int:
        return self.parameterNode.StartModify()

    def EndModify(self, was: int) -> None:
        self.parameterNode.EndModify(was)

    def AddObserver(self, event: Any, callback: Any, priority: float = 0.0) -> int:
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag: int) -> None:
        self.parameterNode.RemoveObserver(tag)


def parameterNodeWrapper(kind: type) -> type:
    parameters, space = {}, dict(vars(kind))
    for name, hint in typing.get_type_hints(kind).items():
        default = space.get(name, None)
        if default is None and hint is bool:
            default = False
        parameters[name] = (hint, default)

        def read(self: Any, name: str = name, hint: Any = hint) -> Any:
            return _read(self.parameterNode, name, hint)

        def write(self: Any, value: Any, name: str = name, hint: Any = hint) -> None:
            was = self.parameterNode.StartModify()
            _write(self.parameterNode, name, hint, value)
            self.parameterNode.EndModify(was)

        space[name] = property(read, write)
    for name in ("__dict__", "__weakref__"):
        space.pop(name, None)
    return type(kind.__name__, (_Wrapper,), {**space, "allParameters": parameters})


def make_module() -> types.ModuleType:
    module = types.ModuleType("slicer.parameterNodeWrapper")
    module.parameterNodeWrapper = parameterNodeWrapper
    return module
