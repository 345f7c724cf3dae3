"""Pictures of the deep nuclei, to be looked at: outlines on the slices through the subthalamic nuclei."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np

from neurospineseg.images.volume import Volume
from neurospineseg.tasks.anatomy import structure

matplotlib.use("Agg")
import matplotlib.pyplot as plt

STN = ("left_subthalamic_nucleus", "right_subthalamic_nucleus")
REACH_MM = (22, 26, 30)
"""How far a picture of a drawn region reaches from its middle along k, j and i, at 1 mm."""


def draw_scan(scan: Volume, labels: np.ndarray, truth: np.ndarray | None, path: Path) -> None:
    """Three slices through the found nuclei along the scan's own axes, their outlines in color, the truth's in white."""
    wanted = truth if truth is not None and truth.any() else np.isin(labels, [structure(key).label for key in STN])
    if not wanted.any():
        return
    middle = np.argwhere(wanted).mean(0).round().astype(int)
    figure, axes = plt.subplots(1, 3, figsize=(18, 6))
    for axis, panel in enumerate(axes):
        cut = tuple(middle[axis] if a == axis else slice(None) for a in range(3))
        picture, mask = scan.voxels[cut], labels[cut]
        spacing, around = np.delete(scan.grid.spacing_kji, axis), np.delete(middle, axis)
        half = 45 / spacing
        panel.imshow(picture, cmap="gray", origin="lower", aspect=spacing[0] / spacing[1], vmax=np.percentile(scan.voxels, 99.7))
        for key in np.unique(mask[mask > 0]):
            panel.contour(mask == key, [0.5], colors=[plt.cm.tab20(int(key) % 20)], linewidths=1.2)
        if truth is not None and truth[cut].any():
            panel.contour(truth[cut], [0.5], colors="white", linewidths=0.8)
        panel.set_xlim(around[1] - half[1], around[1] + half[1])
        panel.set_ylim(around[0] - half[0], around[0] + half[0])
        panel.axis("off")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=60)
    plt.close(figure)


def draw_region(image: np.ndarray, truth: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray], place: np.ndarray, path: Path) -> None:
    """The axial and the coronal slice through a place: the image alone, with the truth and with what was found; the patient's right on the left.

    Args:
        image: (K, J, I) at 1 mm along the head's own right, anterior, superior.
        truth, found: a mask (K, J, I) by structure.
        place: voxel (k, j, i) of the slices.
    """
    low = np.maximum(place - REACH_MM, 0)
    low[2] = max(0, image.shape[2] // 2 - REACH_MM[2])
    box = tuple(slice(first, first + 2 * reach) for first, reach in zip(low, REACH_MM))
    bounds = np.percentile(image[box], (0.5, 99.5))
    heights = [2 * REACH_MM[1], 2 * REACH_MM[0]]
    figure, rows = plt.subplots(2, 3, figsize=(9, 9 / 3 * sum(heights) / (2 * REACH_MM[2]) + 0.3), height_ratios=heights)
    for row, (axis, name) in zip(rows, ((0, "axial"), (1, "coronal"))):
        cut = tuple(place[axis] if a == axis else box[a] for a in range(3))
        for panel, (title, masks) in zip(row, ((f"{name}, image", {}), ("truth", truth), ("found", found))):
            panel.imshow(image[cut], cmap="gray", origin="lower", vmin=bounds[0], vmax=bounds[1])
            for key, mask in masks.items():
                if mask[cut].any():
                    own = key in STN
                    color = "yellow" if own else np.array(structure(key).color) / 255
                    panel.contour(mask[cut], [0.5], colors=[color], linewidths=1.8 if own else 0.9)
            panel.invert_xaxis()
            panel.set_title(title, fontsize=9, pad=2)
            panel.axis("off")
    figure.tight_layout(pad=0.2)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80, pil_kwargs={"optimize": True})
    plt.close(figure)
