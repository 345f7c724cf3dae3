"""Stand-ins for ``slicer.app``, ``slicer.modules``, ``slicer.packaging``, ``SampleData`` and the dialogs of ``slicer.util``.

Checked against Base/QTCore/qSlicerCoreApplication.h, Base/QTGUI/{qSlicerApplication,qSlicerLayoutManager}.h, Base/Python/slicer/{util,packaging}.py and
Modules/Scripted/SampleData/SampleData.py.
"""

from __future__ import annotations

import inspect
import logging
import types
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets

SLICE_VIEWS = ("Red", "Yellow", "Green")


class Signals:
    """An object whose signals tests send by hand.

    Args:
        signatures: of the signals that it has; PythonQt warns of others, which never come.
    """

    def __init__(self, *signatures: str) -> None:
        self.signatures = signatures
        self._functions: dict[str, list[Callable[..., Any]]] = {}

    def connect(self, signature: str, function: Callable[..., Any]) -> bool:
        if signature not in self.signatures or not callable(function):
            raise ValueError(f"{type(self).__name__} cannot connect {signature} to {function!r}; it has {', '.join(self.signatures)}")
        self._functions.setdefault(signature, []).append(function)
        return True

    def disconnect(self, signature: str, function: Callable[..., Any]) -> bool:
        functions = self._functions.get(signature, [])
        if function in functions:
            functions.remove(function)
        return True

    def send(self, signature: str, *arguments: Any) -> None:
        """Calls every function as PythonQt does, also when an earlier one fails; raises what the first one raised."""
        problems = []
        for function in list(self._functions.get(signature, [])):
            try:
                function(*arguments)
            except Exception as error:
                problems.append(error)
        if problems:
            raise problems[0]

    def forget(self, signature: str) -> None:
        """Disconnects all functions."""
        self._functions.pop(signature, None)


class Application(Signals):
    """``slicer.app``; ``messages`` keeps what was shown to the user, ``answers`` decides what questions return."""

    applicationVersion = "5.12.3"
    applicationName = "Slicer"

    def __init__(self) -> None:
        super().__init__("startupCompleted()", "aboutToQuit()")
        self.qt = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
        self.messages: list[tuple[str, str]] = []
        self.answer, self.pauses = True, 0
        self.main_window: Any = QtWidgets.QMainWindow()
        self._modules = Signals("moduleAboutToBeUnloaded(QString)")

    def clipboard(self) -> Any:
        return QtWidgets.QApplication.clipboard()

    def moduleManager(self) -> Signals:
        return self._modules

    def thread(self) -> QtCore.QThread:
        return self.qt.thread()

    def pauseRender(self) -> None:
        """Counted as by ``ctkVTKAbstractView::pauseRender``."""
        self.pauses += 1

    def resumeRender(self) -> None:
        assert self.pauses > 0, "Cannot resume rendering, pause render count is already 0!"
        self.pauses -= 1

    def testingEnabled(self) -> bool:
        return False

    def processEvents(self) -> None:
        raise AssertionError("the product must not process events by hand")

    def layoutManager(self) -> Any:
        """None, as without a main window; the panel itself reaches the slice views through the scene."""
        return None


class Modules:
    """``slicer.modules``: the logics that the panel uses, real ones of ``slicer-core``."""

    def __init__(self) -> None:
        self._logics = {
            "terminologies": slicer.vtkSlicerTerminologiesModuleLogic(),
            "segmentations": slicer.vtkSlicerSegmentationsModuleLogic(),
            "volumes": slicer.vtkSlicerVolumesLogic(),
            "plots": slicer.vtkSlicerPlotsLogic(),
        }

    def set_scene(self, scene: Any) -> None:
        """What the application does with each module's logic."""
        for name in ("segmentations", "volumes", "plots"):
            self._logics[name].SetMRMLScene(scene)

    def __getattr__(self, name: str) -> Any:
        if name not in self.__dict__.get("_logics", {}):
            raise AttributeError(name)
        return types.SimpleNamespace(logic=lambda: self._logics[name])


def make_packaging(app: Application) -> types.ModuleType:
    """``slicer.packaging``; set ``behavior`` to a function to refuse, fail or install."""
    module = types.ModuleType("slicer.packaging")
    module.asked = []
    module.behavior = lambda requirements: None

    def pip_ensure(requirements: Any, constraints: Any = None, skip_packages: Any = None, prompt_install: bool = True, prompt_restart: bool = True,
                   requester: str | None = None, skip_in_testing: bool = True, show_progress: bool = True) -> None:  # fmt: skip
        text = open(constraints, encoding="utf-8").read() if constraints else ""
        module.asked.append((list(requirements), text, requester))
        module.behavior(requirements)

    def pip_install(requirements: Any, constraints: Any = None, no_deps_requirements: Any = None, skip_packages: Any = None,
                    blocking: bool = True, show_progress: bool = True, requester: str | None = None, logCallback: Any = None,
                    completedCallback: Any = None) -> None:  # fmt: skip
        text = open(constraints, encoding="utf-8").read() if constraints else ""
        module.asked.append((list(requirements), text, requester))
        assert not blocking, "the window must not wait"
        code = module.behavior(requirements) or 0
        QtCore.QTimer.singleShot(0, lambda: completedCallback(code))

    module.pip_install, module.isPipInstallInProgress = pip_install, lambda: False
    module.pip_ensure = pip_ensure
    return module


class SampleDataSource:
    """A sample as strict as ``SampleDataSource.__init__`` of SampleData.py: its fields are lists of one length, ``uris`` above all."""

    def __init__(self, sampleName=None, sampleDescription=None, uris=None, fileNames=None, nodeNames=None, checksums=None, loadFiles=None,
                 customDownloader=None, thumbnailFileName=None, loadFileTypes=None, loadFileProperties=None):  # fmt: skip
        self.sampleName, self.customDownloader, self.thumbnailFileName = sampleName, customDownloader, thumbnailFileName
        if isinstance(uris, list | tuple):
            loadFileTypes = [loadFileTypes] * len(uris) if loadFileTypes is None or isinstance(loadFileTypes, str) else loadFileTypes
            nodeNames, loadFiles, checksums = (
                [None] * len(uris) if given is None else given for given in (nodeNames, loadFiles, checksums)
            )
        elif isinstance(uris, str):
            uris, fileNames, nodeNames, loadFiles = [uris], [fileNames], [nodeNames], [loadFiles]
            loadFileTypes, checksums = [loadFileTypes], [checksums]
        self.uris, self.fileNames, self.nodeNames, self.checksums = uris, fileNames, nodeNames, checksums
        if not len(uris) == len(fileNames) == len(nodeNames) == len(loadFiles) == len(loadFileTypes) == len(checksums):
            raise ValueError("All fields of sample data source must have the same length")


def make_sample_data() -> types.ModuleType:
    """``SampleData``: its registration, into ``slicer.modules.sampleDataSources`` as the real one's."""
    module = types.ModuleType("SampleData")

    class SampleDataLogic:
        @staticmethod
        def registerCustomSampleDataCategory(category: str, title: str) -> None:
            slicer.modules.__dict__.setdefault("sampleDataSourceCategories", {}).setdefault(category, {})["title"] = title

        @staticmethod
        def registerCustomSampleDataSource(category="Custom", sampleName=None, uris=None, fileNames=None, nodeNames=None,
                                           customDownloader=None, thumbnailFileName=None, loadFileTypes=None, loadFiles=None,
                                           loadFileProperties=None, checksums=None):  # fmt: skip
            fields = {name: value for name, value in locals().items() if name != "category"}
            slicer.modules.__dict__.setdefault("sampleDataSources", {}).setdefault(category, []).append(SampleDataSource(**fields))

    module.SampleDataLogic, module.SampleDataSource = SampleDataLogic, SampleDataSource
    return module


def new_scene() -> Any:
    """A scene as the application has one: views, subject hierarchy."""
    scene = slicer.vtkMRMLScene()
    slicer.vtkMRMLSubjectHierarchyNode.ResolveSubjectHierarchy(scene)
    for name in SLICE_VIEWS:
        node = slicer.vtkMRMLSliceNode()
        node.SetLayoutName(name)
        node.SetSingletonTag(name)
        scene.AddNode(node)
    return scene


def patch_util(app: Application, loader: Any) -> None:
    """The functions of ``slicer.util`` that show something."""
    util = slicer.util

    def shown(kind: str) -> Callable[..., Any]:
        real = inspect.signature(getattr(util, kind))

        def show(*arguments: Any, **keywords: Any) -> bool:
            bound = real.bind(*arguments, **keywords).arguments
            text = bound["message" if kind == "showStatusMessage" else "text"]
            if not isinstance(text, str):
                raise ValueError(f"{kind} takes a text, not {text!r}")
            app.messages.append((kind, text))
            if kind.endswith("Display"):
                logging.warning(text)
            return app.answer

        return show

    displays = ("errorDisplay", "warningDisplay", "infoDisplay", "confirmOkCancelDisplay", "confirmYesNoDisplay")
    for name in (*displays, "messageBox", "showStatusMessage"):
        setattr(util, name, shown(name))
    util.mainWindow = lambda: app.main_window
    util.loadUI = lambda path: loader.load_file(path)
    util.childWidgetVariables = lambda widget: types.SimpleNamespace(
        **{QtCore.QObject.objectName(w): w for w in [widget, *widget.findChildren(QtWidgets.QWidget)] if QtCore.QObject.objectName(w)}
    )
    layers = inspect.signature(util.setSliceViewerLayers)

    def set_layers(*arguments: Any, **keywords: Any) -> None:
        app.messages.append(("layers", str(sorted(layers.bind(*arguments, **keywords).arguments))))

    util.setSliceViewerLayers = set_layers
    util.WaitCursor = lambda show=True: nullcontext()
