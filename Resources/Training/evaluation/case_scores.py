"""How well a model's masks agree with a data set's, case by case and structure by structure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.geometry.agreement import dice, hd95, surface_dice
from neurospineseg.geometry.grid import Grid
from neurospineseg.images.volume import Volume
from neurospineseg.models.bundle import ModelSpec
from neurospineseg.pipeline.segmenter import Segmenter
from neurospineseg.tasks.anatomy import structure
from neurospineseg.tasks.task import task_named
from Training.datasets.raw_dataset import IGNORE
from Training.training.working_cases import stem

REGIONS = {
    "tumor": {
        "WT (whole tumor)": ("necrotic_core", "edema", "enhancing_tumor"),
        "TC (tumor core)": ("necrotic_core", "enhancing_tumor"),
        "ET (enhancing tumor)": ("enhancing_tumor",),
    }
}
"""Unions that are scored beside the structures; those of BraTS (Menze et al. 2015)."""


@dataclass(frozen=True)
class Score:
    """Agreement of two masks of one structure in one case.

    Attributes:
        dice: also the F1 score of its voxels; NaN where the structure is in neither mask.
        hd95_mm: 95th percentile of the surfaces' distances; NaN where one mask is empty.
        surface_dice: share of the surfaces within ``tolerance_mm`` of each other; NaN where one mask is empty.
        volume_ml, truth_ml: of the model's mask and of the truth.
        volume_error: (volume - truth) / truth; NaN without truth.
        precision, recall: of its voxels; NaN where undefined.
        accuracy: share of the case's voxels on which both masks agree.
    """

    case: str
    structure: str
    dice: float
    hd95_mm: float
    surface_dice: float
    volume_ml: float
    truth_ml: float
    volume_error: float
    precision: float
    recall: float
    accuracy: float

    def row(self) -> dict[str, object]:
        return asdict(self)


MEASURES = tuple(field.name for field in fields(Score))[2:]


def score(case: str, name: str, found: np.ndarray, truth: np.ndarray, counted: np.ndarray, grid: Grid, tolerance_mm: float) -> Score:
    """The agreement of two bool masks (K, J, I) over the voxels that count."""
    found, truth = found & counted, truth & counted
    spacing = tuple(float(mm) for mm in grid.spacing_kji)
    hit, marked, true = (int(mask.sum()) for mask in (found & truth, found, truth))
    ml = grid.voxel_volume_ml
    return Score(
        case,
        name,
        dice(found, truth) if marked or true else float("nan"),
        hd95(found, truth, spacing),
        surface_dice(found, truth, spacing, tolerance_mm),
        marked * ml,
        true * ml,
        (marked - true) / true if true else float("nan"),
        hit / marked if marked else float("nan"),
        hit / true if true else float("nan"),
        float((found == truth)[counted].mean()) if counted.any() else float("nan"),
    )


def predicted(segmenter: Segmenter, scans: Mapping[str, Volume], names: Sequence[str]) -> np.ndarray:
    """What a model marks, as numbers of ``names`` (background first): uint8 (K, J, I) on the first scan's grid.

    These are the structures that a user gets. Where classes become families of structures, as vertebrae and discs do, these have names
    that a data set of classes lacks; there it is the model's classes.

    Raises:
        InputError: the model knows none of the names.
    """
    scans = {name: scan for name, scan in scans.items() if name in segmenter.bundle.spec.channels}
    if task_named(segmenter.task).families:
        found, values = segmenter.class_map(scans).voxels, class_values(segmenter.bundle.spec, names)
    else:
        found = segmenter.run(scans).labels.voxels
        values = {number: (structure(name).label,) for number, name in enumerate(names) if number}
    result = np.zeros(found.shape, np.uint8)
    for number, labels in values.items():
        result[np.isin(found, labels)] = number
    return result


def class_values(spec: ModelSpec, names: Sequence[str]) -> dict[int, tuple[int, ...]]:
    """For the number of each name, the numbers of the model's classes that are or make it up; those it cannot find are left out."""
    values = {}
    for number, name in enumerate(names):
        same = [n for n, own in enumerate(spec.classes) if own == name]
        alike = [n for n, own in enumerate(spec.classes) if stem(own) == name or own == stem(name)]
        if number and (same or alike):
            values[number] = tuple(same or alike)
    if not values:
        raise InputError(f"The model '{spec.name}' finds {', '.join(spec.classes[1:])}; the data set has none of these.")
    return values


def case_scores(
    case: str, found: np.ndarray, labels: Volume, names: Mapping[str, int], task: str, known: Sequence[str], tolerance_mm: float
) -> list[Score]:
    """The scores of one case.

    Args:
        found: numbers of the classes in the order of their values.
        names: value of each class in ``labels``.
        known: those of them that the model can find.
        tolerance_mm: of the surface Dice.
    """
    truth = labels.voxels.astype(int)
    counted = truth != names.get(IGNORE, -1)
    classes = {name: value for name, value in names.items() if name not in ("background", IGNORE) and name in known}
    result = [score(case, name, found == value, truth == value, counted, labels.grid, tolerance_mm) for name, value in classes.items()]
    for region, parts in REGIONS.get(task, {}).items():
        if all(part in classes for part in parts):
            values = [classes[part] for part in parts]
            masks = np.isin(found, values), np.isin(truth, values)
            result.append(score(case, region, *masks, counted, labels.grid, tolerance_mm))
    return result
