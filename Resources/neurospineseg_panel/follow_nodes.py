"""What comes into the scene with a followed patient: the table by date, plots over time, and what has grown and shrunk as segments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtk.util.numpy_support import numpy_to_vtk

from neurospineseg.measurements.change_table import GROWN, HEADER, LINES, SHRUNK
from neurospineseg.mrml.pieces import Pieces
from neurospineseg.mrml.segment_masks import BINARY
from neurospineseg.mrml.volume_node import to_vtk, to_world
from neurospineseg_panel.measure_folder import own_node, own_nodes, remove_nodes
from neurospineseg_panel.measure_plots import COLORS

TABLE, CHART, CHART_TABLE, SERIES, CHANGE = "follow:table", "follow:chart:", "follow:values:", "follow:series:", "follow:change:"
TEXTS = ("study", "group", "place", "measure", "unit", "flags", "place_key", "key")
PLOTTED = {
    "tumor": (("volume", "mL"), ("sum_of_products", "mm2")),
    "spine": (("body_height_middle", "mm"), ("disc_height_middle", "mm")),
    "subcortical": (("volume", "mL"),),
}
"""What is plotted over time, by task."""
MOST_CURVES = 8
LINE_COLOR = (0.5, 0.5, 0.5)
SEGMENTS = ((GROWN, "Grown", (0.886, 0.235, 0.235)), (SHRUNK, "Shrunk", (0.235, 0.47, 0.886)))
Rows = Sequence[Sequence[str]]


def making_follow_nodes(studies: Sequence[Any], task: str, rows: Rows, maps: Sequence[np.ndarray], affine: np.ndarray) -> Pieces[Any]:
    """Puts a comparison into the folder of the first study's segmentation, in the place of an earlier one; returns the table node.

    Args:
        studies: each with ``name`` and ``node``.
        rows: see ``Followed``.
        maps: label maps (K, J, I) of what has grown and shrunk.
        affine: 4x4 ijk of their grid to world RAS mm.
    """
    first = studies[0].node
    known = own_nodes(first)
    for name in [key for key in known if key.startswith("follow:")]:
        if name != TABLE:
            remove_nodes([known.pop(name)])
        yield
    table = own_node(first, TABLE, "vtkMRMLTableNode", _("{name} over time").format(name=first.GetName()), known)
    _fill(table, {name: [row[number] for row in rows] for number, name in enumerate(HEADER)})
    yield
    for key, unit in PLOTTED[task]:
        _plot(first, rows, key, unit, known)
        yield
    for study, changed in zip(studies[1:], maps):
        _change(first, study.name, changed, affine, known)
        yield
    return table


def _fill(table: Any, columns: dict[str, list[str]]) -> None:
    """Texts as they are, numbers as numbers; NaN where there is none."""
    filled = vtk.vtkTable()
    for name, cells in columns.items():
        column = vtk.vtkStringArray() if name in TEXTS else vtk.vtkDoubleArray()
        column.SetName(name)
        for cell in cells:
            column.InsertNextValue(cell if name in TEXTS else float(cell or "nan"))
        filled.AddColumn(column)
    table.SetAndObserveTable(filled)
    table.SetUseColumnTitleAsColumnHeader(True)
    table.SetLocked(True)


def _plot(first: Any, rows: Rows, key: str, unit: str, known: dict[str, Any]) -> None:
    """One curve over the studies for each place of a measure."""
    cells = [dict(zip(HEADER, row)) for row in rows]
    found = [each for each in cells if each["key"] == key and each["value"] and each["group"] != LINES]
    lines = {each["measure"]: each["value"] for each in cells if each["key"] == key and each["group"] == LINES}
    studies, places = (list(dict.fromkeys(each[name] for each in found)) for name in ("study", "place"))
    if len(studies) < 2:
        return
    values = {(each["study"], each["place"]): each["value"] for each in found}
    name = f"{first.GetName()} {found[0]['measure']}"
    table = own_node(first, CHART_TABLE + key, "vtkMRMLTableNode", _("{name} over time").format(name=name), known)
    curves = {place: [values.get((study, place), "") for study in studies] for place in places[:MOST_CURVES]}
    _fill(table, {"study": studies, **curves, **{name: [value] * len(studies) for name, value in lines.items()}})
    chart = own_node(first, CHART + key, "vtkMRMLPlotChartNode", _("{name} over time").format(name=name), known)
    chart.SetTitle(chart.GetName())
    chart.SetXAxisTitle(", ".join(studies))
    chart.SetYAxisTitle(unit)
    for number, curve in enumerate([*curves, *lines]):
        series = own_node(first, f"{SERIES}{key}:{number}", "vtkMRMLPlotSeriesNode", curve, known)
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetYColumnName(curve)
        series.SetLabelColumnName("study")
        series.SetPlotType(series.PlotTypeLine)
        series.SetMarkerStyle(series.MarkerStyleNone if curve in lines else series.MarkerStyleCircle)
        series.SetColor(*(LINE_COLOR if curve in lines else COLORS[number % len(COLORS)]))
        styles = (series.LineStyleSolid, series.LineStyleDash, series.LineStyleDashDot)
        series.SetLineStyle(series.LineStyleDot if curve in lines else styles[number // len(COLORS) % 3])
        chart.AddAndObservePlotSeriesNodeID(series.GetID())


def _change(first: Any, name: str, changed: np.ndarray, affine: np.ndarray, known: dict[str, Any]) -> None:
    """What has grown and shrunk until a study as two segments, under the transform of the first study's segmentation."""
    words = _("{name} change").format(name=name)
    node = own_node(first, CHANGE + name, "vtkMRMLSegmentationNode", words, known)
    node.CreateDefaultDisplayNodes()
    node.SetAndObserveTransformNodeID(first.GetTransformNodeID())
    reference = first.GetNodeReference(first.GetReferenceImageGeometryReferenceRole())
    if reference is not None:
        node.SetReferenceImageGeometryParameterFromVolumeNode(reference)
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(changed.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(changed, np.uint8).ravel(), deep=True))
    image.SetImageToWorldMatrix(to_vtk(np.linalg.solve(to_world(first), affine)))
    for label, title, color in SEGMENTS:
        segment = slicer.vtkSegment()
        segment.SetName(title)
        segment.SetColor(*color)
        segment.SetLabelValue(label)
        segment.AddRepresentation(BINARY, image)
        node.GetSegmentation().AddSegment(segment, title.lower())
