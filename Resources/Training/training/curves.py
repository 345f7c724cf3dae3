"""The course of a training as pictures."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

MEASURES = {"loss": "Loss", "dice": "Dice (without background)", "accuracy": "Accuracy", "f1": "F1 score (all classes)"}


def read_log(logs: Path) -> dict[str, dict[int, float]]:
    """Values by measure and epoch of a run's CSV logs; of an epoch that was begun twice the last counts."""
    table: dict[str, dict[int, float]] = {}
    for file in sorted(logs.glob("version_*/metrics.csv"), key=lambda path: int(path.parent.name.split("_")[1])):
        with open(file, newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                for name, value in row.items():
                    if name not in ("epoch", "step") and value:
                        table.setdefault(name, {})[int(row["epoch"])] = float(value)
    return table


def draw_curves(table: Mapping[str, Mapping[int, float]], path: Path, title: str) -> None:
    """One picture with a panel each for loss, Dice, accuracy and F1, training and validation in each."""
    figure = Figure(figsize=(11, 7), layout="constrained")
    for number, (name, words) in enumerate(MEASURES.items(), 1):
        axes = figure.add_subplot(2, 2, number)
        for part, color, label in (("train_", "#4f7cac", "training"), ("val_", "#c8553d", "validation")):
            points = sorted(table.get(part + name, {}).items())
            if points:
                _draw(axes, points, color, label)
        axes.set_title(words, fontsize=10)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        if name != "loss":
            axes.set_ylim(0, 1.02)
        if axes.lines:
            axes.legend(frameon=False)
    figure.suptitle(title)
    figure.savefig(path, dpi=110)


def _draw(axes, points: Sequence[tuple[int, float]], color: str, label: str) -> None:
    epochs, values = zip(*points)
    axes.plot([epoch + 1 for epoch in epochs], values, color=color, label=label, marker="." if len(points) < 30 else None)
