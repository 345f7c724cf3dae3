"""Offers every scan of a mixed bag to every task and says which are doubted before anything is segmented.

    python Resources/Training/evaluate_refusals.py --out refusals.csv

Each brain scan whose contrast is known is offered to the tumor task in each of the four slots. An outcome is right where a scan that
shows what the task is about passes, and any other is refused or doubted; of slots, T2 is to be told from the others, and proton density fits none.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from neurospineseg.errors import ImplausibleInput, InputError
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.models.bundle import find_bundle
from neurospineseg.pipeline.segmenter import Segmenter, Settings
from neurospineseg.tasks.task import task_named
from Training.datasets.real_data import DATA
from Training.training.program import run_program

SLOTS = ("t1c", "t1", "t2", "flair")
BRAIN, SPINE, HEAD_CT, SPINE_CT, OTHER = "brain MR", "spine MR", "head CT", "spine CT", "other"
BAG: tuple[tuple[str, str, str | None], ...] = (
    ("tumor/BraTS-GLI-*/t1c.nii.gz", BRAIN, "t1c"),
    ("tumor/BraTS-GLI-*/t1n.nii.gz", BRAIN, "t1"),
    ("tumor/BraTS-GLI-*/t2w.nii.gz", BRAIN, "t2"),
    ("tumor/BraTS-GLI-*/t2f.nii.gz", BRAIN, "flair"),
    ("tumor/deepmedic_*/T1c_*.nii.gz", BRAIN, "t1c"),
    ("tumor/deepmedic_*/Flair_*.nii.gz", BRAIN, "flair"),
    ("tumor/tcga_raw/*T1_AX_POST*.nii.gz", BRAIN, "t1c"),
    ("tumor/tcga_raw/T1_AX_Other*.nii.gz", BRAIN, "t1"),
    ("tumor/tcga_raw/*T2_AX*.nii.gz", BRAIN, "t2"),
    ("tumor/tcga_raw/*FLAIR*.nii.gz", BRAIN, "flair"),
    ("subcortical/templates/*_img.nii.gz", BRAIN, "t1"),
    ("subcortical/templates/icbm152*.nii.gz", BRAIN, "t1"),
    ("geometry/avg152T1_*.nii.gz", BRAIN, "t1"),
    ("geometry/someones_anatomy.nii.gz", BRAIN, "t1"),
    ("other/head_t2w.nii.gz", BRAIN, "t2"),
    ("other/head_pd_no_tumor.nii.gz", BRAIN, "pd"),
    ("other/head_ct.nii.gz", HEAD_CT, None),
    ("geometry/analyze/mask.hdr", OTHER, None),
    ("spine/chu2015/*_img.nii.gz", SPINE, None),
    ("spine/evaluate/*_img.nii.gz", SPINE, None),
    ("spine/crops/sub-mri*_T2w.nii.gz", SPINE, None),
    ("spine/crops/t2_lumbar_*.nii.gz", SPINE, None),
    ("spine/crops/sub-ct*_ct.nii.gz", SPINE_CT, None),
)
"""Files below the folder of real data, what they show, and the contrast of brains."""
SHOWN = {"tumor": (BRAIN,), "subcortical": (BRAIN,), "spine": (SPINE, SPINE_CT)}


@dataclass(frozen=True)
class Offer:
    """A scan offered to a task in a slot; ``fits``: whether it should pass."""

    scan: str
    shows: str
    task: str
    slot: str
    fits: bool


def fits(slot: str, contrast: str) -> bool:
    """Whether a scan should pass in a slot: T1, T1 with contrast agent and FLAIR are not told apart by one scan alone; none is for proton density."""
    return contrast != "pd" and (slot == "t2") == (contrast == "t2")


def offers(scan: str, shows: str, contrast: str | None) -> Iterator[Offer]:
    for task, shown in SHOWN.items():
        if task_named(task).single:
            yield Offer(scan, shows, task, task_named(task).channels[0].key, shows in shown)
        elif contrast is None:
            yield Offer(scan, shows, task, "flair", False)
        else:
            for slot in SLOTS:
                yield Offer(scan, f"{shows} {contrast}", task, slot, fits(slot, contrast))


def outcome(offer: Offer, volume: Volume, segmenters: dict[str, Segmenter]) -> tuple[str, str]:
    """``passed``, ``doubted`` or ``refused``, and the sentence."""
    try:
        besides = segmenters[offer.task].check({offer.slot: volume})
    except ImplausibleInput as error:
        return "doubted", str(error)
    except InputError as error:
        return "refused", str(error)
    return "passed", " ".join(besides)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--out", type=Path, help="CSV file of all outcomes")
    return made


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), evaluate, arguments)


def evaluate(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    segmenters = {task: Segmenter(task, Settings(device="cpu")) for task in SHOWN}
    for segmenter in segmenters.values():
        find_bundle(segmenter.bundle.spec.recognizer or "")
    rows: list[dict[str, object]] = []
    for pattern, shows, contrast in BAG:
        for path in sorted(DATA.glob(pattern)):
            try:
                volume = read_volume(path, orientation="LAS" if path.suffix == ".hdr" else None)
            except InputError as error:
                print(f"{path.name}: {error}")
                continue
            for offer in offers(str(path.relative_to(DATA))[:70], shows, contrast):
                kind, sentence = outcome(offer, volume, segmenters)
                right = (kind == "passed") == offer.fits
                rows.append({**vars(offer), "outcome": kind, "right": right, "sentence": sentence})
                print(
                    f"{'' if right else 'WRONG '}{offer.scan} ({offer.shows}) to {offer.task} as {offer.slot}: {kind}. {sentence}",
                    flush=True,
                )
    for task in SHOWN:
        for fits, words in ((True, "that fit passed"), (False, "that do not fit were refused or doubted")):
            mine = [row for row in rows if row["task"] == task and row["fits"] == fits]
            print(f"{task}: {sum(bool(row['right']) for row in mine)} of {len(mine)} offers {words}")
    if options.out is not None and rows:
        with options.out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    sys.exit(main())
