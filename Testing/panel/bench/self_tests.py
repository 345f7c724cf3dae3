"""What the self tests of ``Testing/slicer`` use of the application: its module selector, its files, its event loop.

Checked against Base/Python/slicer/util.py (selectModule, getModuleWidget, saveNode, saveScene, loadScene, loadSegmentation, mainWindow),
Base/QTCore/qSlicerSceneReader.cxx and Base/QTCore/qSlicerSceneWriter.cxx.
"""

from __future__ import annotations

import tempfile
from typing import Any

import slicer
from PySide6 import QtCore


def _give_cache(scene: Any) -> tempfile.TemporaryDirectory:
    """The folder in which the scene unpacks bundles; it is there until the answer is cleaned up."""
    folder = tempfile.TemporaryDirectory()
    cache, manager = slicer.vtkCacheManager(), slicer.vtkDataIOManager()
    cache.SetRemoteCacheDirectory(folder.name)
    cache.SetMRMLScene(scene)
    manager.SetCacheManager(cache)
    scene.SetDataIOManager(manager)
    return folder


class SelfTestApplication:
    """Gives ``slicer.util`` and ``slicer.app`` what the self tests need, until ``close``.

    Args:
        bench: the test's, see conftest.py.
    """

    def __init__(self, bench: Any, modules: tuple[str, ...]) -> None:
        self.bench, self.modules = bench, modules
        self.panels: dict[str, Any] = {}
        self.shown: str | None = None
        self._replaced: list[tuple[Any, str, Any]] = []
        for name in ("selectModule", "getModuleWidget", "saveNode", "saveScene", "loadScene", "loadSegmentation"):
            self._replace(slicer.util, name, getattr(self, name))
        self._replace(slicer.app, "processEvents", self.processEvents)
        for module in modules:
            self._replace(slicer.modules, module.lower(), None)
            bench.open(module)
            self.panels[module] = bench.widgets[-1]
            bench.leave(bench.widgets[-1])
        self._cache = _give_cache(slicer.mrmlScene)
        bench.app.send("startupCompleted()")

    def _replace(self, holder: Any, name: str, value: Any) -> None:
        self._replaced.append((holder, name, vars(holder).get(name)))
        setattr(holder, name, value)

    def close(self) -> None:
        self._cache.cleanup()
        for holder, name, value in reversed(self._replaced):
            delattr(holder, name) if value is None else setattr(holder, name, value)

    def processEvents(self) -> None:
        QtCore.QCoreApplication.processEvents(QtCore.QEventLoop.ProcessEventsFlag.AllEvents, 5)

    def selectModule(self, module: str) -> None:
        if self.shown == module:
            return
        if self.shown in self.panels:
            self.bench.leave(self.panels[self.shown])
        self.shown = module
        if module in self.panels:
            self.bench.enter(self.panels[module])

    def getModuleWidget(self, module: str) -> Any:
        return self.panels[module]

    def saveNode(self, node: Any, filename: str, properties: Any = {}) -> bool:  # noqa: B006
        storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
        storage.SetFileName(filename)
        return bool(storage.WriteData(node))

    def saveScene(self, filename: str, properties: Any = {}) -> bool:  # noqa: B006
        return bool(slicer.mrmlScene.WriteToMRB(filename))

    def loadScene(self, filename: str, properties: Any = {}) -> None:  # noqa: B006
        if not slicer.mrmlScene.ReadFromMRB(filename, properties.get("clear", False)):
            raise RuntimeError(f"Failed to load node from file: {filename}")

    def loadSegmentation(self, filename: str, properties: Any = {}) -> Any:  # noqa: B006
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
        storage.SetFileName(filename)
        if not storage.ReadData(node):
            raise RuntimeError(f"Failed to load node from file: {filename}")
        return node
