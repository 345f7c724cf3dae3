"""What is known of gliomas: no tumor is tiny, its lesser islands enhance or are likely, edema lies around the core, not in it."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from neurospineseg.geometry.bounding_box import bounding_slices
from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.masks import components, filled_planes
from neurospineseg.tasks.anatomy import structure
from neurospineseg.tasks.class_scores import ModelClasses, OutputChannel, Postprocessed, argmax, suppress
from neurospineseg.tasks.tumor.declaration import LEAST_MEAN

LEAST_ML = 0.1
LEAST_SHARE, SURE = 0.1, 0.9
"""An island smaller than this share of the largest is kept only where it enhances with this probability somewhere."""
GAP_MM = 8.0
"""Gaps in an enhancing rim of up to twice this width, and slots as wide that are open outward, are closed before what it encloses is
found."""


def doubtful_islands(whole: np.ndarray, tumor: np.ndarray, enhancing: np.ndarray, least_voxels: float) -> np.ndarray:
    """The 26-connected components of a bool mask (K, J, I) that are no tumor.

    Args:
        tumor, enhancing: probabilities (K, J, I) of any tumor and of its enhancing part.
    """
    labels, sizes = components(whole)
    if len(sizes) == 1:
        return np.zeros_like(whole)
    numbers = np.arange(1, len(sizes))
    inside = labels[whole]
    peaks = np.concatenate([[0.0], ndimage.maximum(enhancing[whole], inside, numbers)])
    means = np.concatenate([[0.0], ndimage.mean(tumor[whole], inside, numbers)])
    lesser = sizes < LEAST_SHARE * sizes.max()
    faint = (means < LEAST_MEAN) & (sizes < sizes.max())
    doubtful = (sizes < least_voxels) | (lesser & (peaks < SURE)) | faint
    doubtful[0] = False
    return doubtful[labels]


def enclosed(core: np.ndarray, spacing_kji: np.ndarray) -> np.ndarray:
    """What lies inside a core's shell: filled, after closing gaps, in at least two of the three planes; bool (K, J, I)."""
    margin = np.ceil(GAP_MM / spacing_kji).astype(int) + 1
    box = bounding_slices(core, margin)
    if box is None:
        return np.zeros_like(core)
    part = np.pad(core[box], [(m, m) for m in margin])
    outward = ndimage.distance_transform_edt(~part, sampling=spacing_kji) <= GAP_MM
    closed = ndimage.distance_transform_edt(outward, sampling=spacing_kji) > GAP_MM
    votes = np.zeros(part.shape, np.uint8)
    for axis in range(3):
        votes += filled_planes(closed, axis)
    result = np.zeros_like(core)
    result[box] = (votes >= 2)[tuple(slice(m, n - m) for m, n in zip(margin, part.shape))]
    return result


def postprocess_tumor(probabilities: torch.Tensor, grid: Grid, spec: ModelClasses) -> Postprocessed:
    """Removes islands that are no tumor, and takes edema enclosed by the core for necrotic core.

    Args:
        probabilities: float32 (C, K, J, I) on ``grid``, one channel per class of ``spec``.
    """
    probabilities = probabilities.clone()
    channel = {name: number for number, name in enumerate(spec.classes)}
    winner = argmax(probabilities).cpu().numpy()
    enhancing = probabilities[channel["enhancing_tumor"]].cpu().numpy()
    tumor = 1 - probabilities[0].cpu().numpy()
    islands = doubtful_islands(winner > 0, tumor, enhancing, LEAST_ML / grid.voxel_volume_ml)
    for number in range(1, len(spec.classes)):
        suppress(probabilities, number, islands)
    kept = (winner > 0) & ~islands
    notes = []
    if kept.any() and (mean := float(tumor[kept].mean())) < LEAST_MEAN:
        notes.append(f"What was found is only faintly likely to be a tumor ({mean:.0%} on average); there may be none: look at it closely.")
    core = np.isin(winner, (channel["necrotic_core"], channel["enhancing_tumor"])) & ~islands
    inner = torch.from_numpy(enclosed(core, grid.spacing_kji) & (winner == channel["edema"])).to(probabilities.device)
    moved = probabilities[channel["edema"]] * inner
    probabilities[channel["necrotic_core"]] += moved
    probabilities[channel["edema"]] -= moved
    structures = [structure(name) for name in spec.classes[1:]]
    return Postprocessed(probabilities, [OutputChannel(0), *(OutputChannel(found.label) for found in structures)], structures, notes)
