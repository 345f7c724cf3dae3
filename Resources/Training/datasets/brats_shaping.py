"""Brings BraTS cases into the shape asked for: intensities to 0-1, a cube around the brain, arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from neurospineseg.atomic_files import whole_file
from neurospineseg.images.volume import Volume
from Training.datasets.cropping import bounds, box_start, crop, shifted_to_hold
from Training.datasets.progress import each
from Training.datasets.raw_dataset import RawDataset


def scaled(voxels: np.ndarray) -> np.ndarray:
    """The voxels other than zero brought linearly from their least and largest value to 0 and 1 (float32); zero stays."""
    tissue = (voxels != 0) & np.isfinite(voxels)
    if not tissue.any():
        return voxels
    low, high = voxels[tissue].min(), voxels[tissue].max()
    return np.where(voxels == 0, 0, (voxels - low) / max(high - low, np.finfo(np.float32).tiny)).astype(np.float32)


def around_brain(scans: Mapping[str, Volume], labels: Volume, edge: int) -> tuple[Mapping[str, Volume], Volume, list[str]]:
    """Cubes of ``edge`` voxels around the middle of the voxels other than zero, moved to hold all of the tumor; and notes.

    Volumes of different sizes are returned as they are.
    """
    shape, size = labels.shape, (edge,) * 3
    if any(scan.shape != shape for scan in scans.values()):
        return scans, labels, []
    brain, tumor = np.any([scan.voxels != 0 for scan in scans.values()], axis=0), labels.voxels > 0
    low, high = bounds(tumor) if tumor.any() else bounds(brain)
    start = shifted_to_hold(box_start(shape, size, *bounds(brain)), size, low, high)
    start = np.clip(start, np.minimum(np.array(shape) - size, 0), np.maximum(np.array(shape) - size, 0))
    inside = tuple(slice(max(0, first), first + edge) for first in start)
    notes = []
    for name, mask in (("brain", brain), ("tumor", tumor)):
        lost = 1 - np.count_nonzero(mask[inside]) / max(1, np.count_nonzero(mask))
        if lost > 0 and mask.any():
            notes.append(f"{lost:.1%} of the {name} lies outside the {edge} x {edge} x {edge} voxels and was cut off.")
    return {channel: crop(scan, start, size) for channel, scan in scans.items()}, crop(labels, start, size), notes


def write_arrays(dataset: RawDataset) -> None:
    """Writes ``npy/CASE_image.npy`` (C, K, J, I float32) and ``npy/CASE_label.npy`` (K, J, I uint8) where they are missing or older."""
    folder = dataset.folder / "npy"
    folder.mkdir(exist_ok=True)
    cases = dataset.split.named("all")
    for file in {*folder.glob("*_image.npy"), *folder.glob("*_label.npy")}:
        if file.name.rsplit("_", 1)[0] not in cases:
            file.unlink()
    for case in each(cases, "Writing arrays"):
        image, label = folder / f"{case}_image.npy", folder / f"{case}_label.npy"
        made = dataset.label_file(case).stat().st_mtime_ns
        if all(file.is_file() and file.stat().st_mtime_ns >= made for file in (image, label)):
            continue
        scans, labels = dataset.read(case)
        _save(image, np.stack([scan.voxels for scan in scans.values()]))
        _save(label, np.rint(labels.voxels).astype(np.uint8))


def _save(path: Path, array: np.ndarray) -> None:
    with whole_file(path) as new:
        np.save(new, array)
