"""The table of measurements: what each number carries, how it is written and read back, and how a task's measures are found."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.measurement import CUT, EDITED, Measurement, Measurements, as_points, measurements_of, spread
from neurospineseg.measurements.measuring import MeasuredMask, measurable_tasks, measure
from neurospineseg.measurements.table import table_ending, write_table, write_wide_table
from neurospineseg.tasks.task import Task, forget_task, register_task, task_named

LINE = as_points([[0, 0, 0], [1, 2.0004, 30]])
DEPTH = Measurement("body_depth", "Body depth", "vertebra_L3", "L3", "mm", 33.21, 32.7, 33.8, "line", LINE, group="Bodies")
HEIGHT = Measurement("body_height", "Body height", "vertebra_L4", "L4", "mm", None, flags=(CUT,), group="Bodies")
TABLE = Measurements("spine", (DEPTH, HEIGHT), ("A note.",))


def test_a_number_without_value_says_why() -> None:
    with pytest.raises(InputError, match="flag"):
        replace(HEIGHT, flags=())


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="not a number"):
        replace(DEPTH, value=float("nan"))


def test_a_line_has_two_points() -> None:
    with pytest.raises(InputError, match="2 points"):
        replace(DEPTH, points=LINE[:1])


def test_texts_for_people() -> None:
    assert (DEPTH.text, DEPTH.error_text, HEIGHT.text, HEIGHT.error_text) == ("33.2 mm", "32.7 to 33.8", "-", "")


def test_what_a_person_set_is_marked_and_loses_the_masks_error_bar() -> None:
    edited = replace(DEPTH, flags=(CUT,)).edited(30.0, [[0, 0, 0], [0, 0, 30.0]])
    assert (edited.value, edited.low, edited.flags) == (30.0, None, (EDITED,))


def test_json_comes_back_as_it_was(tmp_path: Path) -> None:
    write_table(TABLE, tmp_path / "table.json")
    assert measurements_of(json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))) == TABLE


@pytest.mark.parametrize("record", [None, {}, {"task": "spine", "notes": [], "measurements": [{"key": "depth"}]}])
def test_other_json_is_refused(record: object) -> None:
    with pytest.raises(InputError, match="measure the mask again"):
        measurements_of(record)


def test_csv_has_a_row_for_each(tmp_path: Path) -> None:
    write_table(TABLE, tmp_path / "table.csv")
    with open(tmp_path / "table.csv", newline="", encoding="utf-8-sig") as file:
        found = list(csv.DictReader(file))
    assert [(row["place"], row["value"], row["flags"]) for row in found] == [("L3", "33.210", ""), ("L4", "", CUT)]


def test_the_wide_table_has_a_row_for_each_mask(tmp_path: Path) -> None:
    other = Measurements("spine", (replace(DEPTH, value=30.0, low=29.0, high=31.0),))
    write_wide_table({"a": other, "b": TABLE}, tmp_path / "wide.csv")
    with open(tmp_path / "wide.csv", newline="", encoding="utf-8-sig") as file:
        found = list(csv.reader(file))
    columns = ["case", "vertebra_L3.body_depth [mm]", "vertebra_L4.body_height [mm]", "flagged"]
    assert found == [columns, ["a", "30.000", "", ""], ["b", "33.210", "", f"vertebra_L4.body_height [mm]: {CUT}"]]


def test_a_table_of_another_kind_is_refused() -> None:
    with pytest.raises(InputError, match=".csv or .json"):
        table_ending(Path("table.xlsx"))


def test_an_error_bar_holds_what_was_measured_otherwise() -> None:
    assert spread(10.0, [9.0, np.nan, 10.2], least=0.5) == (9.0, 10.5)


def test_a_task_of_somebody_else_brings_its_own_measures() -> None:
    def volume(mask: MeasuredMask) -> Measurements:
        count = float(mask.mask("stone").sum())
        return Measurements("stones", (Measurement("count", "Voxels", "stone", "Stone", "", count),))

    tumor = task_named("tumor")
    stone = replace(tumor.structures[0], key="stone", family="stone")
    register_task(Task("stones", "Stones", "stones", tumor.channels, (stone,), tumor.least_extent_mm, measures=volume))
    try:
        labels = Volume(np.eye(3, dtype=np.uint8)[None].repeat(2, 0), np.eye(4))
        found = measure(labels, {1: "stone"}, "stones").find("count", "stone")
        assert getattr(found, "value", None) == 6.0
        assert "stones" in measurable_tasks()
    finally:
        forget_task("stones")


def test_a_task_without_measures_is_refused() -> None:
    tumor = task_named("tumor")
    stone = replace(tumor.structures[0], key="stone", family="stone")
    register_task(Task("stones", "Stones", "stones", tumor.channels, (stone,), tumor.least_extent_mm))
    try:
        with pytest.raises(InputError, match="are not measured"):
            measure(Volume(np.zeros((2, 2, 2), np.uint8), np.eye(4)), {}, "stones")
    finally:
        forget_task("stones")
