"""Scans at the limit of what is to be segmented: a CT of the trunk and a head of 0.5 mm, drawn coarser and filled up slab by slab."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import torch

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.resample import resample
from Testing.benchmarks.case import Case, load_case, save_case
from Training.synthetic.nuclei.phantom import subcortical_phantom
from Training.synthetic.spine.phantom import spine_phantom

LARGE = {"ct": ((1000, 512, 512), (0.7, 0.7, 0.7)), "head": ((420, 480, 400), (0.5, 0.5, 0.5))}
"""Voxels along k, j, i, and mm along R, A, S."""
AIR_HU, SLAB = -1024.0, 50


def large_case(kind: str, folder: Path, quick: bool = False) -> Case:
    """A drawn scan without its truth: ``ct`` a lumbar spine and its mirror images above and below, in air, ``head`` a whole head.

    Args:
        quick: a quarter of the voxels along each axis.
    """
    folder = folder / f"large-{kind}{'-quick' if quick else ''}"
    if (folder / "case.json").is_file():
        return load_case(folder)
    folder.mkdir(parents=True, exist_ok=True)
    shape, spacing = LARGE[kind]
    if quick:
        shape, spacing = tuple(n // 4 for n in shape), tuple(4 * step for step in spacing)
    if kind == "ct":
        image, ijk_to_ras, _ = spine_phantom(11, spacing=(2.0, 2.0, 2.0), contrast="ct")
        image, ijk_to_ras = repeated(image, ijk_to_ras, shape[0] * spacing[2] / 2.0)
        fill, name, task = AIR_HU, "drawn CT of the trunk", "spine"
    else:
        image, ijk_to_ras, _ = subcortical_phantom(11, spacing_mm=2.0, oblique_degrees=0.0)
        fill, name, task = 0.0, "drawn head of 0.5 mm", "subcortical"
    source = Grid(image.shape, ijk_to_ras)
    target = Grid.canonical(source.center, np.array(spacing) * shape[::-1], np.array(spacing))
    voxels = np.empty(shape, np.int16)
    for first in range(0, shape[0], SLAB):
        last = min(shape[0], first + SLAB)
        slab = target.crop((first, 0, 0), (last, *shape[1:]))
        voxels[first:last] = resample(torch.from_numpy(image)[None], source, slab, fill=fill, antialias=quick)[0].round().numpy()
    path = folder / "image.nii.gz"
    written = nib.Nifti1Image(voxels.T, target.ijk_to_ras)
    written.header.set_xyzt_units("mm")
    nib.save(written, path)
    return save_case(Case(name, task, {"image": path}), folder)


def repeated(image: np.ndarray, ijk_to_ras: np.ndarray, count: float) -> tuple[np.ndarray, np.ndarray]:
    """An image (K, J, I) that goes on mirrored at both ends of k until there are ``count`` voxels, and its matrix."""
    more = max(0, int(np.ceil((count - len(image)) / 2)))
    matrix = ijk_to_ras.copy()
    matrix[:3, 3] -= more * matrix[:3, 2]
    return np.pad(image, ((more, more), (0, 0), (0, 0)), mode="symmetric"), matrix
