"""Overlays of a patient labeled as SPIDER's: truth beside result in two sagittal slices."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import nibabel as nib
import numpy as np

from neurospineseg.images.volume import Volume
from Training.evaluation.spine_cases import CANAL, S1
from Training.evaluation.spine_scores import is_disc, is_vertebra

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLORS = np.array([(0, 0, 0), (1, 0.2, 0.2), (0.2, 0.9, 0.2), (0.2, 0.6, 1), (1, 0.2, 1)])
"""Of nothing, vertebra, disc, canal, sacrum."""


def draw(name: str, scan: Volume, truth: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """Truth (SPIDER's values) above our ``labels``, both (K, J, I), in the middle and at three quarters of the slices."""
    ours = np.select([is_vertebra(labels), is_disc(labels), labels == CANAL, labels == S1], [1, 2, 3, 4], 0)

    def turned(array: np.ndarray) -> np.ndarray:
        image = nib.as_closest_canonical(nib.Nifti1Image(array.T.astype(np.float32), scan.ijk_to_ras))
        return np.asarray(image.dataobj)

    picture, parts = turned(scan.voxels), [turned(each).astype(int) for each in (truth, ours)]
    figure, panels = plt.subplots(2, 2, figsize=(11, 14))
    for column, i in enumerate((picture.shape[0] // 2, picture.shape[0] * 3 // 4)):
        gray = np.clip(picture[i] / max(1e-6, np.percentile(picture[i], 99.5)), 0, 1)
        for row, labeled in enumerate(parts):
            colored = np.where((labeled[i] > 0)[..., None], 0.5 * gray[..., None] + 0.5 * COLORS[labeled[i]], gray[..., None])
            panels[row, column].imshow(colored.transpose(1, 0, 2), origin="lower")
            panels[row, column].set_title(f"{name}, slice {i}: {('truth', 'result')[row]}")
            panels[row, column].axis("off")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=45)
    plt.close(figure)
