"""How well a tumor model agrees with experts on patients, by the contrasts that it is given."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch

from neurospineseg.geometry.agreement import dice, hd95
from neurospineseg.geometry.bounding_box import bounding_box
from neurospineseg.images.volume import Volume
from Training.evaluation.tumor_regions import REGIONS, regions_of


@dataclass(frozen=True)
class PatientScore:
    """One region of one case under one set of contrasts.

    Attributes:
        given: the contrasts, joined by ``+``; ``region``: a key of ``REGIONS``.
        dice: NaN where the truth has none of the region.
        hd95_mm: NaN where either has none of it.
    """

    case: str
    model: str
    given: str
    region: str
    dice: float
    hd95_mm: float
    found_ml: float
    true_ml: float
    seconds: float


def patient_scores(case: str, model: str, given: Sequence[str], found: Volume, truth: np.ndarray, seconds: float) -> list[PatientScore]:
    """The scores of every region; both label maps (K, J, I) lie on ``found``'s grid."""
    spacing, ml = tuple(float(mm) for mm in found.grid.spacing[::-1]), found.grid.voxel_volume_ml
    scores = []
    for region, a, b in zip(REGIONS, regions_of(found.voxels), regions_of(truth)):
        box = bounding_box_of(a | b)
        distance = hd95(a[box], b[box], spacing) if a.any() and b.any() else float("nan")
        agreement = dice(a, b) if b.any() else float("nan")
        scores.append(
            PatientScore(case, model, "+".join(given), region, agreement, distance, float(a.sum() * ml), float(b.sum() * ml), seconds)
        )
    return scores


def bounding_box_of(mask: np.ndarray) -> tuple[slice, ...]:
    """The box of a bool mask (K, J, I) and two voxels around it; everything where it is empty."""
    found = bounding_box(torch.from_numpy(mask), 2)
    return tuple(slice(low, high) for low, high in zip(*found)) if found else (slice(None),) * 3


def write_scores(scores: Sequence[PatientScore], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [field.name for field in fields(PatientScore)], lineterminator="\n")
        table.writeheader()
        table.writerows({k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(score).items()} for score in scores)


def summary(scores: Sequence[PatientScore]) -> list[str]:
    """For each set of contrasts and region: mean, deviation, median and the worst case; what is found of regions that a case lacks."""
    lines = []
    for given in dict.fromkeys(score.given for score in scores):
        for region in REGIONS:
            chosen = [score for score in scores if (score.given, score.region) == (given, region)]
            judged = sorted((score for score in chosen if score.true_ml > 0), key=lambda score: score.dice)
            if judged:
                values = np.array([score.dice for score in judged])
                distances = np.array([score.hd95_mm for score in judged])
                near = float(np.nanmedian(distances)) if np.isfinite(distances).any() else float("nan")
                lines.append(
                    f"{given} | {region} | Dice {values.mean():.3f} sd {values.std():.3f} median {np.median(values):.3f} | "
                    f"HD95 median {near:.1f} mm | worst {judged[0].dice:.2f} {judged[0].case} | {len(values)} cases"
                )
            absent = [f"{score.found_ml:.1f}" for score in chosen if score.true_ml == 0]
            if absent:
                lines.append(f"{given} | {region} | cases without it, found mL: {', '.join(absent)}")
    return lines
