"""Measurements as plots of the scene: heights and diameters by level, volumes by structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _

from neurospineseg.measurements.measurement import Measurements
from neurospineseg.mrml.pieces import Pieces
from neurospineseg_panel.measure_folder import own_node

COLORS = ((0.12, 0.47, 0.71), (0.85, 0.40, 0.05), (0.17, 0.60, 0.17))
CHART, SERIES, CHART_TABLE = "chart:", "series:", "table:"
PLACES = "Place"
"""Column of a chart's table with the names of levels or structures."""


@dataclass(frozen=True)
class Curve:
    """What one curve shows: a measure's key, of places whose key begins with something."""

    name: str
    measure: str
    prefix: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart of one table, with a row for each place.

    Attributes:
        key: an identifier that stays.
        bars: whether it shows bars; otherwise lines with points.
    """

    key: str
    title: str
    unit: str
    curves: tuple[Curve, ...]
    bars: bool = False


def charts_of(task: str) -> tuple[Chart, ...]:
    """The charts of a task's measurements."""
    where = (("front", _("front")), ("middle", _("middle")), ("back", _("back")))
    known = {
        "spine": (
            Chart("body_heights", _("Body heights"), "mm", tuple(Curve(name, f"body_height_{key}") for key, name in where)),
            Chart("disc_heights", _("Disc heights"), "mm", tuple(Curve(name, f"disc_height_{key}") for key, name in where)),
            Chart("canal", _("Canal, front to back"), "mm", (Curve(_("canal"), "canal_depth"),)),
        ),
        "tumor": (Chart("volumes", _("Volumes"), "mL", (Curve(_("volume"), "volume"),), bars=True),),
        "subcortical": (
            Chart("volumes", _("Volumes"), "mL", (Curve(_("left"), "volume", "left_"), Curve(_("right"), "volume", "right_")), bars=True),
        ),
    }
    return known.get(task, ())


def plotting(segmentation: Any, measured: Measurements, known: dict[str, Any]) -> Pieces[None]:
    """Makes the charts of measurements, or fills those that are there; a chart of which nothing was measured is not made.

    Args:
        known: see ``own_nodes``.
    """
    for chart in charts_of(measured.task):
        rows = rows_of(chart, measured)
        if rows or CHART_TABLE + chart.key in known:
            name = f"{segmentation.GetName()} {chart.title}"
            table = own_node(segmentation, CHART_TABLE + chart.key, "vtkMRMLTableNode", name, known)
            fill_chart_table(table, chart, rows)
            yield
            _make_chart(segmentation, chart, table, name, known)
            yield


def rows_of(chart: Chart, measured: Measurements) -> list[tuple[str, list[float]]]:
    """For each place its name and its number on each curve; NaN where it was not measured. Places without any are left out."""
    rows: dict[str, tuple[str, list[float]]] = {}
    for each in measured:
        for number, curve in enumerate(chart.curves):
            if each.key == curve.measure and each.place.startswith(curve.prefix) and each.value is not None:
                place = each.place.removeprefix(curve.prefix)
                name = each.place_name.split(" ", 1)[-1].capitalize() if curve.prefix else each.place_name
                rows.setdefault(place, (name, [float("nan")] * len(chart.curves)))[1][number] = round(each.value, 3)
    return list(rows.values())


def fill_chart_table(table: Any, chart: Chart, rows: Sequence[tuple[str, list[float]]]) -> None:
    """A column of places and one for each curve."""
    filled, places = vtk.vtkTable(), vtk.vtkStringArray()
    places.SetName(PLACES)
    for name, _values in rows:
        places.InsertNextValue(name)
    filled.AddColumn(places)
    for number, curve in enumerate(chart.curves):
        column = vtk.vtkDoubleArray()
        column.SetName(f"{curve.name} [{chart.unit}]")
        for _name, values in rows:
            column.InsertNextValue(values[number])
        filled.AddColumn(column)
    table.SetAndObserveTable(filled)
    table.SetUseColumnTitleAsColumnHeader(True)
    table.SetLocked(True)


def _make_chart(segmentation: Any, chart: Chart, table: Any, name: str, known: dict[str, Any]) -> None:
    node = own_node(segmentation, CHART + chart.key, "vtkMRMLPlotChartNode", name, known)
    node.SetTitle(name)
    node.SetXAxisTitle(
        ", ".join(filter(None, [table.GetTable().GetValueByName(row, PLACES).ToString() for row in range(table.GetNumberOfRows())]))
    )
    node.SetYAxisTitle(chart.unit)
    node.SetEnablePointMoveAlongX(False)
    node.SetEnablePointMoveAlongY(False)
    for number, curve in enumerate(chart.curves):
        series = own_node(segmentation, f"{SERIES}{chart.key}:{number}", "vtkMRMLPlotSeriesNode", curve.name, known)
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetYColumnName(f"{curve.name} [{chart.unit}]")
        series.SetLabelColumnName(PLACES)
        series.SetPlotType(series.PlotTypeBar if chart.bars else series.PlotTypeLine)
        series.SetMarkerStyle(series.MarkerStyleCircle)
        series.SetColor(*COLORS[number % len(COLORS)])
        if not node.HasPlotSeriesNodeID(series.GetID()):
            node.AddAndObservePlotSeriesNodeID(series.GetID())


def refill_charts(measured: Measurements, known: Mapping[str, Any]) -> None:
    """Writes changed numbers into the tables of the charts that are there."""
    for chart in charts_of(measured.task):
        table = known.get(CHART_TABLE + chart.key)
        if table is not None:
            fill_chart_table(table, chart, rows_of(chart, measured))


def chart_for(measured: Measurements, key: str, known: Mapping[str, Any]) -> Any:
    """The chart node that shows a measure, else the first; None where there is none."""
    charts = [chart for chart in charts_of(measured.task) if known.get(CHART + chart.key) is not None]
    wanted = [chart for chart in charts if any(curve.measure == key for curve in chart.curves)]
    return known[CHART + (wanted or charts)[0].key] if charts else None


def show_chart(node: Any) -> None:
    """Shows a chart in a layout that has room for one."""
    slicer.modules.plots.logic().ShowChartInLayout(node)
