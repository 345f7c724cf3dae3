"""The real lumbar T2 scans whose vertebral bodies T11 to L5 are labeled (Chu et al., PLoS ONE 2015), as partly known targets.

Bodies are certain. Between two neighboring bodies lies their disc: where the nearest points of the two lie in opposite
directions. The canal's core is certain behind the bodies, background before them, and S1's middle where L5's lower endplate points
to (looked at in all 14 scans). All else may be several classes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from partial_labels import any_of
from real_data import DATA
from scipy import ndimage

from neurospineseg.grid import Grid
from neurospineseg.volume import read_volume

from .spine import ARCH, BACKGROUND, BODY, CANAL, DISC, SACRUM

FOLDER = DATA / "spine" / "chu2015"
CACHE = Path(__file__).resolve().parent.parent / "runs" / "chu2015"
HELD_OUT = ("VB2_17", "VB2_18", "VB2_19", "VB2_23")
"""Cases no model is trained on."""
T11, L5 = 18, 24


def cases(held_out: bool = False) -> list[str]:
    """Names of the training cases, or of those held out; none where the data is absent."""
    names = sorted(path.name.removesuffix("_img.nii.gz") for path in FOLDER.glob("*_img.nii.gz"))
    return [name for name in names if (name in HELD_OUT) == held_out]


def _nearest(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance in voxels to a mask, and the vector to its nearest voxel (3, K, J, I)."""
    distance, index = ndimage.distance_transform_edt(~mask, return_indices=True)
    return distance, index - np.indices(mask.shape)


def _middle_of_s1(last: np.ndarray, step_mm: float = 24.0, turn_degrees: float = 27.0) -> np.ndarray:
    """Voxel (k, j, i) inside S1: down from the middle of L5's lower endplate, turned backward.

    Args:
        last: voxels of L5, (n, 3), 1 mm.
        step_mm: distance from the endplate; ``turn_degrees`` from its normal, whose own tilt is held to 15-30 degrees.
    """
    center = last.mean(0)
    middle = last[np.abs(last[:, 2] - center[2]) < 6]
    columns = np.unique(middle[:, 1])[5:-5]
    lowest = np.array([middle[middle[:, 1] == column, 0].min() for column in columns])
    slope, height = np.polyfit(columns - columns.mean(), lowest, 1)
    angle = np.clip(np.arctan(-slope), *np.radians([15, 30])) + np.radians(turn_degrees)
    return np.array([height - step_mm * np.cos(angle), columns.mean() - step_mm * np.sin(angle), center[2]])


def partial_target(bodies: np.ndarray) -> np.ndarray:
    """Bit masks of the classes each voxel may be.

    Args:
        bodies: (K, J, I) with 18 (T11) to 24 (L5), isotropic, i, j, k along R, A, S.

    Returns:
        int64 (K, J, I).
    """
    k, j, i = np.indices(bodies.shape, dtype=np.float32)
    present = [value for value in range(T11, L5 + 1) if (bodies == value).any()]
    centers = np.array([np.argwhere(bodies == value).mean(0) for value in present])[::-1]
    line_j = np.interp(k, centers[:, 0], centers[:, 1])
    line_i = np.interp(k, centers[:, 0], centers[:, 2])
    within = (k > centers[0, 0]) & (k < centers[-1, 0])
    any_class = any_of(BACKGROUND, BODY, ARCH, DISC, CANAL, SACRUM)
    target = np.full(bodies.shape, any_class, np.int64)
    target[k > centers[-1, 0]] = any_of(BACKGROUND, BODY, ARCH, DISC, CANAL)
    target[k < centers[0, 0]] = any_of(BACKGROUND, ARCH, DISC, CANAL, SACRUM)
    target[within] = any_of(BACKGROUND, ARCH, CANAL)
    target[within & (j > line_j + 4)] = any_of(BACKGROUND)
    target[(j > line_j + 26) | ((k >= centers[0, 0]) & (j < line_j - 80))] = any_of(BACKGROUND)
    top, bottom = (np.argwhere(bodies == present[n])[:, 0] for n in (0, -1))
    near_ends = ((k >= top.max() - 6) & (k <= top.max() + 12)) | ((k <= bottom.min() + 12) & (k >= bottom.min() - 14))
    target[near_ends & (np.abs(j - line_j) < 34) & (np.abs(i - line_i) < 34)] |= any_of(DISC)
    all_bodies = bodies > 0
    wall = np.where(all_bodies, j, np.inf).min(1)
    middle_i = np.round(line_i[:, 0, 0]).astype(int)
    for row in range(bodies.shape[0]):
        if within[row, 0, 0]:
            columns = wall[row, max(0, middle_i[row] - 3) : middle_i[row] + 4]
            if np.isfinite(columns).any():
                core = (i[row] - middle_i[row]) ** 2 + (j[row] - (np.nanmin(columns) - 8)) ** 2 < 3.0**2
                target[row][core] = any_of(CANAL)
    for upper, lower in zip(present, present[1:]):
        pair = (bodies == upper) | (bodies == lower)
        box = tuple(slice(max(0, a - 6), b + 7) for a, b in zip(np.argwhere(pair).min(0), np.argwhere(pair).max(0)))
        part = bodies[box]
        (far_up, to_up), (far_down, to_down) = _nearest(part == upper), _nearest(part == lower)
        cosine = (to_up * to_down).sum(0) / np.maximum(far_up * far_down, 1e-6)
        free = (part == 0) & (far_up + far_down < 20)
        target[box][free & (cosine < -0.2)] = any_of(BACKGROUND, DISC)
        target[box][free & (cosine < -0.6)] = any_of(DISC)
    if present[-1] == L5:
        s1 = _middle_of_s1(np.argwhere(bodies == L5))
        target[((k - s1[0]) / 7) ** 2 + ((j - s1[1]) / 7) ** 2 + ((i - s1[2]) / 12) ** 2 < 1] = any_of(SACRUM)
    target[all_bodies] = any_of(BODY)
    return target


def load(name: str) -> tuple[torch.Tensor, torch.Tensor, Grid]:
    """A case's scan (float32) and bit masks (int64), both (K, J, I), and their grid; targets are kept in ``runs/chu2015``."""
    scan, seg = (read_volume(FOLDER / f"{name}_{kind}.nii.gz") for kind in ("img", "seg"))
    kept = CACHE / f"{name}.npz"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(kept, target=partial_target(seg.voxels.round().astype(np.int16)).astype(np.uint8))
    target = np.load(kept)["target"].astype(np.int64)
    return torch.from_numpy(scan.voxels.astype(np.float32)), torch.from_numpy(target), scan.grid
