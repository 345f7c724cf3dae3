"""Qt as PythonQt shows it: properties are attributes, signals are connected by their signatures.

Checked against PythonQt's ``PythonQtInstanceWrapper.cpp`` (getattro, setattro) and ``PythonQtSignalReceiver.cpp``, and
against their use in Slicer's ``Base/Python/slicer/ScriptedLoadableModule.py``.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

VIRTUAL = {"sizeHint", "minimumSizeHint"}
"""Properties that are virtual functions too; PySide would take the attribute for an override."""
VIRTUAL_OF = {"QProgressBar": {"text"}, "QTimer": {"singleShot"}}
"""The same for single classes; ``QTimer.singleShot`` is a property of timers and a function of the class."""


def _attribute(name: str, writable: bool) -> property:
    def write(self: QtCore.QObject, value: Any) -> None:
        if not QtCore.QObject.setProperty(self, name, value):
            raise AttributeError(f"property '{name}' does not take {value!r}")

    return property(lambda self: QtCore.QObject.property(self, name), write if writable else None)


class PythonQtObject:
    """What PythonQt gives every QObject; goes before the Qt class among the bases."""

    pythonqt_signals: dict[str, str] = {}
    """Signals whose signatures PySide cannot express: signature to attribute."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Takes no attribute that is no property; classes that Python code derives may have attributes of their own."""
        kind = type(self)
        if not name.startswith("_") and "pythonqt_wrapped" in vars(kind) and not hasattr(kind, name):
            raise AttributeError(f"Property '{name}' of type '{kind.__name__}' does not exist")
        super().__setattr__(name, value)

    def _signal(self, signature: str) -> tuple[Any, int]:
        name, arguments = signature.rstrip(")").split("(", 1)
        if signature not in self.pythonqt_signals:
            normalized = bytes(QtCore.QMetaObject.normalizedSignature(signature).data()).decode()
            if self.metaObject().indexOfSignal(normalized) < 0:
                raise ValueError(f"{type(self).__name__} has no signal {signature}")
        return getattr(self, self.pythonqt_signals.get(signature, name)), len([a for a in arguments.split(",") if a.strip()])

    def connect(self, signature: str, function: Callable[..., Any]) -> bool:
        if not callable(function):
            raise TypeError(f"{signature} cannot be connected to {function!r}")
        signal, count = self._signal(signature)

        def call(*arguments: Any) -> None:
            function(*arguments[:count])

        self.__dict__.setdefault("_calls", []).append((signature, function, call))
        signal.connect(call)
        return True

    def findChild(self, kind: type, name: str = "") -> Any:
        """``PythonQtStdDecorators::findChild``: a child of a class or one derived from it, as Qt's metaobjects tell."""
        found = QtCore.QObject.findChildren(self, QtCore.QObject, name or None)
        return next((child for child in found if child.inherits(kind.staticMetaObject.className())), None)

    def disconnect(self, signature: str, function: Callable[..., Any]) -> bool:
        for entry in self.__dict__.get("_calls", []):
            if entry[:2] == (signature, function):
                self._signal(signature)[0].disconnect(entry[2])
                self._calls.remove(entry)
                return True
        return False


def misspelled(widget: Any) -> list[str]:
    """Attributes that were set on a widget and are no properties; PythonQt would have refused them."""
    plain = (bool, int, float, str, type(None))
    return [name for name, value in vars(widget).items() if not name.startswith("_") and isinstance(value, plain)]


def wrapped(base: type, name: str | None = None) -> type:
    """A class like ``base`` whose properties are attributes; PySide looks for ``connect`` in the class itself only."""
    name = name or base.__name__
    metaobject = base.staticMetaObject
    space: dict[str, Any] = {
        "connect": PythonQtObject.connect,
        "disconnect": PythonQtObject.disconnect,
        "findChild": PythonQtObject.findChild,
    }
    for number in range(metaobject.propertyCount()):
        found = metaobject.property(number)
        if found.name() not in VIRTUAL | VIRTUAL_OF.get(base.__name__, set()):
            space[found.name()] = _attribute(found.name(), found.isWritable())
    space["name"] = _attribute("objectName", True)
    space["pythonqt_wrapped"] = True
    return type(name, (PythonQtObject, base), space)


def make_module() -> types.ModuleType:
    """The module ``qt``."""
    module = types.ModuleType("qt")
    for library in (QtCore, QtGui, QtWidgets):
        for name in dir(library):
            found = getattr(library, name)
            if not name.startswith("Q"):
                continue
            is_object = isinstance(found, type) and issubclass(found, QtCore.QObject)
            module.__dict__[name] = wrapped(found) if is_object and _can_be_derived(found) else found
    return module


def _can_be_derived(kind: type) -> bool:
    try:
        type(kind.__name__, (kind,), {})
    except TypeError:
        return False
    return True
