"""Evaluates spine models on real and on drawn scans, each case with its seconds; several models are compared case by case.

    python Resources/Training/evaluate_spine.py --model spine_3d --model spine_2d --pictures out/ --out figures.csv

Chu (held out), Zukic (VB1) and MyoSegmenTUM (VB3) label vertebral bodies only: compared with them are the voxels of our numbered
vertebrae whose likeliest class is the body. `middle Dice` looks only at the middle half of the labeled width, since the labels of
VB1 end well inside the visible bodies at the sides and those of VB3 well outside them. A refused case counts as one in which nothing
was found. `extra` counts instances found that match no labeled one, between the lowest and the highest of these.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from neurospineseg.errors import InputError
from neurospineseg.models.bundle import Bundle
from neurospineseg.pipeline.segmentation_result import SegmentationResult
from neurospineseg.pipeline.segmenter import Segmenter
from neurospineseg.pipeline.settings import Settings
from Training.evaluation.spine_cases import Case, cases
from Training.evaluation.spine_scores import ENTRIES, MASKS, nothing_found, score
from Training.training.program import run_program

Row = dict[str, Any]


class EvaluatedSegmenter(Segmenter):
    """A segmenter that predicts once for both the structures and the classes, with choices to be measured.

    Args:
        mirror: average with the prediction of the scan mirrored left to right.
        factors: by class, what its probability is multiplied by before the likeliest is taken.
    """

    def __init__(self, model: str | None, mirror: bool = False, factors: Mapping[str, float] | None = None) -> None:
        super().__init__("spine", Settings(model=model, device="cpu", force=True))
        classes, factors = self.bundle.spec.classes, factors or {}
        unknown = next((name for name in factors if name not in classes), None)
        if unknown is not None:
            raise InputError(f"The model has no class '{unknown}'; choose among {', '.join(classes)}.")
        self.mirror, self.factors = mirror, torch.tensor([factors.get(name, 1.0) for name in classes])
        self.last: tuple[torch.Tensor, torch.Tensor] | None = None

    def predict(
        self, bundle: Bundle, image: torch.Tensor, progress: Callable[[float], None] = lambda fraction: None
    ) -> tuple[torch.Tensor, list[str]]:
        if bundle is not self.bundle:
            return super().predict(bundle, image, progress)
        notes: list[str] = []
        if self.last is None or self.last[0].shape != image.shape or not torch.equal(self.last[0], image):
            probabilities, notes = super().predict(bundle, image, progress)
            if self.mirror:
                probabilities = (probabilities + super().predict(bundle, image.flip(-1), progress)[0].flip(-1)) / 2
            weighted = probabilities * self.factors[:, None, None, None]
            self.last = image.clone(), weighted / weighted.sum(0)
        return self.last[1].clone(), notes


def evaluate_case(segmenter: EvaluatedSegmenter, case: Case, pictures: Path | None) -> tuple[Row, SegmentationResult]:
    volumes = {"image": case.scan}
    started = perf_counter()
    result = segmenter.run(volumes)
    seconds = perf_counter() - started
    classes = segmenter.bundle.spec.classes
    body = segmenter.class_map(volumes).voxels == classes.index("vertebra_body" if "vertebra_body" in classes else "vertebra")
    if pictures is not None:
        from Training.evaluation.spine_pictures import draw

        draw(case, result, pictures / segmenter.bundle.spec.name / f"{case.name}.png")
    return {"case": case.name, "group": case.group, "seconds": round(seconds, 1), **score(case, result, body)}, result


class Worst:
    """The case of each group with the lowest Dice, of those that are known entirely: the drawn ones."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[float, Case, SegmentationResult]] = {}

    def look(self, row: Row, case: Case, result: SegmentationResult) -> None:
        if case.everything is not None and row["Dice"] < self.kept.get(case.group, (2.0,))[0]:
            self.kept[case.group] = row["Dice"], case, result

    def draw(self, folder: Path) -> None:
        from Training.evaluation.spine_pictures import draw_for_card

        for group, (_, case, result) in self.kept.items():
            draw_for_card(case, result, folder / f"worst_{group.replace(', ', '_')}.jpg")


def summary(rows: Sequence[Row]) -> str:
    """One line a group: the mean of every figure, the worst of Dice, detected and named, and how many cases were refused."""
    lines = []
    for group in dict.fromkeys(row["group"] for row in rows):
        inside = [row for row in rows if row["group"] == group]
        cells = []
        for name in (*ENTRIES, *MASKS):
            values = [row[name] for row in inside if np.isfinite(row.get(name, np.nan))]
            if values and name != "instances":
                worst = f" (worst {np.nanmin(values):.2f})" if name in ("Dice", "middle Dice", "detected", "named", *MASKS) else ""
                cells.append(f"{name} {np.nanmean(values):.2f}{worst}")
        refused = sum(row.get("refused", 0) for row in inside)
        lines.append(f"{group}, {len(inside)} cases{f' ({refused} refused)' if refused else ''}: " + ", ".join(cells))
    return "\n".join(lines)


def paired(first: Sequence[Row], second: Sequence[Row]) -> str:
    """The differences in Dice, case by case, by group: mean, lowest and highest."""
    others = {row["case"]: row for row in second}
    lines = []
    for group in dict.fromkeys(row["group"] for row in first):
        steps = [others[row["case"]]["Dice"] - row["Dice"] for row in first if row["group"] == group and row["case"] in others]
        if steps:
            lines.append(f"{group}, {len(steps)} cases: {np.mean(steps):+.3f} ({min(steps):+.3f} to {max(steps):+.3f})")
    return "\n".join(lines)


def _factor(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    return name, float(value)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--model", action="append", help="bundle name or folder, may be given again; default: the installed spine model")
    made.add_argument("--only", action="append", default=[], metavar="TEXT", help="cases whose name holds this text, may be given again")
    made.add_argument("--fold", type=int, help="of the scans that teach spine_patients only those that a training of this fold did not see")
    made.add_argument(
        "--sacra", action="store_true", help="the lumbar scans cut through S1, and with a dim sacrum: do they keep their names?"
    )
    made.add_argument("--mirror", action="store_true", help="average with the mirrored scan's prediction")
    made.add_argument(
        "--factor", type=_factor, action="append", default=[], metavar="CLASS=FACTOR", help="multiplies a class's probability"
    )
    made.add_argument("--pictures", type=Path, help="folder for PNG overlays")
    made.add_argument(
        "--failures", type=Path, metavar="FOLDER", help="for pictures of the worst drawn cases, small enough for a model card"
    )
    made.add_argument("--out", type=Path, help="CSV file of the figures")
    return made


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), evaluate, arguments)


def evaluate(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    tables: dict[str, list[Row]] = {}
    for model in options.model or [None]:
        segmenter = EvaluatedSegmenter(model, options.mirror, dict(options.factor))
        rows, worst = tables.setdefault(model or segmenter.bundle.spec.name, []), Worst()
        for case in cases(*options.only, fold=options.fold, sacrum=options.sacra):
            try:
                row, result = evaluate_case(segmenter, case, options.pictures)
            except InputError as error:
                print(f"{case.name}: {error}")
                rows.append({"case": case.name, "group": case.group, "refused": 1, **nothing_found(case)})
                continue
            rows.append(row)
            worst.look(row, case, result)
            print({key: round(value, 2) if isinstance(value, float) else value for key, value in row.items()}, flush=True)
        if options.failures is not None:
            worst.draw(options.failures / segmenter.bundle.spec.name)
    first = next(iter(tables))
    for model, rows in tables.items():
        print(f"\n{model}\n{summary(rows)}")
        if model != first:
            print(f"Dice less that of {first}\n{paired(tables[first], rows)}")
    if options.out is not None:
        with options.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["model", "case", "group", "seconds", "refused", *ENTRIES, *MASKS])
            writer.writeheader()
            writer.writerows({"model": model, **row} for model, rows in tables.items() for row in rows)


if __name__ == "__main__":
    sys.exit(main())
