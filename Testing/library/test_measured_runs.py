"""``segment --measure`` and ``batch --measure``: what was found, measured in the same run; one wide table for a folder."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from neurospineseg.cli.main import BAD_INPUT, DONE, main
from neurospineseg.measurements.measurement import Measurement, Measurements
from neurospineseg.pipeline.batch import run_batch
from Testing.small_scans import ball, write_nifti

TUMOR = ["--model", "tiny_tumor", "--device", "cpu", "--measure"]


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    for seed, name in enumerate("ab"):
        (tmp_path / "cases" / name).mkdir(parents=True)
        write_nifti(tmp_path / "cases" / name / "t1c.nii.gz", ball(seed=seed))
    return tmp_path / "cases"


def volume(ml: float) -> Measurements:
    return Measurements("spine", (Measurement("volume", "Volume", "", "", "mL", ml, ml - 0.1, ml + 0.1),))


def test_the_table_lies_beside_the_mask_and_its_numbers_are_the_masks(head: Path, tmp_path: Path, with_tiny_models: Path) -> None:
    assert main(["segment", "tumor", "--t1c", str(head), "-o", str(tmp_path / "mask.seg.nrrd"), *TUMOR]) == DONE
    assert main(["measure", str(tmp_path / "mask.seg.nrrd"), "--scan", str(head), "-o", str(tmp_path / "again.csv")]) == DONE
    made, again = rows_of(tmp_path / "mask.csv"), rows_of(tmp_path / "again.csv")
    assert [(row["key"], row["place_key"], row["value"]) for row in made] == [(row["key"], row["place_key"], row["value"]) for row in again]
    assert [row["high"] for row in made] != [row["high"] for row in again], "the model's probabilities give the error bars"


def test_the_record_says_how_long_measuring_took(head: Path, tmp_path: Path, with_tiny_models: Path) -> None:
    assert main(["segment", "tumor", "--t1c", str(head), "-o", str(tmp_path / "mask.nii.gz"), *TUMOR]) == DONE
    assert json.loads((tmp_path / "mask.json").read_text(encoding="utf-8"))["seconds"]["Measuring"] > 0


def test_a_fault_of_measuring_leaves_the_mask(
    head: Path, tmp_path: Path, with_tiny_models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("neurospineseg.measurements.tumor.measure_tumor", lambda mask: 1 / 0)
    assert main(["segment", "tumor", "--t1c", str(head), "-o", str(tmp_path / "mask.nii.gz"), *TUMOR]) == DONE
    assert "could not be measured; this is a fault of the program (ZeroDivisionError)" in capsys.readouterr().err
    assert (tmp_path / "mask.nii.gz").is_file()


def test_a_batch_makes_one_row_for_each_case(cases: Path, tmp_path: Path, with_tiny_models: Path) -> None:
    (cases / "c").mkdir()
    (cases / "c" / "t1c.nii.gz").write_bytes(b"broken")
    masks = tmp_path / "masks"
    assert main(["batch", "tumor", str(cases), "-o", str(masks), *TUMOR]) == BAD_INPUT
    rows = rows_of(masks / "measurements.csv")
    assert [(row["case"], row["outcome"]) for row in rows[:2]] == [("a", "measured"), ("b", "measured")]
    assert "t1c.nii.gz" in rows[2]["outcome"]
    assert all(float(row["whole_tumor.volume [mL]"]) > 0 for row in rows[:2])
    assert not (masks / "a.csv").exists()


def test_masks_of_an_earlier_batch_are_measured_with_their_scans(cases: Path, tmp_path: Path, with_tiny_models: Path) -> None:
    command = ["batch", "tumor", str(cases), "-o", str(tmp_path / "masks"), *TUMOR]
    assert main(command[:-1]) == DONE
    assert main(command) == DONE
    later = rows_of(tmp_path / "masks" / "measurements.csv")
    assert main(["batch", "tumor", str(cases), "-o", str(tmp_path / "others"), *TUMOR]) == DONE
    at_once = rows_of(tmp_path / "others" / "measurements.csv")
    assert later == at_once


def test_a_batch_goes_on_measuring_where_it_was(cases: Path, tmp_path: Path) -> None:
    masks, asked = tmp_path / "masks", []

    def segment(scans, mask: Path) -> None:
        mask.write_text("mask")

    def measure(scans, mask: Path) -> Measurements:
        asked.append(mask.name[0])
        if len(asked) == 2:
            raise KeyboardInterrupt
        return volume(float(len(asked)))

    with pytest.raises(KeyboardInterrupt):
        run_batch("tumor", cases, masks, segment, measure=measure)
    assert run_batch("tumor", cases, masks, segment, measure=measure) == {"a": "kept", "b": "kept"}
    assert asked == ["a", "b", "b"]
    assert [row["volume [mL]"] for row in rows_of(masks / "measurements.csv")] == ["1.000", "3.000"]


def test_a_mask_that_was_corrected_is_measured_again(cases: Path, tmp_path: Path) -> None:
    masks, values = tmp_path / "masks", iter((1.0, 2.0, 7.0))

    def segment(scans, mask: Path) -> None:
        mask.write_text("mask")

    def measure(scans, mask: Path) -> Measurements:
        return volume(next(values))

    run_batch("tumor", cases, masks, segment, measure=measure)
    later = (masks / "measurements.csv").stat().st_mtime + 5
    os.utime(masks / "b.seg.nrrd", (later, later))
    run_batch("tumor", cases, masks, segment, measure=measure)
    assert [row["volume [mL]"] for row in rows_of(masks / "measurements.csv")] == ["1.000", "7.000"]


def test_a_mask_that_cannot_be_measured_stops_nothing(cases: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"

    def segment(scans, mask: Path) -> None:
        mask.write_text("mask")

    def measure(scans, mask: Path) -> Measurements:
        if mask.name.startswith("a"):
            raise np.linalg.LinAlgError("Singular matrix")
        return volume(2.0)

    assert run_batch("tumor", cases, masks, segment, measure=measure) == {"a": "done", "b": "done"}
    first, second = rows_of(masks / "measurements.csv")
    assert "fault of the program (LinAlgError)" in first["outcome"]
    assert second["volume [mL]"] == "2.000"


def test_a_table_that_is_somebody_elses_stays(cases: Path, tmp_path: Path) -> None:
    masks, told = tmp_path / "masks", []
    masks.mkdir()
    (masks / "measurements.csv").write_text("subject,age\n1,60\n")

    def segment(scans, mask: Path) -> None:
        mask.write_text("mask")

    run_batch("tumor", cases, masks, segment, warn=told.append, measure=lambda scans, mask: volume(1.0))
    assert "'measurements-2.csv'" in told[0]
    assert (masks / "measurements.csv").read_text() == "subject,age\n1,60\n"
    assert [row["case"] for row in rows_of(masks / "measurements-2.csv")] == ["a", "b"]
