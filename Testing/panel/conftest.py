"""A bench with a fresh scene for every test, modules opened as Slicer opens them, and clicks."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from neurospineseg.worker.client import WorkerClient
from Testing.panel.warm_worker import WarmWorker

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("PYTHONFAULTHANDLER", "1")
ROOT = Path(__file__).resolve().parents[2]


class Bench:
    """The application for a test.

    Attributes:
        longest_stall: the longest turn of the event loop in seconds since it was last set to 0 (an idle one takes up to 5 ms).
        longest_work: the same in seconds of the processor's time, which no other program on the computer makes longer.
    """

    def __init__(self, app: Any) -> None:
        import slicer

        from Testing.panel.bench.application import new_scene

        self.app, self.longest_stall, self.longest_work = app, 0.0, 0.0
        self.widgets: list[Any] = []
        slicer.mrmlScene = new_scene()
        slicer.modules.set_scene(slicer.mrmlScene)
        app.messages.clear()
        app.forget("startupCompleted()")
        slicer.modules.__dict__.pop("sampleDataSources", None)
        app.answer = True
        slicer.packaging.asked.clear()
        sys.modules["qt"].QSettings().remove("NeuroSpineSeg")

    def open(self, name: str, folder: Path | None = None) -> Any:
        """Imports a module's file as Slicer does, makes its widget and enters it; ``folder`` is the module's where it is not ours."""
        import slicer

        from Testing.panel.bench.scripted_module import ModuleParent

        file = (folder or ROOT / name) / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, file)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = slicer.loadedModules[name] = module
        spec.loader.exec_module(module)
        self.declared = ModuleParent(str(file))
        getattr(module, name)(self.declared)
        parent = slicer.qMRMLWidget()
        qt = sys.modules["qt"]
        parent.setLayout(qt.QVBoxLayout())
        parent.setMRMLScene(slicer.mrmlScene)
        widget = getattr(module, f"{name}Widget")(parent)
        widget.setup()
        self.widgets.append(widget)
        self.enter(widget)
        return widget

    def enter(self, widget: Any) -> None:
        widget.parent._entered = True
        widget.enter()

    def leave(self, widget: Any) -> None:
        widget.parent._entered = False
        widget.exit()

    def close(self, widget: Any) -> None:
        """Unloads a module."""
        if widget in self.widgets:
            from Testing.panel.bench.pythonqt import misspelled

            self.widgets.remove(widget)
            wrong = {name: misspelled(child) for name, child in vars(widget.ui).items() if misspelled(child)}
            assert not wrong, f"no properties: {wrong}"
            self.leave(widget)
            assert widget.correct.editor is None or not widget.correct.editor.errors, "Slicer's error log stays empty"
            self.app.moduleManager().send("moduleAboutToBeUnloaded(QString)", widget.moduleName)

    def hide_windows(self) -> None:
        """What a test has left on the screen would get the next one's mouse."""
        from PySide6 import QtWidgets

        for window in QtWidgets.QApplication.topLevelWidgets():
            window.hide()

    def spin(self, until: Callable[[], Any] | float, seconds: float = 120.0) -> None:
        """Runs the event loop until something holds, or for a time; measures how long it was ever blocked."""
        begun = time.monotonic()
        holds = until if callable(until) else lambda: time.monotonic() > begun + until
        from PySide6 import QtCore

        last = time.monotonic()
        limit = last + seconds
        while not holds():
            now, work = time.monotonic(), time.thread_time()
            assert now < limit, f"it did not happen in time: {[self._state_of(widget) for widget in self.widgets]}"
            QtCore.QCoreApplication.processEvents(QtCore.QEventLoop.ProcessEventsFlag.AllEvents, 5)
            after = time.monotonic()
            self.longest_stall = max(self.longest_stall, after - now)
            self.longest_work = max(self.longest_work, time.thread_time() - work)
            time.sleep(0.001)

    def _state_of(self, widget: Any) -> str:
        """What the panel says and where its worker is, for a test that waits in vain."""
        client = widget.logic.client
        if client.pid is None:
            return f"{widget.ui.statusLabel.text}; no worker"
        os.kill(client.pid, signal.SIGABRT)
        time.sleep(1.0)
        return f"{widget.ui.statusLabel.text}; run {widget.logic.run}; waiting {client._waiting}; {client.log_tail()}"

    def segment(self, widget: Any) -> None:
        """Clicks Segment and waits for the end."""
        self.click(widget.ui.segmentButton)
        assert widget.ui.segmentButton.text == "Cancel"
        self.spin(lambda: widget.ui.segmentButton.text == "Segment")

    def click(self, button: Any) -> None:
        from PySide6 import QtCore, QtTest

        assert button.isEnabled(), f"{button.objectName} is not enabled"
        work = time.thread_time()
        QtTest.QTest.mouseClick(button, QtCore.Qt.MouseButton.LeftButton)
        self.longest_work = max(self.longest_work, time.thread_time() - work)


@pytest.fixture(scope="session")
def application() -> Any:
    from Testing.panel import bench

    return bench.install()


@pytest.fixture(scope="session")
def warm_worker() -> Iterator[WarmWorker]:
    kept = WarmWorker()
    yield kept
    kept.end()


@pytest.fixture
def bench(application: Any, warm_worker: WarmWorker) -> Iterator[Bench]:
    made = Bench(application)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(WorkerClient, "start", warm_worker.start_instead_of(WorkerClient.start))
        yield made
    for widget in list(made.widgets):
        warm_worker.take_from(widget.logic.client)
        made.close(widget)
    made.hide_windows()
    import slicer

    slicer.mrmlScene.Clear(0)
    sys.modules["qt"].QSettings().remove("NeuroSpineSeg")


@pytest.fixture
def scan(bench: Bench) -> Any:
    """A small scan named so that it fills the slot ``t1c``."""
    import slicer

    from neurospineseg.mrml import node_from_array
    from Testing.small_scans import ball, oblique_affine

    node = node_from_array(ball(), oblique_affine(), slicer.mrmlScene, "x-t1c")
    node.CreateDefaultDisplayNodes()
    return node


@pytest.fixture
def mine(scan: Any) -> Any:
    """A segmentation of the user's: an old necrotic core and something of their own, in one shared layer."""
    import numpy as np
    import slicer

    from neurospineseg.images.volume import Volume
    from neurospineseg.mrml import segmentation_from_labels
    from neurospineseg.tasks.anatomy import structure, structures_of
    from Testing.small_scans import ball, oblique_affine

    labels = np.zeros(ball().shape, np.uint16)
    labels[5:10, 5:10, 5:10], labels[12:16, 12:16, 12:16] = structure("necrotic_core").label, structure("edema").label
    node = segmentation_from_labels(Volume(labels, oblique_affine()), structures_of("tumor"), slicer.mrmlScene, "Mine", scan)
    segment = node.GetSegmentation().GetSegment("edema")
    segment.SetName("My cyst")
    segment.RemoveTag("NeuroSpineSeg.Structure")
    segment.RemoveTag("TerminologyEntry")
    return node


@pytest.fixture
def tumor_panel(bench: Bench, scan: Any, tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The tumor panel with the untrained test model and a small scan."""
    monkeypatch.setenv("NEUROSPINESEG_MODELS", str(tiny_models))
    widget = bench.open("TumorSeg")
    widget.parameters.model = "tiny_tumor"
    return widget


@pytest.fixture
def measuring_panel(bench: Bench) -> Iterator[Any]:
    """The spine panel with a worker that measures at once."""
    import numpy as np

    from Testing.panel.measured_spine import MeasuringWorker

    worker, made = MeasuringWorker(np.zeros((2, 2, 2), np.uint16), ()), bench.open("SpineSeg")
    made.logic.stop()
    made.logic.client = worker
    yield made
    worker.remove()


@pytest.fixture
def spine(measuring_panel: Any) -> Any:
    """A drawn spine on a turned grid, shown in the panel."""
    from Testing.panel.measured_spine import turned_spine_node

    made = turned_spine_node()
    measuring_panel.parameters.shown = made
    measuring_panel.ui.measureSection.collapsed = False
    return made
