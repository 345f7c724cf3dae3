"""A prepared data set small enough to learn in seconds: three nested balls of a glioma in four channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurospineseg.images.volume import Volume, write_volume
from Training.datasets.raw_dataset import Split, write_description

CHANNELS = ("t1c", "t1", "t2", "flair")
LABELS = {"background": 0, "necrotic_core": 1, "edema": 2, "enhancing_tumor": 3}
GRAY = np.array([[100, 60, 90, 220], [100, 60, 90, 70], [100, 200, 190, 120], [100, 150, 220, 160]], np.float32)
"""By channel: brain, necrotic core, edema, enhancing tumor."""


def glioma(seed: int, size: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Scans float32 (4, K, J, I) of a head of 2 mm voxels, and its labels uint8 (K, J, I)."""
    rng = np.random.default_rng(seed)
    k, j, i = np.indices((size,) * 3)
    middle = size / 2 + rng.uniform(-0.12, 0.12, 3) * size
    away = np.sqrt((k - middle[0]) ** 2 + (j - middle[1]) ** 2 + (i - middle[2]) ** 2) / size
    labels = np.select([away < 0.1, away < 0.17, away < 0.27], [1, 3, 2], 0).astype(np.uint8)
    head = np.sqrt((k - size / 2) ** 2 + (j - size / 2) ** 2 + (i - size / 2) ** 2) < 0.46 * size
    scans = (GRAY[:, labels] + rng.normal(0, 8, (4, *labels.shape))) * head
    return scans.astype(np.float32), labels


def write_dataset(
    folder: Path,
    train: int = 4,
    val: int = 2,
    test: int = 2,
    channels: tuple[str, ...] = CHANNELS,
    classes: tuple[str, ...] = tuple(LABELS),
    size: int = 40,
) -> Path:
    """Writes a prepared data set of drawn gliomas and returns its folder; structures that are not among the classes are background."""
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    names = [f"case{number}" for number in range(train + val + test)]
    affine = np.diag([-2.0, -2.0, 2.0, 1.0])
    for number, name in enumerate(names):
        scans, labels = glioma(number, size)
        labels = np.select([labels == LABELS[name] for name in classes], range(len(classes)), 0).astype(np.uint8)
        for place, channel in enumerate(channels):
            write_volume(Volume(scans[CHANNELS.index(channel)], affine), folder / "imagesTr" / f"{name}_{place:04d}.nii.gz")
        write_volume(Volume(labels, affine), folder / "labelsTr" / f"{name}.nii.gz")
    split = Split(tuple(names[:train]), tuple(names[train : train + val]), tuple(names[train + val :]))
    write_description(folder, "tumor", channels, {name: value for value, name in enumerate(classes)}, split, {})
    return folder
