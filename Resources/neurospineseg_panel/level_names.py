"""The names of the levels in the views: a point at the center of each vertebral body."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from slicer.i18n import tr as _

from neurospineseg.measurements.measurement import Measurements
from neurospineseg.mrml import placing_segment
from neurospineseg.mrml.pieces import Pieces
from neurospineseg_panel.measure_folder import own_node, own_nodes, placing_list_kept
from neurospineseg_panel.measured_segmentation import segments_by_structure
from neurospineseg_panel.turns import Turns

LEVELS = "levels"
TEXT_SCALE, GLYPH_SCALE = 4.0, 1.2
Places = list[tuple[str, str, tuple[float, float, float]]]


class LevelNames:
    """Shows, hides and follows the names of the levels of one segmentation at a time.

    Args:
        task: whose structures it holds; only vertebrae and the sacrum are named.
    """

    def __init__(self, task: str) -> None:
        self.task = task
        self._finding = Turns(lambda error: logging.error("The levels could not be named.", exc_info=error))

    @property
    def busy(self) -> bool:
        return self._finding.busy

    def show(self, segmentation: Any, measured: Measurements | None) -> None:
        """Names the levels as the segments are named now, in pieces.

        Args:
            measured: measurements that still hold, which tell the centers of the bodies; None without any.
        """
        self._finding.start(self._places(segmentation, measured), lambda places: place_names(segmentation, places))

    def hide(self, segmentation: Any) -> None:
        self._finding.stop()
        node = own_nodes(segmentation).get(LEVELS) if segmentation is not None else None
        if node is not None:
            node.SetDisplayVisibility(False)

    def is_shown(self, segmentation: Any) -> bool:
        node = own_nodes(segmentation).get(LEVELS) if segmentation is not None else None
        return node is not None and bool(node.GetDisplayVisibility())

    def _places(self, segmentation: Any, measured: Measurements | None) -> Pieces[Places]:
        """Name, segment ID and center (world RAS mm) of each level."""
        found: Places = []
        for key, identifier in segments_by_structure(segmentation, self.task).items():
            kind, _underscore, level = key.partition("_")
            if kind not in ("vertebra", "sacrum"):
                continue
            height = measured.find("body_height_middle", key) if measured is not None else None
            if height is not None and height.points:
                center = np.mean(height.points, 0).tolist()
            else:
                center = yield from placing_segment(segmentation, identifier)
            if center is not None:
                found.append((level or "S", identifier, tuple(center)))
            yield
        return found

    def stop(self) -> None:
        self._finding.stop()


def place_names(segmentation: Any, places: Places) -> Any:
    """The markups node with a locked, named point at each place, under the segmentation's transform."""
    name = _("{name} levels").format(name=segmentation.GetName())
    with placing_list_kept(segmentation.GetScene()):
        node = own_node(segmentation, LEVELS, "vtkMRMLMarkupsFiducialNode", name, own_nodes(segmentation))
    node.CreateDefaultDisplayNodes()
    node.SetAndObserveTransformNodeID(segmentation.GetTransformNodeID())
    was_modified = node.StartModify()
    node.RemoveAllControlPoints()
    for name, identifier, center in places:
        number = node.AddControlPointWorld(*center, name)
        node.SetNthControlPointDescription(number, identifier)
    node.SetLocked(True)
    node.EndModify(was_modified)
    display = node.GetDisplayNode()
    display.SetTextScale(TEXT_SCALE)
    display.SetGlyphScale(GLYPH_SCALE)
    display.SetSliceProjection(True)
    display.SetPropertiesLabelVisibility(False)
    display.SetPointLabelsVisibility(True)
    node.SetDisplayVisibility(True)
    return node
