"""Evaluates the tumor model on gliomas with expert labels, on scans without, and on drawn heads no model was trained on.

    python Resources/Training/evaluate_tumor.py --drawn 24 --pictures out/
    python Resources/Training/evaluate_tumor.py --parts drawn --pictures Resources/Models/tumor_glioma/docs

Whole tumor, core (necrosis, non-enhancing and enhancing tumor) and enhancing tumor are compared on the scan's own grid:
Dice, HD95 (mm), and volumes (mL, found / true). Of a glioma in four contrasts without labels, every subset of them is
compared with the result of all four. Drawn heads are those of the label maps kept from training, once as in training and once
with thicker slices and stronger shading, noise and artifacts than training has; the worst of each are drawn,
``drawn_tumor.png``, ``drawn_harder_tumor.png``, and likewise ``..._no_tumor.png`` where false tumor is largest.
Pictures of real scans belong to nobody's repository: a card shows drawn ones only.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from neurospineseg.errors import InputError
from neurospineseg.geometry.agreement import dice, hd95
from neurospineseg.geometry.bounding_box import bounding_slices
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.pipeline.segmenter import Segmenter, Settings
from Training.datasets.real_data import DATA
from Training.evaluation.drawn_tumors import CHANNELS, DRAWINGS, DRAWN_GIVEN, DrawnScores, cases
from Training.evaluation.tumor_pictures import draw
from Training.evaluation.tumor_regions import REGIONS
from Training.training.program import run_program

FOLDER = DATA / "tumor"
GIVEN = [chosen for count in (4, 3, 2, 1) for chosen in combinations(CHANNELS, count)]
"""Every set of contrasts that may be given, the largest first."""

NO_TUMOR = {
    "T2 with skull": ("t2", "other/head_t2w.nii.gz"),
    "proton density as T2": ("t2", "other/head_pd_no_tumor.nii.gz"),
    "proton density as FLAIR": ("flair", "other/head_pd_no_tumor.nii.gz"),
    "T1 template": ("t1", "subcortical/templates/icbm152_2009a_sym_t1.nii.gz"),
    "T1 template as T1c": ("t1c", "subcortical/templates/icbm152_2009a_sym_t1.nii.gz"),
}
"""Heads without a tumor: the channel they are given as, and their file."""


def line(found: np.ndarray, truth: np.ndarray, spacing_kji: tuple[float, ...], voxel_ml: float) -> str:
    """Dice, HD95 and volumes of the three regions, as text."""
    parts = []
    for name, labels in REGIONS.items():
        a, b = np.isin(found, labels), np.isin(truth, labels)
        parts.append(
            f"{name} {dice(a, b):.2f} / {hd95(*_boxed(a, b), spacing_kji):.1f} mm / {a.sum() * voxel_ml:.1f} of {b.sum() * voxel_ml:.1f} mL"
        )
    return " | ".join(parts)


def _boxed(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    box = bounding_slices(a | b, 2)
    return (a, b) if box is None else (a[box], b[box])


def deepmedic(number: int) -> tuple[dict[str, Volume], np.ndarray]:
    """A case's T1c and FLAIR, and its expert labels as ours: 1 necrotic core (with non-enhancing), 2 edema, 3 enhancing."""
    folder = FOLDER / f"deepmedic_brats2013_pat{number:04d}"
    truth = read_volume(folder / "OTMultiClass.nii.gz").voxels.round().astype(int)
    scans = {name: read_volume(folder / f"{file}_subtrMeanDivStd.nii.gz") for name, file in (("t1c", "T1c"), ("flair", "Flair"))}
    return scans, np.array([0, 1, 2, 1, 3])[truth]


def brats() -> dict[str, Volume]:
    folder = FOLDER / "BraTS-GLI-00001-000"
    return {name: read_volume(folder / f"{file}.nii.gz") for name, file in (("t1c", "t1c"), ("t1", "t1n"), ("t2", "t2w"), ("flair", "t2f"))}


def tcga() -> dict[str, Volume]:
    folder = FOLDER / "tcga_raw"
    return {
        name: read_volume(next(folder.glob(f"*_{ending}.nii.gz")))
        for name, ending in (("t1c", "t1c"), ("t1", "t1"), ("t2", "t2"), ("flair", "fla"))
    }


def run(name: str, segmenter: Segmenter, scans: Mapping[str, Volume], pictures: Path | None, truth: np.ndarray | None = None) -> None:
    started = perf_counter()
    try:
        result = segmenter.run(scans)
    except InputError as error:
        print(f"{name}: {error}")
        return
    seconds = perf_counter() - started
    reference = next(iter(scans.values()))
    volumes = {key: entry["mL"] for key, entry in result.report["volumes"].items()}
    figures = (
        line(result.labels.voxels, truth, tuple(reference.grid.spacing_kji), reference.grid.voxel_volume_ml)
        if truth is not None
        else volumes
    )
    print(f"{name} | {seconds:.1f} s | {figures} | {result.warnings}", flush=True)
    if pictures is not None:
        draw(scans, result.labels.voxels, truth, pictures / f"{name.replace(' ', '_')}.png")


def subsets(segmenter: Segmenter, scans: Mapping[str, Volume]) -> None:
    """Dice of what every set of contrasts gives against what all give, on the grid of the first contrast."""
    full: np.ndarray | None = None
    for chosen in GIVEN:
        found = segmenter.run({name: scans[name] for name in chosen}).labels.voxels
        full = found if full is None else full
        cells = " | ".join(f"{region} {dice(np.isin(found, labels), np.isin(full, labels)):.2f}" for region, labels in REGIONS.items())
        print(f"BraTS-GLI-00001 | {' + '.join(chosen)} | {cells} | {(found > 0).mean() * found.size / 1000:.1f} mL", flush=True)


def on_gliomas(segmenter: Segmenter, options: argparse.Namespace) -> None:
    for number in (1, 2, 3):
        scans, truth = deepmedic(number)
        run(f"deepmedic pat{number:04d}", segmenter, scans, options.pictures, truth)
        for name in scans:
            run(f"deepmedic pat{number:04d} {name} only", segmenter, {name: scans[name]}, None, truth)


def on_subsets(segmenter: Segmenter, options: argparse.Namespace) -> None:
    run("BraTS-GLI-00001", segmenter, brats(), options.pictures)
    subsets(segmenter, brats())


def on_raw(segmenter: Segmenter, options: argparse.Namespace) -> None:
    run("TCGA raw", segmenter, tcga(), options.pictures)
    registering = Segmenter("tumor", Settings(model=options.model, device="cpu", register=True, force=True))
    run("TCGA raw registered", registering, tcga(), options.pictures)


def on_heads_without(segmenter: Segmenter, options: argparse.Namespace) -> None:
    for name, (channel, path) in NO_TUMOR.items():
        run(f"no tumor {name}", segmenter, {channel: read_volume(DATA / path)}, options.pictures)


def drawn_spacing(segmenter: Segmenter) -> float:
    """The voxel size, mm, of the drawn heads nearest to the model's."""
    return min(DRAWINGS, key=lambda spacing: abs(spacing - max(segmenter.bundle.spec.spacing)))


def on_drawn(segmenter: Segmenter, options: argparse.Namespace) -> None:
    spacing = options.drawn_spacing or drawn_spacing(segmenter)
    for name, words in (("drawn", "as drawn in training"), ("drawn_harder", "harder than drawn in training")):
        scores = DrawnScores(words, options.drawn_given)
        for case in cases(options.drawn, name == "drawn_harder", spacing):
            scores.evaluate(segmenter, case)
        scores.tell()
        if options.pictures is not None:
            scores.picture_worst(options.pictures, name)


PARTS = {"gliomas": on_gliomas, "subsets": on_subsets, "raw": on_raw, "heads_without": on_heads_without, "drawn": on_drawn}


def contrasts(text: str) -> tuple[str, ...]:
    """Names of channels from a list with commas."""
    chosen = tuple(text.split(","))
    if not set(chosen) <= set(CHANNELS):
        raise argparse.ArgumentTypeError(f"must be some of {', '.join(CHANNELS)}")
    return chosen


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--model", help="bundle name or folder; default: the installed tumor model")
    made.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what it is evaluated on; default: all")
    made.add_argument("--drawn", type=int, default=12, help="heads drawn from the held-out label maps, twice; 0 for none")
    made.add_argument(
        "--drawn-given", type=contrasts, nargs="+", default=DRAWN_GIVEN, metavar="CONTRASTS", help="of drawn heads, such as t1c,flair"
    )
    made.add_argument("--drawn-spacing", type=float, choices=DRAWINGS, help="voxel size at which they are drawn, mm; default: the model's")
    made.add_argument("--pictures", type=Path, help="folder for PNG pictures")
    return made


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), evaluate, arguments)


def evaluate(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    segmenter = Segmenter("tumor", Settings(model=options.model, device="cpu", force=True))
    for part in options.parts:
        if part != "drawn" or options.drawn:
            try:
                PARTS[part](segmenter, options)
            except InputError as error:
                print(f"{part}: {error}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
