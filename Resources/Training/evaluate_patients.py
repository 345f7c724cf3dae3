"""Judges tumor models on patients whose tumors experts outlined, and on heads without a tumor, under several sets of contrasts.

    python Resources/Training/evaluate_patients.py --patients DATA/tumor --model tumor_glioma_1mm --csv glioma.csv
    python Resources/Training/evaluate_patients.py --patients DATA/tumor --folds MODELS/fold0 MODELS/fold1 MODELS/fold2 --csv folds.csv

With ``--folds`` each patient and each head without a tumor is judged by the model that was not taught by it: both are dealt as in
``synthetic/examples/tumor_patients.py``, and a ``-`` leaves a fold out. Runs are a user's: the whole pipeline on the scans' own grid. A CSV row is one
region of one patient under one set of contrasts. Pictures show the worst case of each set; those of patients belong to nobody's repository.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from neurospineseg.images.volume import Volume
from neurospineseg.pipeline.segmenter import Segmenter
from neurospineseg.pipeline.settings import Settings
from Training.datasets.glioma_cases import fold_of
from Training.evaluate_tumor import contrasts
from Training.evaluation.patient_scores import PatientScore, patient_scores, summary, write_scores
from Training.evaluation.tumor_pictures import draw
from Training.prepare_gliomas import scans_of, truth_of
from Training.synthetic.examples.tumor_patients import CHANNELS
from Training.training.program import run_program

GIVEN = (CHANNELS, ("t1c", "flair"), ("flair",), ("t1c",))


def segmenter_of(model: str, coarse: bool) -> Segmenter:
    made = Segmenter("tumor", Settings(model=model, device="cpu", force=True))
    if not coarse:
        made.coarse = None
    return made


class Judge:
    """Scores, pictures and the time of each run; the table is written after every case, so that little is lost."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.scores = options, []
        self.worst: dict[str, tuple[float, str]] = {}

    def run(self, name: str, segmenter: Segmenter, scans: dict[str, Volume], truth: np.ndarray | None) -> None:
        for given in self.options.given:
            if not set(given) <= set(scans):
                continue
            start = perf_counter()
            found = segmenter.run({channel: scans[channel] for channel in given}).labels
            true = np.zeros(found.shape, np.uint8) if truth is None else truth
            rows = patient_scores(name, segmenter.bundle.spec.name, given, found, true, perf_counter() - start)
            self.scores += rows
            self.tell(rows)
            if self.options.pictures is not None and truth is not None and truth.any():
                self.picture(name, given, scans, found.voxels, truth, rows)
            if self.options.csv is not None:
                write_scores(self.scores, self.options.csv)

    def tell(self, rows: list[PatientScore]) -> None:
        cells = " | ".join(f"{row.region} {row.dice:.2f} ({row.found_ml:.1f} of {row.true_ml:.1f} mL)" for row in rows)
        print(f"{rows[0].case} | {rows[0].given} | {cells} | {rows[0].seconds:.0f} s", flush=True)

    def picture(
        self, name: str, given: tuple[str, ...], scans: dict[str, Volume], found: np.ndarray, truth: np.ndarray, rows: list
    ) -> None:
        key, badness = "+".join(given), float(np.nanmean([row.dice for row in rows]))
        if badness < self.worst.get(key, (2.0, ""))[0]:
            self.worst[key] = badness, name
            draw({c: scans[c] for c in given}, found, truth, self.options.pictures / f"worst_{key}.png", f"{name}, mean Dice {badness:.2f}")


def evaluate(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    judge = Judge(options)
    if options.pictures is not None:
        options.pictures.mkdir(parents=True, exist_ok=True)
    names = options.folds or [options.model]
    segmenters = [None if name == "-" else segmenter_of(name, not options.without_coarse) for name in names]
    for folder, segmenter in judged(options.patients, segmenters):
        if options.only is None or any(part in folder.name for part in options.only):
            judge.run(folder.name, segmenter, scans_of(folder), truth_of(folder).voxels)
    print("\n".join(summary(judge.scores)), flush=True)
    for folder, segmenter in judged(options.healthy, segmenters):
        judge.run(folder.name, segmenter, scans_of(folder), None)


def judged(parent: Path | None, segmenters: Sequence[Segmenter | None]) -> Iterator[tuple[Path, Segmenter]]:
    """The cases in a folder, each with the model of its fold; none of a fold that is left out."""
    folders = {path.name: path for path in parent.iterdir() if path.is_dir()} if parent else {}
    for name, fold in fold_of(list(folders), len(segmenters)).items():
        segmenter = segmenters[fold]
        if segmenter is not None:
            yield folders[name], segmenter


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--patients", type=Path, metavar="FOLDER", help="of patients, see prepare_gliomas.py")
    made.add_argument("--healthy", type=Path, metavar="FOLDER", help="of heads without a tumor")
    made.add_argument("--only", nargs="+", metavar="TEXT", help="patients whose names hold one of these")
    made.add_argument("--model", help="bundle name or folder; default: the installed tumor model")
    made.add_argument("--folds", nargs="+", metavar="MODEL", help="one for each fold, - to leave one out")
    made.add_argument("--without-coarse", action="store_true", help="look at the whole head with the model itself")
    made.add_argument("--given", nargs="+", type=contrasts, default=GIVEN, metavar="CONTRASTS", help="sets such as t1c,flair")
    made.add_argument("--csv", type=Path, metavar="FILE")
    made.add_argument("--pictures", type=Path, metavar="FOLDER", help="for the worst case of each set")
    return made


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), evaluate, arguments)


if __name__ == "__main__":
    sys.exit(main())
