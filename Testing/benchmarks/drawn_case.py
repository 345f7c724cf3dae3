"""Drawn scans of the three tasks, as large as real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.resample import resample
from neurospineseg.tasks.anatomy import structure
from Testing.benchmarks.case import Case, load_case, save_case, write_image
from Training.synthetic.nuclei.heads import DEEP_GRAY
from Training.synthetic.nuclei.phantom import subcortical_phantom
from Training.synthetic.spine.phantom import spine_phantom
from Training.synthetic.tumor.phantom import tumor_phantom

SEED = 11
TUMOR_SIZE_MM, QUICK_TUMOR_SIZE_MM = (240.0, 240.0, 155.0), (120.0, 152.0, 120.0)
"""Along R, A, S, as the sizes below."""
SPINE_SPACING_MM, QUICK_SPINE_SPACING_MM = (3.0, 0.6, 0.6), (3.0, 2.0, 2.0)
SPINE_SIZE_MM, QUICK_SPINE_SIZE_MM = (69.0, 180.0, 234.0), (45.0, 120.0, 160.0)


def drawn_case(task: str, folder: Path, quick: bool = False, seed: int = SEED) -> Case:
    """The drawn scan of a task, as int16 NIfTI with its truth: drawn into ``folder``, or as it lies there from before.

    A glioma in four modalities of 240 x 240 x 155 voxels of 1 mm, zero outside the brain as in the BraTS data; a lumbar spine as
    sagittal slices of 3 mm with pixels of 0.6 mm; a whole head of 1 mm that looks like T2.

    Args:
        quick: tiny scans instead: the tumor's surroundings at 2 mm, pixels of 2 mm, a head of 2 mm.
    """
    folder = folder / f"{task}-{'quick-' if quick else ''}{seed}"
    if (folder / "case.json").is_file():
        return load_case(folder)
    folder.mkdir(parents=True, exist_ok=True)
    images, ijk_to_ras, labels = {"tumor": _tumor, "spine": _spine, "subcortical": _head}[task](seed, quick)
    scans = {name: write_image(folder / f"{name}.nii.gz", image.round().astype(np.int16), ijk_to_ras) for name, image in images.items()}
    name = {"tumor": "drawn glioma", "spine": "drawn lumbar spine", "subcortical": "drawn head"}[task]
    truth = write_image(folder / "truth.nii.gz", labels.astype(np.uint16), ijk_to_ras)
    return save_case(Case(name, task, scans, truth), folder)


def drawn_glioma(folder: Path, spacing_mm: float, seed: int = SEED) -> Case:
    """The drawn glioma in the same field of view (240 x 240 x 155 mm) with other voxels, without its truth."""
    folder = folder / f"tumor-{spacing_mm:g}mm-{seed}"
    if (folder / "case.json").is_file():
        return load_case(folder)
    folder.mkdir(parents=True, exist_ok=True)
    images, ijk_to_ras, _ = _tumor(seed, False, spacing_mm)
    scans = {name: write_image(folder / f"{name}.nii.gz", image.round().astype(np.int16), ijk_to_ras) for name, image in images.items()}
    return save_case(Case(f"drawn glioma, {spacing_mm:g} mm", "tumor", scans), folder)


def _tumor(seed: int, quick: bool, spacing_mm: float = 1.0) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    images, ijk_to_ras, labels = tumor_phantom(seed, spacing_mm=2.0, oblique_degrees=0.0)
    source = Grid(labels.shape, ijk_to_ras)
    inside = labels > 0 if quick else next(iter(images.values())) > 0
    middle = source.ijk_to_ras[:3, :3] @ np.argwhere(inside).mean(0)[::-1] + source.ijk_to_ras[:3, 3]
    size_mm, spacing = (QUICK_TUMOR_SIZE_MM, 2.0) if quick else (TUMOR_SIZE_MM, spacing_mm)
    target = Grid.canonical(middle, np.array(size_mm), np.full(3, spacing))
    moved = {name: resample(torch.from_numpy(image)[None], source, target)[0].numpy() for name, image in images.items()}
    truth = resample(torch.from_numpy(labels.astype(np.float32))[None], source, target, mode="nearest")[0].numpy()
    return moved, target.ijk_to_ras, truth


def _spine(seed: int, quick: bool) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    spacing, size = (QUICK_SPINE_SPACING_MM, QUICK_SPINE_SIZE_MM) if quick else (SPINE_SPACING_MM, SPINE_SIZE_MM)
    image, ijk_to_ras, labels = spine_phantom(seed, spacing, size)
    return {"image": image}, ijk_to_ras, labels


def _head(seed: int, quick: bool) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    image, ijk_to_ras, numbers = subcortical_phantom(seed, spacing_mm=2.0 if quick else 1.0)
    labels = np.zeros(numbers.shape, np.uint16)
    for name, pair in DEEP_GRAY.items():
        for side, number in zip(("left", "right"), pair):
            labels[numbers == number] = structure(f"{side}_{name}").label
    return {"image": image}, ijk_to_ras, labels
