"""Masks of patients' spines by an expert and by a model, with the same names.

SPIDER's experts label vertebrae, discs and canal as kinds; here each voxel takes the name of the nearest vertebra or disc of the model's
mask. Chu's label bodies alone, each with its level.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.pipeline.segmenter import Segmenter
from neurospineseg.pipeline.settings import Settings
from neurospineseg.tasks.spine.structures import structures
from Training.datasets.real_data import UNPACKED
from Training.evaluation.spine_cases import CANAL, FOLDER, S1
from Training.evaluation.spine_scores import is_disc, is_vertebra
from Training.synthetic.spine.patients import held_out

KEYS = {each.label: each.key for each in structures()}
FARTHEST_MM = 8.0
"""A voxel of the expert's farther than this from any vertebra (or disc) of the model's has no name."""


@dataclass(frozen=True)
class Pair:
    """One scan's two masks, in our label values.

    Attributes:
        source: ``SPIDER`` or ``Chu``.
    """

    case: str
    source: str
    expert: Volume
    ours: Volume

    @staticmethod
    def names(mask: Volume) -> dict[int, str]:
        return {int(value): KEYS[int(value)] for value in np.unique(mask.voxels) if int(value) in KEYS}


def pairs(model: str | None, fold: int) -> Iterator[Pair]:
    """The cases that a training of ``fold`` did not see."""
    segmenter = Segmenter("spine", Settings(model=model, device="cpu", force=True))
    for name in held_out(fold):
        if name.startswith("SPIDER"):
            folder = next(UNPACKED.glob(f"spine/{name}*"))
            scan, kinds = read_volume(folder / "img.nii.gz"), _integers(folder / "seg.nii.gz")
            ours = segmenter.run({"image": scan}).labels
            yield Pair(name, "SPIDER", Volume(named(kinds.voxels, ours), kinds.ijk_to_ras), ours)
        elif name.startswith("VB2"):
            expert = _integers(FOLDER / "chu2015" / f"{name}_seg.nii.gz")
            scan = read_volume(FOLDER / "chu2015" / f"{name}_img.nii.gz")
            yield Pair(name, "Chu", expert, segmenter.run({"image": scan}).labels)


def named(kinds: np.ndarray, ours: Volume) -> np.ndarray:
    """Our label values from SPIDER's kinds (vertebra 1, disc 2, canal 3), uint16 (K, J, I)."""
    labels, spacing = ours.voxels.astype(int), ours.grid.spacing_kji
    made = np.where(kinds == 3, CANAL, 0).astype(np.uint16)
    for value, mine in ((1, is_vertebra(labels) & (labels != S1)), (2, is_disc(labels))):
        if mine.any():
            distance, nearest = ndimage.distance_transform_edt(~mine, sampling=spacing, return_indices=True)
            here = (kinds == value) & (distance < FARTHEST_MM)
            made[here] = labels[tuple(nearest)][here]
    return made


def right_names(pair: Pair) -> Mapping[str, bool]:
    """Whether most of each body that Chu's experts label has its name in ours, by key."""
    values = [int(value) for value in np.unique(pair.expert.voxels) if 0 < value < S1]
    return {KEYS[value]: int(np.bincount(pair.ours.voxels[pair.expert.voxels == value]).argmax()) == value for value in values}


def _integers(path: Path) -> Volume:
    volume = read_volume(path)
    return Volume(volume.voxels.round().astype(np.uint16), volume.ijk_to_ras)
