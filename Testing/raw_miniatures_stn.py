"""A miniature of the subthalamic nucleus data set: plain Analyze pairs, which record no orientation."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

ORIENTATION = "LAS"
MIDDLE_MM = 11.0
RADII_MM = (5.0, 4.0, 3.0)
"""Of each nucleus along left-right, front-back and up-down; about 250 mm3."""


def stn(folder: Path, cases: int = 6, size: int = 48, sides_swapped: bool = False) -> Path:
    """Writes ``mri_crop``, ``mask_left`` and ``mask_right`` of cubes of 1 mm voxels, dark nuclei on gray tissue.

    The voxels lie as ``LAS`` says; nothing in the files does. With ``sides_swapped`` the names of the masks are exchanged.
    """
    names = ("mask_right", "mask_left") if sides_swapped else ("mask_left", "mask_right")
    for part in ("mri_crop", *names):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number in range(cases):
        rng = np.random.default_rng([number, 7])
        k, j, i = (axis - (size - 1) / 2 for axis in np.indices((size,) * 3))
        shift = rng.uniform(-2, 2, 3)
        masks = {}
        for name, side in zip(names, (1, -1)):
            places = ((i - side * MIDDLE_MM - shift[0]), (j - shift[1]), (k - shift[2]))
            masks[name] = sum((place / radius) ** 2 for place, radius in zip(places, RADII_MM)) < 1
        tissue = 300 + 40 * np.sin(i / 9 + shift[0]) + 30 * np.cos(j / 11)
        image = np.where(np.logical_or(*masks.values()), 150, tissue) + rng.normal(0, 12, tissue.shape)
        for part, voxels in (("mri_crop", image), *masks.items()):
            header = nib.AnalyzeHeader()
            header.set_data_dtype(np.uint8 if part.startswith("mask") else np.int16)
            nib.AnalyzeImage(voxels.T.astype(header.get_data_dtype()), None, header).to_filename(folder / part / f"patient{number:02d}.hdr")
    return folder
