"""What a model and its fine-tuned successor reach on cases that taught neither of them what is new."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.geometry.agreement import dice
from neurospineseg.pipeline.fine_tuning import Figures
from neurospineseg.pipeline.segmenter import Segmenter
from neurospineseg.pipeline.settings import Settings
from Training.datasets.raw_dataset import RawDataset
from Training.evaluation.case_scores import class_values, predicted

CaseScores = dict[str, dict[str, float]]
"""Dice by case and class, of the classes that the truth or the model shows."""


def scores_of(bundle: Path, data: RawDataset, cases: Sequence[str], device: str, progress: Callable[[float], None]) -> CaseScores:
    """How a model does on some cases of a data set, run as a user runs it; a case that it refuses counts as empty."""
    segmenter = Segmenter(data.task, Settings(model=str(bundle), device=device, force=True))
    known = class_values(segmenter.bundle.spec, data.classes)
    scores: CaseScores = {}
    for number, case in enumerate(cases):
        progress(number / len(cases))
        scans, labels = data.read(case)
        truth = labels.voxels.astype(int)
        given = {channel: scan for channel, scan in scans.items() if scan.voxels.any()}
        try:
            found = predicted(segmenter, given, data.classes)
        except InputError:
            found = np.zeros(truth.shape, np.uint8)
        scores[case] = {
            data.classes[value]: dice(found == value, truth == value) for value in known if (truth == value).any() or (found == value).any()
        }
    return scores


def figures_of(old: Mapping[str, Mapping[str, float]], new: Mapping[str, Mapping[str, float]]) -> Figures:
    """The means over cases; a structure that only one of the models shows in a case counts as 1 for the other, which rightly shows none."""
    rows = [(old[case].get(name, 1.0), new[case].get(name, 1.0), case, name) for case in old for name in {**old[case], **new[case]}]

    def mean(column: int, part: int, key: str) -> float:
        return float(np.mean([row[column] for row in rows if row[part] == key]))

    names = list(dict.fromkeys(row[3] for row in rows))
    means = [float(np.mean([mean(column, 2, case) for case in old])) for column in (0, 1)]
    return Figures(len(old), *means, {name: (mean(0, 3, name), mean(1, 3, name)) for name in names})


def in_words(figures: Figures, what: str) -> list[str]:
    """A table in Markdown."""
    rows = [("all", figures.old, figures.new), *((name, *pair) for name, pair in figures.structures.items())]
    return [
        f"Mean Dice over {figures.cases} {what}:",
        "",
        "| structure | old | new |",
        "| --- | --- | --- |",
        *(f"| {name.replace('_', ' ')} | {old:.3f} | {new:.3f} |" for name, old, new in rows),
    ]
