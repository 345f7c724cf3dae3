"""The part of the panel that shows the segments, their volumes and their surfaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from neurospineseg.mrml import volumes_table, volumes_table_node

SETTLING_MILLISECONDS = 600


class ResultSection(VTKObservationMixin):
    """Follows the shown segmentation; volumes are measured anew when its segments have stopped changing.

    Args:
        ui: the panel's widgets.
        say: gives the user a message.
    """

    def __init__(self, ui: Any, say: Callable[[str], None]) -> None:
        VTKObservationMixin.__init__(self)
        self.ui, self._say = ui, say
        self.node: Any = None
        self._settled = qt.QTimer()
        self._settled.setSingleShot(True)
        self._settled.setInterval(SETTLING_MILLISECONDS)
        self._settled.connect("timeout()", self.measure)
        self.ui.copyVolumesButton.connect("clicked(bool)", self.onCopy)
        self.ui.volumesNodeButton.connect("clicked(bool)", self.onTable)

    def show(self, node: Any) -> None:
        """Shows a segmentation, or nothing."""
        if node is self.node:
            return
        self._observe(False)
        self.node = node
        self._observe(True)
        self.ui.segmentsTable.setSegmentationNode(node)
        self.ui.show3DButton.setSegmentationNode(node)
        self.measure()

    def _observe(self, on: bool) -> None:
        kind = slicer.vtkSegmentation
        events = (kind.SegmentAdded, kind.SegmentRemoved, kind.SegmentModified, kind.SourceRepresentationModified)
        if self.node is not None:
            for event in events:
                (self.addObserver if on else self.removeObserver)(self.node, event, self.onChanged)

    def onChanged(self, caller: Any, event: Any) -> None:
        self._settled.start()

    def measure(self) -> None:
        rows = [] if self.node is None else volumes_table(self.node)
        table = self.ui.volumesTable
        table.setRowCount(len(rows))
        for row, (_identifier, name, ml) in enumerate(rows):
            for column, text in enumerate((name, volume_text(ml))):
                table.setItem(row, column, qt.QTableWidgetItem(text))
        for button in (self.ui.copyVolumesButton, self.ui.volumesNodeButton):
            button.enabled = bool(rows)

    def onCopy(self, checked: bool = False) -> None:
        """Tab-separated, as spreadsheets take it."""
        rows = [(name, f"{ml:.4f}") for _identifier, name, ml in volumes_table(self.node)]
        lines = ["\t".join(row) for row in [(_("Structure"), _("Volume (mL)")), *rows]]
        slicer.app.clipboard().setText("\n".join(lines))
        slicer.util.showStatusMessage(_("The volumes were copied."), 3000)

    def onTable(self, checked: bool = False) -> None:
        table = volumes_table_node(self.node, slicer.mrmlScene)
        self._say(_("The table '{name}' was added to the scene.").format(name=table.GetName()))

    def cleanup(self) -> None:
        self._settled.stop()
        self.show(None)


def volume_text(ml: float) -> str:
    return f"{ml:.3f}" if ml < 10 else f"{ml:.1f}"
