"""Measures a model on the cases of a prepared data set.

    python Resources/Training/evaluate.py MODEL DATASET -o FOLDER
    python Resources/Training/evaluate.py MODEL DATASET -o FOLDER --part val --card

``FOLDER`` receives ``cases.csv`` (a line for each case and structure), ``summary.csv`` and ``evaluation.html`` with slices chosen
at random. A case that cannot be segmented is named, counts as a failure, and the others go on.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from rich.progress import track

from neurospineseg.cli.console import out, say, table
from neurospineseg.errors import InputError
from neurospineseg.images.volume import read_volume
from neurospineseg.models.bundle import find_bundle
from neurospineseg.pipeline.segmenter import Segmenter, Settings
from Training.datasets.raw_dataset import read_dataset
from Training.evaluation.case_scores import Score, case_scores, class_values, predicted
from Training.evaluation.score_table import as_markdown, heads, summary, write_scores
from Training.evaluation.slices_page import draw_slice, write_page
from Training.training.card import with_evaluation
from Training.training.program import run_program


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), evaluate, arguments)


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("model", help="name of an installed model, or a bundle's folder")
    result.add_argument("data", type=Path, metavar="DATASET", help="prepared data set")
    result.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    result.add_argument("--part", choices=("train", "val", "test", "all"), default="test", help="default: test")
    result.add_argument("--tolerance", type=float, default=1.0, metavar="MM", help="of the surface Dice; default 1 mm")
    result.add_argument("--slices", type=int, default=8, help="how many slices are drawn; default 8")
    result.add_argument("--seed", type=int, default=1, help="of their choice")
    result.add_argument("--device", default="auto")
    result.add_argument("--card", action="store_true", help="write the summary into the model's card too")
    return result


def evaluate(options: argparse.Namespace) -> int:
    data, bundle = read_dataset(options.data), find_bundle(options.model)
    if bundle.spec.task != data.task:
        raise InputError(f"The model '{bundle.spec.name}' is for {bundle.spec.task}, the data set '{data.folder.name}' for {data.task}.")
    segmenter = Segmenter(data.task, Settings(model=str(bundle.folder), device=options.device, force=True))
    known = [data.classes[number] for number in class_values(bundle.spec, data.classes)]
    cases, rng = data.split.named(options.part), np.random.default_rng(options.seed)
    drawn = rng.choice(len(cases), options.slices)
    scores: list[Score] = []
    pictures, failed = [], []
    for number, case in enumerate(track(cases, description="Segmenting", disable=not sys.stderr.isatty())):
        labels, scans = read_volume(data.label_file(case)), {}
        try:
            scans = data.scans(case)
            found = predicted(segmenter, scans, data.classes)
            if found.shape != labels.shape:
                raise InputError("The labels lie on another grid than the first scan; prepare the data set again.")
        except InputError as error:
            failed.append(case)
            say(f"{case}: {error}")
            found = np.zeros(labels.shape, np.uint8)
        scores += case_scores(case, found, labels, data.labels, data.task, known, options.tolerance)
        for _ in range(int((drawn == number).sum())):
            pictures.append(draw_slice(case, next(iter(scans.values()), labels), labels, found, data.classes, rng))
    options.output.mkdir(parents=True, exist_ok=True)
    write_scores(options.output / "cases.csv", scores)
    columns, rows = heads(options.tolerance), summary(scores)
    with open(options.output / "summary.csv", "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([columns, *rows])
    title = f"{bundle.spec.title or bundle.spec.name} on {len(cases)} cases ({options.part}) of {data.folder.name}"
    write_page(options.output / "evaluation.html", title, columns, rows, pictures, data.classes)
    wide = out()
    wide.width = max(wide.width, 132)
    wide.print(table(title, columns, rows, right=range(1, len(columns))))
    print(
        f"Mean (worst). {len(failed)} of {len(cases)} cases could not be segmented and count as empty. Slices: {options.output / 'evaluation.html'}"
    )
    if options.card:
        text = f"{title}; mean (worst). {len(failed)} could not be segmented and count as empty.\n\n{as_markdown(columns, rows)}"
        card = bundle.card.read_text(encoding="utf-8") if bundle.card.is_file() else f"# {bundle.spec.title or bundle.spec.name}\n"
        bundle.card.parent.mkdir(exist_ok=True)
        bundle.card.write_text(with_evaluation(card, text), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
