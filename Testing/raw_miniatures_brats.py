"""Miniatures of the glioma data sets, with the real ones' names, values and oddities."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

SPACING = 4.0
MEANS = {
    "t1c": (600, 250, 480, 1000),
    "t1": (620, 380, 500, 560),
    "t2": (420, 900, 800, 620),
    "flair": (400, 620, 950, 680),
}
"""Mean of brain, necrotic core, edema and enhancing tumor."""
SPELLING = {
    "2018": ("_flair", "_t1", "_t1ce", "_t2", "_seg"),
    "2020": ("_flair", "_t1", "_t1ce", "_t2", "_seg"),
    "2021": ("_flair", "_t1", "_t1ce", "_t2", "_seg"),
    "2023": ("-t2f", "-t1n", "-t1c", "-t2w", "-seg"),
}
ORDER = ("flair", "t1", "t1c", "t2")
VALUES = {"2018": (0, 1, 2, 4), "2020": (0, 1, 2, 4), "2021": (0, 1, 2, 4), "2023": (0, 1, 2, 3), "decathlon": (0, 2, 1, 3)}
"""The published value of background, necrotic core, edema and enhancing tumor."""


def brats(folder: Path, naming: str = "2021", cases: int = 6, size: int = 32) -> Path:
    """Writes cases of (size - 4) x size x size voxels; the second is without enhancing tumor. Returns ``folder``.

    Args:
        naming: ``2018``, ``2020`` (its case 355 has the odd mask), ``2021``, ``2023`` (the last two cases are of one patient)
            or ``decathlon``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(cases):
        channels, parts = glioma(number, size, enhancing=number != 1)
        labels = np.array(VALUES[naming], np.int16)[parts]
        if naming == "decathlon":
            _write_decathlon(folder, number, channels, labels)
            continue
        place, name, ending = _place(naming, number, cases)
        (folder / place).mkdir(parents=True)
        for role, spelling in zip((*ORDER, "label"), SPELLING[naming]):
            _save(folder / place / f"{name}{spelling}{ending}", labels if role == "label" else channels[role])
        if name == "BraTS20_Training_355":
            (folder / place / f"{name}_seg.nii").rename(folder / place / "W39_1998.09.19_Segm.nii")
    if naming == "decathlon":
        _describe_decathlon(folder, cases)
    elif naming in ("2018", "2020"):
        with (folder / "survival_data.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([("ID", "Age", "Survival"), ("none", 60, 289)])
    return folder


def glioma(number: int, size: int, enhancing: bool = True) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Four channels (int16) and the parts 0 to 3 (background, core, edema, enhancing), arrays (K, J, I)."""
    rng = np.random.default_rng(number)
    shape = (size - 4, size, size)
    place = np.stack(np.meshgrid(*((np.arange(n) + 0.5) / n * 2 - 1 for n in shape), indexing="ij"))
    brain = (place**2 / np.array([0.75, 0.85, 0.65]).reshape(3, 1, 1, 1) ** 2).sum(0) < 1
    wobble = ndimage.gaussian_filter(rng.normal(size=shape), 2.0)
    center = rng.uniform(-0.22, 0.22, 3).reshape(3, 1, 1, 1)
    distance = np.sqrt(((place - center) ** 2).sum(0)) * (1 + wobble / wobble.std() * 0.08) / rng.uniform(0.9, 1.15)
    parts = np.select([distance < 0.17, distance < 0.3, distance < 0.46], [1, 3 if enhancing else 1, 2], 0) * brain
    texture = ndimage.gaussian_filter(rng.normal(size=shape), 1.5) * 120
    channels = {}
    for name, means in MEANS.items():
        sharp = np.array(means, float)[parts] + texture + rng.normal(0, 25, shape)
        channels[name] = np.where(brain, ndimage.gaussian_filter(sharp, 0.5) * rng.uniform(0.8, 1.25), 0).astype(np.int16)
    return channels, parts.astype(np.uint8)


def _place(naming: str, number: int, cases: int) -> tuple[Path, str, str]:
    """The case's folder, name and the ending of its files."""
    if naming == "2018":
        name = f"Brats18_TCIA02_{100 + number}_1"
        return Path("HGG" if number % 3 else "LGG", name), name, ".nii.gz"
    if naming == "2020":
        name = f"BraTS20_Training_{355 if number == cases - 1 else number + 1:03d}"
        return Path("MICCAI_BraTS2020_TrainingData", name), name, ".nii"
    if naming == "2021":
        name = f"BraTS2021_{2 * number:05d}"
    else:
        name = f"BraTS-GLI-{cases - 2 if number == cases - 1 else number:05d}-{int(number == cases - 1):03d}"
    return Path(name), name, ".nii.gz"


def affine(size: int) -> np.ndarray:
    """4x4 ijk to RAS as in BraTS: i grows to the left, j to the back."""
    matrix = np.diag([-SPACING, -SPACING, SPACING, 1.0])
    matrix[1, 3] = SPACING * (size - 1)
    return matrix


def _save(path: Path, array: np.ndarray) -> None:
    """Writes an array indexed [k, j, i] or [c, k, j, i]; channels become the last axis."""
    nib.save(nib.Nifti1Image(array.T, affine(array.shape[-2])), path)


def _write_decathlon(folder: Path, number: int, channels: dict[str, np.ndarray], labels: np.ndarray) -> None:
    name = f"BRATS_{number + 1:03d}.nii.gz"
    for sub in ("imagesTr", "labelsTr"):
        (folder / sub).mkdir(exist_ok=True)
        (folder / sub / f"._{name}").write_bytes(b"\x00\x05\x16\x07")
    _save(folder / "imagesTr" / name, np.stack([channels[channel] for channel in ORDER]))
    _save(folder / "labelsTr" / name, labels.astype(np.uint8))


def _describe_decathlon(folder: Path, cases: int) -> None:
    files = [f"BRATS_{number + 1:03d}.nii.gz" for number in range(cases)]
    description = {
        "name": "BRATS",
        "modality": {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"},
        "labels": {"0": "background", "1": "edema", "2": "non-enhancing tumor", "3": "enhancing tumor"},
        "numTraining": cases,
        "training": [{"image": f"./imagesTr/{file}", "label": f"./labelsTr/{file}"} for file in files],
    }
    (folder / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
