"""Markups where numbers were measured: lines, angles, planes and points, under the segmentation's own transform.

A mark is made when its number is looked at, or when all are wanted: each one costs every view a widget.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neurospineseg.measurements.measurement import Measurement, as_points
from neurospineseg_panel.measure_folder import own_node, placing_list_kept

MARK = "mark:"
CLASSES = {
    "line": "vtkMRMLMarkupsLineNode",
    "angle": "vtkMRMLMarkupsAngleNode",
    "plane": "vtkMRMLMarkupsPlaneNode",
    "point": "vtkMRMLMarkupsFiducialNode",
}
_PLACED: list[Any] = []
"""Marks that are being placed by us, whose events tell of no person's hand."""


def mark_key(items: Sequence[Measurement], number: int) -> str:
    """What the mark of a measurement is called by: measurements of one place that were taken at the same points share one."""
    each = items[number]
    first = next(other for other in items if (other.place, other.shape, other.points) == (each.place, each.shape, each.points))
    return f"{MARK}{first.place}/{first.key}"


def make_mark(segmentation: Any, key: str, each: Measurement, known: dict[str, Any], movable: bool) -> Any:
    """The markups node of a measurement, made where it is not there yet; hidden at first.

    Args:
        known: see ``own_nodes``.
        movable: whether its points may be dragged.
    """
    if key in known and known[key].GetScene() is not None:
        return known[key]
    with placing_list_kept(segmentation.GetScene()):
        node = own_node(segmentation, key, CLASSES[each.shape], mark_name(each), known)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetVisibility(False)
    display.SetPointLabelsVisibility(False)
    display.SetPropertiesLabelVisibility(True)
    display.SetSnapMode(display.SnapModeUnconstrained)
    if each.shape == "plane":
        node.SetPlaneType(node.PlaneType3Points)
    place_mark(segmentation, node, each)
    node.SetLocked(not movable)
    return node


def mark_name(each: Measurement) -> str:
    return f"{each.place_name} {each.name}".strip()


def place_mark(segmentation: Any, node: Any, each: Measurement) -> None:
    """Puts a mark where its number was measured, under the transform of the segmentation."""
    _PLACED.append(node)
    try:
        node.SetAndObserveTransformNodeID(segmentation.GetTransformNodeID())
        was_modified = node.StartModify()
        for number, point in enumerate(shown_points(each)):
            if number < node.GetNumberOfControlPoints():
                node.SetNthControlPointPositionWorld(number, *point)
            else:
                node.AddControlPointWorld(*point)
        if each.shape != "point":
            node.SetFixedNumberOfControlPoints(True)
        node.EndModify(was_modified)
    finally:
        _PLACED.pop()


def is_being_placed(node: Any) -> bool:
    """Whether what moves the points of a mark now is ``place_mark``."""
    return any(other is node for other in _PLACED)


def shown_points(each: Measurement) -> list[list[float]]:
    """The control points of a measurement's mark (world RAS mm).

    An angle's arms are as its two lines run, from a corner midway between where these begin; the others have the points themselves.
    """
    points = np.array(each.points, float)
    if each.shape != "angle":
        return points.tolist()
    corner = (points[0] + points[2]) / 2
    return [(corner + points[1] - points[0]).tolist(), corner.tolist(), (corner + points[3] - points[2]).tolist()]


def measured_points(each: Measurement, node: Any) -> tuple[tuple[float, float, float], ...]:
    """Where a measurement would be taken as its mark lies now; the other way round than ``shown_points``."""
    places = control_points(node)
    if each.shape != "angle":
        return as_points(places)
    before = np.array(each.points, float)
    return as_points([before[0], before[0] + places[0] - places[1], before[2], before[2] + places[2] - places[1]])


def control_points(node: Any) -> np.ndarray:
    """World RAS mm (N, 3)."""
    places = np.zeros((node.GetNumberOfControlPoints(), 3))
    for number, place in enumerate(places):
        found = [0.0, 0.0, 0.0]
        node.GetNthControlPointPositionWorld(number, found)
        place[:] = found
    return places


def is_complete(each: Measurement, node: Any) -> bool:
    """Whether a mark still has as many points as its measurement's."""
    return node.GetNumberOfControlPoints() == len(shown_points(each))
