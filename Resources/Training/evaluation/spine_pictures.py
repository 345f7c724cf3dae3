"""Overlays of a model's spine on the scan, to be looked at."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import nibabel as nib
import numpy as np

from neurospineseg.pipeline.segmentation_result import SegmentationResult
from neurospineseg.tasks.anatomy import structures_of
from Training.evaluation.card_pictures import write_card_picture
from Training.evaluation.spine_cases import Case

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def draw(case: Case, result: SegmentationResult, path: Path) -> None:
    """A sagittal, a coronal and an axial slice through the column: our outlines in color, the truth's in white."""

    def turned(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        image = nib.as_closest_canonical(nib.Nifti1Image(array.T.astype(np.float32), case.scan.ijk_to_ras))
        return np.asarray(image.dataobj), np.asarray(image.header.get_zooms()[:3])

    picture, spacing = turned(case.scan.voxels)
    labels, truth = (turned(array)[0].astype(int) for array in (result.labels.voxels, case.instances))
    values = np.unique(truth)[1:]
    middle = np.argwhere(truth == values[len(values) // 2]).mean(0).round().astype(int)
    colors = {int(s.label): np.array(s.color) / 255 for s in result.structures}
    low, high = np.percentile(picture, (1, 99.5))
    figure, panels = plt.subplots(1, 3, figsize=(20, 8))
    for axis, panel in enumerate(panels):
        cut = tuple(middle[axis] if a == axis else slice(None) for a in range(3))
        rest = np.delete(spacing, axis)
        panel.imshow(picture[cut].T, cmap="gray", origin="lower", aspect=rest[1] / rest[0], vmin=low, vmax=high)
        for value in np.unique(labels[cut])[1:]:
            panel.contour((labels[cut] == value).T, [0.5], colors=[colors.get(int(value), (1, 0, 0))], linewidths=1.3)
            panel.text(*np.argwhere(labels[cut] == value).mean(0), str(value), color="yellow", fontsize=8, ha="center")
        for value in np.unique(truth[cut])[1:]:
            panel.contour((truth[cut] == value).T, [0.5], colors="white", linewidths=0.7)
        panel.axis("off")
    figure.suptitle(case.name)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=50)
    plt.close(figure)


def draw_for_card(case: Case, result: SegmentationResult, path: Path) -> None:
    """A case of which everything is known, as scan, truth and result side by side."""
    write_card_picture(path, case.scan, case.everything, result.labels.voxels, structures_of("spine"))
