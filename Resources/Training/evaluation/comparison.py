"""Two models on the same cases: paired differences and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from Training.evaluation.case_scores import Score
from Training.evaluation.score_table import structures_in

RESAMPLES = 10_000


@dataclass(frozen=True)
class Difference:
    """Mean of (other - first) over the cases both have, and its 95 % bootstrap interval (percentile method, Efron 1979)."""

    structure: str
    cases: int
    first: float
    other: float
    mean: float
    low: float
    high: float


def paired(first: Sequence[Score], other: Sequence[Score], measure: str, seed: int = 1) -> list[Difference]:
    """A difference for each structure that both scored; cases where either is not defined are left out.

    The interval resamples cases; with fewer than two it is NaN.
    """
    result = []
    for name in structures_in(first):
        a, b = ({score.case: getattr(score, measure) for score in scores if score.structure == name} for scores in (first, other))
        cases = [case for case in a if case in b and not np.isnan(a[case]) and not np.isnan(b[case])]
        if not cases:
            continue
        values = np.array([[a[case], b[case]] for case in cases])
        steps = values[:, 1] - values[:, 0]
        low, high = bootstrap_interval(steps, seed)
        result.append(Difference(name, len(cases), *(float(mean) for mean in values.mean(0)), float(steps.mean()), low, high))
    return result


def bootstrap_interval(values: np.ndarray, seed: int = 1) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile of the means of ``RESAMPLES`` resamples with replacement."""
    if len(values) < 2:
        return float("nan"), float("nan")
    chosen = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.percentile(values[chosen].mean(1), (2.5, 97.5))
    return float(low), float(high)


def draw_comparison(path: Path, names: Sequence[str], tables: Sequence[Sequence[Score]], measure: str) -> None:
    """For each structure the cases of every model as points, the same case joined by a line."""
    structures = structures_in(tables[0])
    figure = Figure(figsize=(2.2 + 1.4 * len(structures) * max(1, len(names) / 2), 4.5), layout="constrained")
    axes = figure.subplots()
    for place, structure in enumerate(structures):
        by_model = [{score.case: getattr(score, measure) for score in table if score.structure == structure} for table in tables]
        spots = place + np.linspace(-0.28, 0.28, len(names))
        for case in by_model[0]:
            axes.plot(spots, [values.get(case, np.nan) for values in by_model], color="#b0b0b0", linewidth=0.8, zorder=1)
        for number, values in enumerate(by_model):
            points = np.array([value for value in values.values() if not np.isnan(value)])
            color = ("#4f7cac", "#c8553d", "#5b9279", "#8e7dbe")[number % 4]
            axes.scatter([spots[number]] * len(points), points, color=color, s=18, zorder=2, label=names[number] if not place else None)
            if len(points):
                axes.plot([spots[number] - 0.07, spots[number] + 0.07], [points.mean()] * 2, color=color, linewidth=2.5, zorder=3)
    axes.set_xticks(range(len(structures)), [name.replace("_", " ").replace(" (", "\n(") for name in structures])
    axes.set_ylabel(measure.replace("_", " "))
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)
