"""Comparing evaluations in pairs."""

from __future__ import annotations

import csv
from math import isnan
from pathlib import Path

import numpy as np
import pytest

from Training import compare
from Training.evaluation.case_scores import Score
from Training.evaluation.comparison import bootstrap_interval, paired
from Training.evaluation.score_table import write_scores


def scores(values: dict[str, float], structure: str = "disc") -> list[Score]:
    return [Score(case, structure, value, 2.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0) for case, value in values.items()]


def evaluation(folder: Path, values: dict[str, float], structure: str = "disc") -> Path:
    folder.mkdir(parents=True)
    write_scores(folder / "cases.csv", scores(values, structure))
    return folder


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_the_interval_covers_a_known_difference_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    intervals = [bootstrap_interval(rng.normal(0.1, 0.05, 30), seed) for seed in range(100)]
    assert 88 <= sum(low <= 0.1 <= high for low, high in intervals) <= 99
    assert not any(low <= 0.0 for low, _ in intervals)


def test_pairs_are_of_the_same_case() -> None:
    first, other = scores({"a": 0.2, "b": 0.6, "c": float("nan"), "d": 0.1}), scores({"b": 0.7, "a": 0.3, "c": 0.9, "e": 1.0})
    (found,) = paired(first, other, "dice")
    assert (found.cases, found.first, found.other) == (2, pytest.approx(0.4), pytest.approx(0.5))
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))


def test_one_case_has_no_interval() -> None:
    (found,) = paired(scores({"a": 0.2}), scores({"a": 0.3}), "dice")
    assert found.mean == pytest.approx(0.1)
    assert isnan(found.low)
    assert isnan(found.high)


def test_three_evaluations_become_a_table_and_a_plot(tmp_path: Path) -> None:
    values = {"a": 0.5, "b": 0.6, "c": 0.7}
    folders = [
        str(evaluation(tmp_path / name, {case: value + more for case, value in values.items()})) for name, more in zip("xyz", (0, 0.1, 0.2))
    ]
    assert compare.main([*folders, "-o", str(tmp_path / "out")]) == 0
    with open(tmp_path / "out" / "differences.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["first_model"], row["other_model"], row["cases"]) for row in rows] == [("x", "y", "3"), ("x", "z", "3")]
    assert [float(row["mean"]) for row in rows] == pytest.approx([0.1, 0.2])
    assert (tmp_path / "out" / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_cases_that_only_one_has_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [evaluation(tmp_path / "x", {"a": 0.5, "b": 0.5}), evaluation(tmp_path / "y", {"b": 0.6, "c": 0.5, "d": 0.5})]
    assert compare.main([*map(str, folders), "-o", str(tmp_path / "out")]) == 0
    assert "'x' has 2 cases and 'y' 3; only the 1 that both have" in said(capsys)


@pytest.mark.parametrize(("values", "structure"), [({"c": 0.5}, "disc"), ({"a": 0.5}, "canal")])
def test_nothing_in_common_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str], values: dict, structure: str) -> None:
    folders = [evaluation(tmp_path / "x", {"a": 0.5}), evaluation(tmp_path / "y", values, structure)]
    assert compare.main([*map(str, folders), "-o", str(tmp_path / "out")]) == 2
    assert "no case and structure in common" in said(capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "words"), [(None, "is missing"), ("case,dice\na,1\n", "no table"), ("case\n", ""), ("\x00\n1\n", "no table")]
)
def test_what_is_no_evaluation_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, words: str) -> None:
    first, other = evaluation(tmp_path / "x", {"a": 0.5}), tmp_path / "y"
    if content is not None:
        other.mkdir()
        (other / "cases.csv").write_text(content, encoding="utf-8")
    assert compare.main([str(first), str(other), "-o", str(tmp_path / "out")]) == 2
    assert words in said(capsys)


def test_one_evaluation_is_nothing_to_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main([str(tmp_path), "-o", str(tmp_path / "out")]) == 2
    assert "nothing to compare" in said(capsys)


def test_evaluations_of_one_name_are_told_apart(tmp_path: Path) -> None:
    folders = [str(evaluation(tmp_path / model / "test", {"a": 0.5, "b": 0.6})) for model in ("x", "y")]
    assert compare.main([*folders, "-o", str(tmp_path / "out")]) == 0
    with open(tmp_path / "out" / "differences.csv", newline="", encoding="utf-8") as stream:
        row = next(csv.DictReader(stream))
    assert (row["first_model"], row["other_model"]) == ("x/test", "y/test")
