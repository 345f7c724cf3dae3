"""Evaluates a tumor model on drawn heads of the label maps that were kept from training, run as a user's scans are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.pipeline.segmenter import Segmenter
from Training.evaluation.tumor_pictures import draw
from Training.evaluation.tumor_regions import REGIONS, absent_ml, region_dice
from Training.synthetic.examples import tumor_glioma, tumor_glioma_1mm
from Training.synthetic.nuclei.heads import HELD_OUT, cached_heads, mirrored

CHANNELS = ("t1c", "t1", "t2", "flair")
DRAWN_GIVEN = (CHANNELS, ("t1c", "flair"), ("flair",), ("t2",), ("t1c",), ("t1",))
DRAWINGS = {2.0: tumor_glioma.Examples, 1.0: tumor_glioma_1mm.Examples}
"""Where heads are drawn at this voxel size, mm."""
SEED = 98


@dataclass(frozen=True)
class Case:
    """A drawn head.

    Attributes:
        scans: its four contrasts.
        truth: labels (K, J, I), numbered as in ``tumor_regions``; all 0 where there is no tumor.
    """

    number: int
    scans: dict[str, Volume]
    truth: np.ndarray


def cases(count: int, harder: bool, spacing: float = 2.0) -> Iterator[Case]:
    """Heads of the held-out label maps, the same at every call; ``harder`` with more artifacts than training has.

    Raises:
        InputError: none are prepared.
    """
    drawing = DRAWINGS[spacing](None)
    drawing.heads.labeled = [form for head in cached_heads("whole", held_out=True) for form in (head, mirrored(head))]
    if not drawing.heads.labeled:
        raise InputError("No held-out heads are prepared to draw from; run prepare_nuclei.py, or leave drawn heads out with --drawn 0.")
    drawing.heads.share = 0.0
    for number in range(count):
        image, classes, ijk_to_ras = drawing.head(np.random.default_rng([SEED, number]), harder)
        scans = {name: Volume(channel.numpy(), ijk_to_ras) for name, channel in zip(CHANNELS, image)}
        yield Case(number, scans, classes.numpy())


def _summary(dice: np.ndarray) -> str:
    return f"{dice.mean():.2f} median {np.median(dice):.2f} lowest {dice.min():.2f}" if len(dice) else "in none"


class DrawnScores:
    """Dice on tumors, mL of regions that a tumor lacks, and mL of false tumor in heads without one, by the contrasts given.

    It keeps the worst cases where the first of these are given.
    """

    def __init__(self, words: str, given: Sequence[tuple[str, ...]] = DRAWN_GIVEN) -> None:
        self.words = f"held-out heads {HELD_OUT}, {words}"
        self.dice: dict[tuple[str, ...], list[list[float]]] = {chosen: [] for chosen in given}
        self.absent_ml: dict[tuple[str, ...], list[list[float]]] = {chosen: [] for chosen in given}
        self.false_ml: dict[tuple[str, ...], list[float]] = {chosen: [] for chosen in given}
        self.worst: dict[str, tuple[float, Case, np.ndarray]] = {}

    def evaluate(self, segmenter: Segmenter, case: Case) -> None:
        for chosen in self.dice:
            result = segmenter.run({name: case.scans[name] for name in chosen})
            found, voxel_ml = result.labels.voxels, result.labels.grid.voxel_volume_ml
            if case.truth.any():
                values = region_dice(found, case.truth)
                self.dice[chosen].append(values)
                self.absent_ml[chosen].append(absent_ml(found, case.truth, voxel_ml))
                kind, badness = "tumor", -values[0]
            else:
                badness = float((found > 0).sum() * voxel_ml)
                self.false_ml[chosen].append(badness)
                kind = "no_tumor"
            if chosen == next(iter(self.dice)) and badness > self.worst.get(kind, (-np.inf,))[0]:
                self.worst[kind] = (badness, case, found)

    def tell(self) -> None:
        for chosen, values in self.dice.items():
            table, channels = np.array(values).reshape(-1, len(REGIONS)), " + ".join(chosen)
            cells = " | ".join(f"{region} {_summary(column[np.isfinite(column)])}" for region, column in zip(REGIONS, table.T))
            print(f"{self.words} | {channels} | {cells} | {len(table)} drawn tumors", flush=True)
            for region, column in zip(REGIONS, np.array(self.absent_ml[chosen]).reshape(-1, len(REGIONS)).T):
                if np.isfinite(column).any():
                    volumes = np.round(column[np.isfinite(column)], 2).tolist()
                    print(f"{self.words} | {channels} | tumors without {region}, found mL {volumes}", flush=True)
            print(f"{self.words} | {channels} | without a tumor, found mL {np.round(self.false_ml[chosen], 1).tolist()}", flush=True)

    def picture_worst(self, folder: Path, name: str) -> None:
        """``NAME_tumor.png`` and ``NAME_no_tumor.png``."""
        for kind, (badness, case, found) in self.worst.items():
            words = f"Dice of the whole tumor {-badness:.2f}" if kind == "tumor" else f"no tumor drawn, {badness:.0f} mL found"
            draw(case.scans, found, case.truth, folder / f"{name}_{kind}.png", f"Drawn head {case.number}, {words}")
