"""Measurements in a table node of the scene, with the columns of the shell's ``.csv``, and back."""

from __future__ import annotations

import json
import math
from typing import Any

import vtk

from neurospineseg.measurements.measurement import Measurement, Measurements, as_points
from neurospineseg.measurements.table import HEADER, rows

NUMBERS = ("value", "low", "high")
TASK_ATTRIBUTE, NOTES_ATTRIBUTE, SEGMENTS_ATTRIBUTE = "NeuroSpineSeg.Task", "NeuroSpineSeg.Notes", "NeuroSpineSeg.Segments"


def write_table_node(table: Any, measured: Measurements, segments: dict[str, str]) -> None:
    """Fills a ``vtkMRMLTableNode``; what is not measured is NaN."""
    filled = vtk.vtkTable()
    cells = rows(measured)
    for name in HEADER:
        column = vtk.vtkDoubleArray() if name in NUMBERS else vtk.vtkStringArray()
        column.SetName(name)
        for row in cells:
            column.InsertNextValue(float(row[name] or "nan") if name in NUMBERS else str(row[name]))
        filled.AddColumn(column)
    was_modified = table.StartModify()
    table.SetAndObserveTable(filled)
    table.SetUseColumnTitleAsColumnHeader(True)
    table.SetLocked(True)
    for name, value in (
        (TASK_ATTRIBUTE, measured.task),
        (NOTES_ATTRIBUTE, json.dumps(measured.notes)),
        (SEGMENTS_ATTRIBUTE, json.dumps(segments)),
    ):
        table.SetAttribute(name, value)
    table.EndModify(was_modified)


def update_table_node(table: Any, before: Measurements, measured: Measurements) -> None:
    """Writes what differs from what the table says."""
    for row, (old, new) in enumerate(zip(before, measured)):
        if new != old:
            for name, text in zip(HEADER, rows(Measurements("", (new,)))[0].values()):
                value = vtk.vtkVariant(float(text or "nan")) if name in NUMBERS else vtk.vtkVariant(str(text))
                table.GetTable().SetValueByName(row, name, value)
    table.GetTable().Modified()


def read_table_node(table: Any) -> tuple[Measurements, dict[str, str]]:
    """What ``write_table_node`` wrote, be it in another session: the measurements and the segments' IDs by structure's key."""
    items = tuple(_row(table, row) for row in range(table.GetNumberOfRows()))
    notes, segments = (
        json.loads(table.GetAttribute(name) or empty) for name, empty in ((NOTES_ATTRIBUTE, "[]"), (SEGMENTS_ATTRIBUTE, "{}"))
    )
    return Measurements(table.GetAttribute(TASK_ATTRIBUTE) or "", items, tuple(notes)), segments


def _row(table: Any, row: int) -> Measurement:
    cells: dict[str, str] = {name: table.GetTable().GetValueByName(row, name).ToString() for name in HEADER}
    value, low, high = (None if math.isnan(float(cells[name])) else float(cells[name]) for name in NUMBERS)
    points = as_points([[float(part) for part in point.split(",")] for point in cells["points"].split()])
    words = (cells["key"], cells["measure"], cells["place_key"], cells["place"], cells["unit"])
    flags = tuple(filter(None, cells["flags"].split("; ")))
    return Measurement(*words, value, low, high, cells["shape"], points, flags, cells["group"])  # type: ignore[arg-type]
