"""The part of the panel that shows the segments, what is known of them, and their surfaces."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from neurospineseg.errors import InputError
from neurospineseg.mrml import confidence_of, placing_segment, segment_ml, volumes_table_node
from neurospineseg_panel.segment_table import Column, SegmentTable
from neurospineseg_panel.turns import Turns

SETTLING_MILLISECONDS = 600


class ResultSection(VTKObservationMixin):
    """Follows the shown segmentation; its segments are measured anew when they have stopped changing.

    Args:
        ui: the panel's widgets.
        say: gives the user a message.
        jump: centers the views on a place (RAS mm).
        chosen: called with the ID of the segment that the user selected.
    """

    def __init__(self, ui: Any, say: Callable[[str], None], jump: Callable[[Any], None], chosen: Callable[[str], None]) -> None:
        VTKObservationMixin.__init__(self)
        self.ui, self._say, self._jump = ui, say, jump
        self.node: Any = None
        self.table = SegmentTable(ui.segmentsTable, known_columns(), chosen, self.onClicked)
        self._placing = Turns(self._failed)
        self._settled = qt.QTimer()
        self._settled.setSingleShot(True)
        self._settled.setInterval(SETTLING_MILLISECONDS)
        self._settled.connect("timeout()", self.table.refresh)
        self.ui.copyVolumesButton.connect("clicked(bool)", self.onCopy)
        self.ui.volumesNodeButton.connect("clicked(bool)", self.onTable)

    def show(self, node: Any) -> None:
        """Shows a segmentation, or nothing."""
        if node is self.node:
            return
        self.removeObservers()  # removeObserver would keep the node alive
        self._placing.stop()
        self.node = node
        self.table.show(node)
        self._observe()
        self.ui.show3DButton.setSegmentationNode(node)
        self._update_buttons()

    def _observe(self) -> None:
        kind = slicer.vtkSegmentation
        events = (kind.SegmentAdded, kind.SegmentRemoved, kind.SegmentModified, kind.SourceRepresentationModified)
        if self.node is not None:
            for event in (*events, slicer.vtkMRMLSegmentationNode.SegmentationChangedEvent):
                self.addObserver(self.node, event, self.onChanged)

    def onChanged(self, caller: Any, event: Any) -> None:
        self.table.show_known()
        self._settled.start()
        self._update_buttons()

    def _update_buttons(self) -> None:
        some = self.node is not None and self.node.GetSegmentation().GetNumberOfSegments() > 0
        for button in (self.ui.copyVolumesButton, self.ui.volumesNodeButton):
            button.enabled = some

    def onClicked(self, identifier: str) -> None:
        """Centers the views on a segment, once it is found in its layer."""
        name = self.node.GetSegmentation().GetSegment(identifier).GetName()
        self._placing.start(placing_segment(self.node, identifier), partial(self._center, name))

    def _center(self, name: str, place: Any) -> None:
        if place is None:
            slicer.util.showStatusMessage(_("'{name}' is empty.").format(name=name), 3000)
        else:
            self._jump(place)

    def _failed(self, error: Exception) -> None:
        if isinstance(error, InputError):
            self._say(str(error))
        else:
            logging.error("A segment could not be found in its layer.", exc_info=error)

    def onCopy(self, checked: bool = False) -> None:
        """Tab-separated, as spreadsheets take it."""
        slicer.app.clipboard().setText("\n".join("\t".join(row) for row in self.table.exact_rows()))
        slicer.util.showStatusMessage(_("The table was copied."), 3000)

    def onTable(self, checked: bool = False) -> None:
        table = volumes_table_node(self.node, slicer.mrmlScene)
        self._say(_("The table '{name}' was added to the scene.").format(name=table.GetName()))

    def cleanup(self) -> None:
        self._settled.stop()
        self.table.cleanup()
        self.show(None)


def known_columns() -> list[Column]:
    """What the panel tells of every segment; a measurement is one more."""
    return [
        Column(_("mL"), _("Volume in milliliters, without parent transforms."), volume_text, lambda segment: f"{segment_ml(segment):.4f}"),
        Column(
            _("Confidence"),
            _(
                "Share of the structure's voxels in which the model's first choice was clearly ahead of its second. It is what the model said "
                "when it segmented, not a probability that the outline is right; corrections by hand do not change it."
            ),
            confidence_text,
            confidence_text,
        ),
    ]


def volume_text(segment: Any) -> str:
    ml = segment_ml(segment)
    return f"{ml:.3f}" if ml < 10 else f"{ml:.1f}"


def confidence_text(segment: Any) -> str:
    """Empty for what no model wrote."""
    confidence = confidence_of(segment)
    return "" if confidence is None else f"{confidence:.0%}"
