"""Evaluates spine models on patients labeled as SPIDER's are: vertebrae with their arches 1, discs 2, canal 3; the sacrum is not.

    python Resources/Training/evaluate_spider.py --model spine_3d --fold 0 --out spider.csv --pictures out/

Every folder of ``--patients`` holds ``img.nii.gz`` and ``seg.nii.gz``. ``--fold`` takes only those that a training of this fold did
not see (``synthetic/spine_patients.py``). A refused case counts as one in which nothing was found.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from neurospineseg.errors import InputError
from neurospineseg.geometry.agreement import dice, hd95
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.pipeline.segmenter import Segmenter
from neurospineseg.pipeline.settings import Settings
from Training.datasets.real_data import UNPACKED
from Training.evaluation.spine_cases import CANAL, S1
from Training.evaluation.spine_scores import is_disc, is_vertebra
from Training.synthetic.spine.patients import held_out
from Training.training.program import run_program

STRUCTURES = ("vertebra", "disc", "canal")
Row = dict[str, Any]


def spider_masks(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Bool arrays by structure, of our label values."""
    return {"vertebra": is_vertebra(labels), "disc": is_disc(labels), "canal": labels == CANAL}


def scores(labels: np.ndarray, truth: np.ndarray, spacing_kji: tuple[float, float, float]) -> Row:
    """Dice and HD95 in mm of each structure; ``labels`` are ours, ``truth`` SPIDER's, both (K, J, I)."""
    row: Row = {}
    for value, (name, mask) in enumerate(spider_masks(labels).items(), 1):
        row[f"{name} Dice"] = dice(mask, truth == value)
        row[f"{name} HD95"] = hd95(mask, truth == value, spacing_kji)
    return row


def evaluate_case(segmenter: Segmenter, name: str, scan: Volume, truth: np.ndarray, pictures: Path | None) -> Row:
    """One case's figures, the levels it was given, its sacrum in mL and its seconds."""
    started = perf_counter()
    try:
        result = segmenter.run({"image": scan})
    except InputError as error:
        print(f"{name}: {error}")
        return {"case": name, "refused": 1, **scores(np.zeros_like(truth), truth, tuple(scan.spacing[::-1]))}
    labels = result.labels.voxels.astype(int)
    levels = [s.key.removeprefix("vertebra_") for s in result.structures if s.key.startswith("vertebra_")]
    row = {
        "case": name,
        "refused": 0,
        **scores(labels, truth, tuple(scan.spacing[::-1])),
        "sacrum mL": float((labels == S1).sum() * scan.grid.voxel_volume_ml),
        "levels": " ".join(levels),
        "seconds": perf_counter() - started,
    }
    if pictures is not None:
        from Training.evaluation.spider_pictures import draw

        draw(name, scan, truth, labels, pictures / f"{name}.png")
    return row


def summary(rows: Sequence[Row]) -> str:
    """A line for each structure: mean and worst."""
    lines = []
    for name in STRUCTURES:
        own, far = (np.array([row[f"{name} {measure}"] for row in rows]) for measure in ("Dice", "HD95"))
        worst = rows[int(own.argmin())]["case"]
        lines.append(f"{name}: Dice {own.mean():.3f} (worst {own.min():.3f}, {worst}), HD95 {np.nanmean(far):.1f} mm")
    return "\n".join([*lines, f"{len(rows)} cases, {sum(row['refused'] for row in rows)} refused"])


def found(patients: Path, fold: int | None) -> list[Path]:
    """The patients' folders, sorted; of a fold's only those that it holds out."""
    folders = sorted(path.parent for path in patients.glob("*/seg.nii.gz"))
    if fold is None:
        return folders
    aside = held_out(fold)
    return [folder for folder in folders if "_".join(folder.name.split("_")[:2]) in aside]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--model", help="bundle name or folder; default: the installed spine model")
    made.add_argument("--patients", type=Path, default=UNPACKED / "spine", metavar="FOLDER")
    made.add_argument("--fold", type=int, help="only the cases that a training of this fold did not see")
    made.add_argument("--every", type=int, default=1, metavar="N", help="only each N-th case")
    made.add_argument("--pictures", type=Path, metavar="FOLDER", help="for PNG overlays")
    made.add_argument("--out", type=Path, help="CSV file of the figures")
    return made


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), run, arguments)


def run(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    segmenter = Segmenter("spine", Settings(model=options.model, device="cpu", force=True))
    folders = found(options.patients, options.fold)[:: options.every]
    if not folders:
        raise InputError(f"No patients are in '{options.patients}'; unpack them there or name another folder with --patients.")
    rows = []
    for folder in folders:
        scan, truth = read_volume(folder / "img.nii.gz"), read_volume(folder / "seg.nii.gz").voxels.round().astype(int)
        rows.append(evaluate_case(segmenter, folder.name, scan, truth, options.pictures))
        print({key: round(value, 3) if isinstance(value, float) else value for key, value in rows[-1].items()}, flush=True)
    print(summary(rows))
    if options.out is not None:
        with options.out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, max((list(row) for row in rows), key=len))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    sys.exit(main())
