"""Scores as CSV files, as a summary for people, and read back."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neurospineseg.atomic_files import whole_file
from neurospineseg.errors import InputError
from Training.evaluation.case_scores import MEASURES, Score

SHOWN = ("dice", "hd95_mm", "surface_dice", "volume_error", "accuracy")
LOWER_IS_BETTER = ("hd95_mm", "volume_error")


def write_scores(path: Path, scores: Sequence[Score]) -> None:
    """A line for each case and structure; empty where a measure is not defined."""
    rows = [{key: _cell(value) for key, value in score.row().items()} for score in scores]
    with whole_file(path) as new, open(new, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _cell(value: object) -> object:
    return value if not isinstance(value, float) else "" if np.isnan(value) else f"{value:.5g}"


def read_scores(path: Path) -> list[Score]:
    """Scores that ``write_scores`` wrote.

    Raises:
        InputError: the file is missing or something else.
    """
    try:
        with open(path, newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        return [Score(row["case"], row["structure"], *(float(row[name] or "nan") for name in MEASURES)) for row in rows]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"'{path}' is missing; make it with evaluate.py.") from error
    except (KeyError, TypeError, ValueError, csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' is no table of evaluate.py; make it again.") from error


def structures_in(scores: Sequence[Score]) -> list[str]:
    return list(dict.fromkeys(score.structure for score in scores))


def summary(scores: Sequence[Score]) -> list[list[str]]:
    """A row for each structure: name, cases with truth, and mean (worst) of ``SHOWN``; the worst volume error is the largest."""
    rows = []
    for name in structures_in(scores):
        own = [score for score in scores if score.structure == name]
        row = [name, str(sum(score.truth_ml > 0 for score in own))]
        for measure in SHOWN:
            values = np.array([getattr(score, measure) for score in own])
            values = values[~np.isnan(values)]
            row.append("-" if not len(values) else f"{values.mean():.3f} ({_worst(measure, values):.3f})")
        rows.append(row)
    return rows


def _worst(measure: str, values: np.ndarray) -> float:
    return float(values[np.abs(values).argmax()] if measure in LOWER_IS_BETTER else values.min())


def heads(tolerance_mm: float) -> list[str]:
    return ["Structure", "Cases", "Dice (= F1)", "HD95 mm", f"Surface Dice {tolerance_mm:g} mm", "Volume error", "Accuracy"]


def as_markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
