"""Pictures of what a tumor model found, beside the truth where it is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import nibabel as nib
import numpy as np
from PIL import Image

from neurospineseg.images.volume import Volume
from neurospineseg.tasks.anatomy import structure
from neurospineseg.tasks.contrasts import CONTRASTS

matplotlib.use("Agg")
import matplotlib.pyplot as plt

CLASSES = {1: "necrotic_core", 2: "edema", 3: "enhancing_tumor"}
PANEL_INCHES, DOTS_PER_INCH, COLORS = 2.0, 95, 64


def draw(scans: Mapping[str, Volume], found: np.ndarray, truth: np.ndarray | None, path: Path, title: str = "") -> None:
    """An axial slice of the scans on the first one's grid, then filled in on it: what was found, and the truth.

    It is the slice in which the two differ most, or with most tumor found where no truth is known. Patient's right is at the left.

    Args:
        found, truth: labels (K, J, I) on the first scan's grid, keys of ``CLASSES``.
    """
    reference = next(iter(scans.values()))
    shown = {name: scan for name, scan in scans.items() if scan.shape == reference.shape}
    wrong = found > 0 if truth is None else found != truth
    place = int(_upright(wrong, reference)[0].sum((0, 1)).argmax())
    masks = {"found": found} | ({} if truth is None else {"truth": truth})
    count = len(shown) + len(masks)
    figure, panels = plt.subplots(1, count, figsize=(PANEL_INCHES * count, 1.5 * PANEL_INCHES), squeeze=False, layout="constrained")
    for panel, name in zip(panels[0], [*shown, *masks]):
        voxels, spacing = _upright(shown.get(name, reference).voxels, reference)
        low, high = np.percentile(voxels, (0.5, 99.7))
        panel.imshow(voxels[::-1, :, place].T, cmap="gray", origin="lower", vmin=low, vmax=high, aspect=spacing[1] / spacing[0])
        if name in masks:
            labels = _upright(masks[name], reference)[0][::-1, :, place].T
            panel.imshow(_filled(labels), origin="lower", aspect=spacing[1] / spacing[0])
        panel.set_title(CONTRASTS.get(name, name), fontsize=9)
        panel.axis("off")
    figure.suptitle(title, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DOTS_PER_INCH)
    plt.close(figure)
    Image.open(path).convert("RGB").quantize(COLORS).save(path, optimize=True)


def _upright(voxels: np.ndarray, reference: Volume) -> tuple[np.ndarray, np.ndarray]:
    """Voxels (K, J, I) of the reference's grid along R, A, S; voxel size along each, mm."""
    image = nib.as_closest_canonical(nib.Nifti1Image(voxels.T.astype(np.float32), reference.ijk_to_ras))
    return np.asarray(image.dataobj), np.asarray(image.header.get_zooms()[:3])


def _filled(labels: np.ndarray) -> np.ndarray:
    """RGBA, 0 to 1, of a slice of labels."""
    colors = np.zeros((*labels.shape, 4))
    for value, key in CLASSES.items():
        colors[labels == value] = (*(np.array(structure(key).color) / 255), 0.75)
    return colors
