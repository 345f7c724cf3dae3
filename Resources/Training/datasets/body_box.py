"""The box of a scan that shows signal: sagittal scans of the spine fade toward the belly and end in air."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from neurospineseg.geometry.masks import largest_component
from Training.datasets.preparing import LoadedCase
from Training.datasets.regrid import cut

MARGIN_MM = 10.0


def cropped(case: LoadedCase) -> LoadedCase:
    """The box of the first scan's signal, and of every labeled voxel with a margin; with a note of the sizes."""
    voxels, labeled = next(iter(case.scans.values())).voxels, np.argwhere(case.labels.voxels > 0)
    lows, highs = [], []
    places = np.argwhere(signal(voxels))
    if len(places):
        lows.append(places.min(0))
        highs.append(places.max(0) + 1)
    if len(labeled):
        margin = np.ceil(MARGIN_MM / case.labels.grid.spacing_kji).astype(int)
        lows.append(labeled.min(0) - margin)
        highs.append(labeled.max(0) + 1 + margin)
    if not lows:
        return case
    start, stop = np.maximum(np.min(lows, 0), 0), np.minimum(np.max(highs, 0), voxels.shape)
    stop = np.maximum(stop, np.minimum(start + 2, voxels.shape))
    before, after = ("x".join(map(str, size[::-1])) for size in (voxels.shape, stop - start))
    return replace(cut(case, start, stop), notes=[*case.notes, f"Cropped from {before} to {after} voxels."])


def signal(voxels: np.ndarray) -> np.ndarray:
    """The largest connected part that is brighter than Otsu's threshold, thin bridges cut; bool (K, J, I)."""
    otsu = sitk.OtsuThresholdImageFilter()
    otsu.SetNumberOfHistogramBins(256)
    otsu.Execute(sitk.GetImageFromArray(np.ascontiguousarray(voxels, dtype=np.float32)))
    return largest_component(ndimage.binary_opening(voxels > otsu.GetThreshold()), 6)
