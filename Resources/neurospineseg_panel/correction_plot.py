"""How the model has been doing, as a plot: Dice before correction, by structure and over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _

from neurospineseg.pipeline.correction_history import Correction
from neurospineseg.tasks.task import task_named

ATTRIBUTE = "NeuroSpineSeg.Corrections"
COLORS = ((0.2, 0.2, 0.2), (0.31, 0.49, 0.67), (0.78, 0.33, 0.24), (0.36, 0.6, 0.36), (0.6, 0.42, 0.68), (0.85, 0.6, 0.2))
NUMBER, TOLD = "Correction", "Told"
MEAN = "mean"


def curves_of(judged: Sequence[Correction]) -> dict[str, list[float]]:
    """Dice of each correction, the earliest first: the mean, then each class of structures that comes often; NaN where there is none.

    Vertebrae count together, as do discs: a name of its own has hardly two points.
    """
    families: dict[str, list[float]] = {}
    for number, each in enumerate(judged):
        values: dict[str, list[float]] = {}
        for key, dice in each.dice.items():
            values.setdefault(_class_of(key), []).append(dice)
        for name, some in values.items():
            families.setdefault(name, [float("nan")] * len(judged))[number] = sum(some) / len(some)
    often = sorted(families, key=lambda name: -sum(value == value for value in families[name]))[: len(COLORS) - 1]
    return {MEAN: [each.mean_dice or 0.0 for each in judged], **{name: families[name] for name in sorted(often)}}


def _class_of(key: str) -> str:
    first = key.split("_")[0]
    return first if first in ("vertebra", "disc") else key


def draw_history(task: str, judged: Sequence[Correction]) -> Any:
    """The chart node with its table and series, made once for a task and filled anew.

    Returns:
        The ``vtkMRMLPlotChartNode``.
    """
    title = _("{task}: Dice before correction").format(task=task_named(task).title)
    table, chart = _node("vtkMRMLTableNode", task, "table", title), _node("vtkMRMLPlotChartNode", task, "chart", title)
    curves = curves_of(judged)
    table.SetAndObserveTable(_table(judged, curves))
    table.SetUseColumnTitleAsColumnHeader(True)
    chart.SetTitle(title)
    chart.SetXAxisTitle(_("Correction, the earliest first"))
    chart.SetYAxisTitle("Dice")
    chart.SetYAxisRangeAuto(False)
    chart.SetYAxisRange(0.0, 1.0)
    chart.RemoveAllPlotSeriesNodeIDs()
    for color, name in zip(COLORS, curves):
        series = _node("vtkMRMLPlotSeriesNode", task, f"series {name}", _name(task, name))
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetXColumnName(NUMBER)
        series.SetYColumnName(name)
        series.SetLabelColumnName(TOLD)
        series.SetPlotType(series.PlotTypeScatter)
        series.SetMarkerStyle(series.MarkerStyleCircle)
        series.SetLineWidth(4 if name == MEAN else 1)
        series.SetColor(*color)
        chart.AddAndObservePlotSeriesNodeID(series.GetID())
    _remove_others(task, curves)
    return chart


def _remove_others(task: str, curves: dict[str, list[float]]) -> None:
    """Curves that are drawn no more leave the scene."""
    kept = {f"{task} series {name}" for name in curves}
    for node in slicer.util.getNodesByClass("vtkMRMLPlotSeriesNode"):
        told = node.GetAttribute(ATTRIBUTE) or ""
        if told.startswith(f"{task} series ") and told not in kept:
            slicer.mrmlScene.RemoveNode(node)


def _table(judged: Sequence[Correction], curves: dict[str, list[float]]) -> Any:
    made, numbers, told = vtk.vtkTable(), vtk.vtkDoubleArray(), vtk.vtkStringArray()
    numbers.SetName(NUMBER)
    told.SetName(TOLD)
    for number, each in enumerate(judged, 1):
        numbers.InsertNextValue(number)
        told.InsertNextValue(f"{each.when:%Y-%m-%d %H:%M}, {each.model or '-'}")
    made.AddColumn(numbers)
    made.AddColumn(told)
    for name, values in curves.items():
        column = vtk.vtkDoubleArray()
        column.SetName(name)
        for value in values:
            column.InsertNextValue(value)
        made.AddColumn(column)
    return made


def _name(task: str, key: str) -> str:
    if key == MEAN:
        return _("Mean")
    return next((structure.name for structure in task_named(task).structures if structure.key == key), key.capitalize())


def _node(kind: str, task: str, key: str, name: str) -> Any:
    """The node of this task and key, made where it is not there."""
    wanted = f"{task} {key}"
    for node in slicer.util.getNodesByClass(kind):
        if node.GetAttribute(ATTRIBUTE) == wanted:
            return node
    node = slicer.mrmlScene.AddNewNodeByClass(kind, name)
    node.SetAttribute(ATTRIBUTE, wanted)
    return node
