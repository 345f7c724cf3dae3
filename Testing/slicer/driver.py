"""The application as the checks drive it: its scene, its error log, its module panels, its window."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import slicer

from Testing.slicer.panel_driver import Panel
from Testing.slicer.waiting import Waiter, expect

MODULES = ("SubcorticalSeg", "SpineSeg", "TumorSeg")
ELSEWHERE = "Data"
"""A module of Slicer's own."""
_LEVEL_COLUMN, _SERIOUS = 2, ("Error", "Critical", "Fatal")


class _Errors(logging.Handler):
    """What Python code logs as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(" ".join(record.getMessage().split()))


class Driver:
    """What a check gets.

    Args:
        waiter: lets the application work.
        say: prints a line.
        pictures: the folder for pictures of the window; None for none.

    Attributes:
        folder: an empty folder for the check's files.
    """

    def __init__(self, waiter: Waiter, say: Callable[[str], None], pictures: Path | None = None) -> None:
        self.waiter, self.say, self._pictures = waiter, say, pictures
        self._errors, self._name, self._seen = _Errors(), "", 0
        self.folder = Path(tempfile.mkdtemp(prefix="self-tests-"))
        logging.getLogger().addHandler(self._errors)

    def close(self) -> None:
        logging.getLogger().removeHandler(self._errors)
        shutil.rmtree(self.folder, ignore_errors=True)

    def begin(self, name: str) -> None:
        """An empty scene, an empty folder, another module than ours."""
        self._name, self.waiter.waits_for = name, f"{name} to begin"
        slicer.util.selectModule(ELSEWHERE)
        slicer.mrmlScene.Clear(0)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.waiter.for_a_while(0.2)
        self._errors.lines.clear()
        self._seen = self._entries()

    def no_errors(self) -> None:
        """Nothing was logged as an error by Python code; what the application's own log holds is told."""
        for line in self._serious():
            self.note(f"in the error log: {line}")
        expect(not self._errors.lines, f"errors were logged: {'; '.join(self._errors.lines)}")

    def note(self, text: str) -> None:
        """A figure or a remark on the check."""
        self.say(f"note {self._name}: {' '.join(str(text).split())}")

    def picture(self, name: str) -> None:
        """A picture of the whole main window, if pictures are wanted."""
        window = slicer.util.mainWindow()
        if self._pictures is None or window is None:
            return
        import ctk

        slicer.app.processEvents()
        self._pictures.mkdir(parents=True, exist_ok=True)
        ctk.ctkWidgetsUtils.grabWidget(window).save(str(self._pictures / f"{self._name}-{name}.png"))

    def open(self, module: str) -> Panel:
        """Opens a module as the user does and returns its panel, shown."""
        begun = time.monotonic()
        slicer.util.selectModule(module)
        widget = slicer.util.getModuleWidget(module)
        self.waiter.until(lambda: widget.parameters is not None, f"the panel of {module}", 30.0)
        panel = Panel(widget, self.waiter, self.note)
        panel.opened_in = time.monotonic() - begun
        return panel

    def nodes(self) -> dict[str, str]:
        """ID and name of every node of the scene."""
        found = [slicer.mrmlScene.GetNthNode(number) for number in range(slicer.mrmlScene.GetNumberOfNodes())]
        return {node.GetID(): node.GetName() for node in found}

    def same_nodes(self, before: dict[str, str], what: str) -> None:
        """The scene has the nodes that it had."""
        now = self.nodes()
        changed = {identifier: (now.get(identifier) or before.get(identifier)) for identifier in now.keys() ^ before.keys()}
        expect(not changed, f"{what} changed the nodes of the scene: {changed}")

    def leave(self) -> None:
        """Goes to a module of Slicer's own."""
        slicer.util.selectModule(ELSEWHERE)
        self.waiter.for_a_while(0.1)

    def segmentations(self) -> list:
        return list(slicer.util.getNodesByClass("vtkMRMLSegmentationNode"))

    def the_segmentation(self):
        """The only one there is."""
        found = self.segmentations()
        expect(len(found) == 1, f"there are {len(found)} segmentations instead of one")
        return found[0]

    def load_sample(self, module: str) -> list:
        """Does what a click on a module's sample in Slicer's Sample Data module does; returns the volumes."""
        sources = getattr(slicer.modules, "sampleDataSources", {}).get("NeuroSpineSeg", [])
        source = next((source for source in sources if source.sampleName == module), None)
        expect(source is not None, f"{module} has registered no sample")
        slicer.util.selectModule("SampleData")
        nodes = source.customDownloader(source)
        expect(nodes, f"the sample of {module} could not be loaded")
        return list(nodes)

    def ready(self, module: str) -> tuple[Panel, list]:
        """The panel of a module with its sample chosen."""
        nodes = self.load_sample(module)
        panel = self.open(module)
        self.waiter.until(panel.widget.scans, f"{module} to choose the sample as its scan", 10.0, panel.message)
        return panel, nodes

    def _model(self):
        return slicer.app.errorLogModel() if hasattr(slicer.app, "errorLogModel") else None

    def _entries(self) -> int:
        model = self._model()
        return model.logEntryCount() if model is not None else 0

    def _serious(self) -> list[str]:
        """What has come into the application's error log since the check began."""
        model = self._model()
        rows = range(self._seen, self._entries())
        serious = [row for row in rows if str(model.data(model.index(row, _LEVEL_COLUMN))) in _SERIOUS]
        return [" ".join(str(model.logEntryDescription(row)).split())[:300] for row in serious]
