"""Stand-ins for ``slicer.i18n`` and ``slicer.ScriptedLoadableModule``: Base/Python/slicer/{i18n,ScriptedLoadableModule}.py."""

from __future__ import annotations

import types
import unittest
from typing import Any

import slicer


def _told(text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"only text can be translated, not {text!r}")
    return text


def make_i18n() -> types.ModuleType:
    module = types.ModuleType("slicer.i18n")
    module.tr = lambda text: _told(text)
    module.translate = lambda context, text: _told(context) and _told(text)
    return module


class ModuleParent:
    """``qSlicerScriptedLoadableModule``: its properties and no others (Base/QTGUI/qSlicerScriptedLoadableModule.h).

    Args:
        path: the module's file.
    """

    _KINDS = {"title": str, "categories": list, "contributors": list, "dependencies": list, "associatedNodeTypes": list, "helpText": str,
              "acknowledgementText": str, "hidden": bool, "index": int, "extensions": dict, "icon": object}  # fmt: skip

    def __init__(self, path: str) -> None:
        object.__setattr__(self, "path", path)

    def __setattr__(self, name: str, value: Any) -> None:
        kind = self._KINDS.get(name)
        if kind is None or not isinstance(value, kind) or (kind is list and not all(isinstance(item, str) for item in value)):
            raise AttributeError(f"a module's parent does not take {name} = {value!r}")
        object.__setattr__(self, name, value)


class ScriptedLoadableModule:
    """Registers the module's test as the real one does."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent
        self.moduleName = self.__class__.__name__
        parent.title, parent.categories, parent.contributors, parent.dependencies = "", [], [], []
        parent.helpText = parent.acknowledgementText = "of the template"
        slicer.selfTests[self.moduleName] = self.runTest

    def runTest(self, msec: int = 100, **kwargs: Any) -> None:
        test = getattr(slicer.loadedModules[self.moduleName], f"{self.moduleName}Test")()
        test.messageDelay = msec
        test.runTest(**kwargs)


class ScriptedLoadableModuleWidget:
    """The parent is a qMRMLWidget with a layout, which the application gives it."""

    def __init__(self, parent: Any = None) -> None:
        self.moduleName = self.__class__.__name__.removesuffix("Widget")
        self.parent = parent
        self.layout = parent.layout()
        slicer.app.moduleManager().connect("moduleAboutToBeUnloaded(QString)", self._onModuleAboutToBeUnloaded)

    def _onModuleAboutToBeUnloaded(self, name: str) -> None:
        if name == self.moduleName:
            self.cleanup()
            slicer.app.moduleManager().disconnect("moduleAboutToBeUnloaded(QString)", self._onModuleAboutToBeUnloaded)

    def setup(self) -> None:
        pass

    def cleanup(self) -> None:
        pass


class ScriptedLoadableModuleLogic:
    def __init__(self, parent: Any = None) -> None:
        super().__init__()
        self.moduleName = self.__class__.__name__.removesuffix("Logic")
        self.isSingletonParameterNode = True

    def getParameterNode(self) -> Any:
        node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
            node.UnRegister(None)
            node.SetSingletonTag(self.moduleName)
            node.SetModuleName(self.moduleName)
            node = slicer.mrmlScene.AddNode(node)
        if node.GetAttribute("ModuleName") != self.moduleName:
            node.SetAttribute("ModuleName", self.moduleName)
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.messageDelay = 0

    def delayDisplay(self, message: str, requestedDelay: int | None = None, msec: int | None = None) -> None:
        slicer.app.messages.append(("delay", message))

    def runTest(self) -> None:
        pass


def make_module() -> types.ModuleType:
    module = types.ModuleType("slicer.ScriptedLoadableModule")
    for kind in (ScriptedLoadableModule, ScriptedLoadableModuleWidget, ScriptedLoadableModuleLogic, ScriptedLoadableModuleTest):
        setattr(module, kind.__name__, kind)
    return module
