"""The real lumbar T2 scans whose vertebral bodies T11 to L5 are labeled (Chu et al., PLoS ONE 2015), as partly known targets.

Bodies are certain. Between two neighboring bodies lies their disc: where the nearest points of the two lie in opposite
directions; next to the bodies, where endplates are, and near its rim it stays open. The canal's core is certain behind the bodies and
discs, background before them and in the air around the patient. The sacrum is
outlined by eye in the training scans (``chu2015_sacra``), the spinous processes are marked where they are plain to see. All else may
be several classes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from neurospineseg.geometry.bounding_box import bounding_slices
from neurospineseg.geometry.grid import Grid
from neurospineseg.images.volume import read_volume
from Training.datasets.real_data import DATA
from Training.synthetic.spine.canvas import ARCH, BACKGROUND, BODY, CANAL, DISC, SACRUM
from Training.synthetic.spine.chu2015_sacra import OUTLINES, mark_sacrum
from Training.training.partial_labels import any_of

FOLDER = DATA / "spine" / "chu2015"
CACHE = Path(__file__).resolve().parents[2] / "runs" / "chu2015"
HELD_OUT = ("VB2_17", "VB2_18", "VB2_19", "VB2_23")
"""Cases no model is trained on."""
SPINOUS_SEEN = ("VB2_06", "VB2_09", "VB2_10", "VB2_16")
"""Cases whose middle sagittal slice shows the spinous processes of L1 to L4 where ``mark_spinous_processes`` looks for them."""
NEWEST = max(path.stat().st_mtime for path in Path(__file__).parent.glob("chu2015*.py"))
"""Targets kept before this are out of date."""
T11, L1, L4, L5 = 18, 20, 23, 24


def cases(held_out: bool = False) -> list[str]:
    """Names of the training cases, or of those held out; none where the data is absent."""
    names = sorted(path.name.removesuffix("_img.nii.gz") for path in FOLDER.glob("*_img.nii.gz"))
    return [name for name in names if (name in HELD_OUT) == held_out]


def _nearest(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance in voxels to a mask, and the vector to its nearest voxel (3, K, J, I)."""
    distance, index = ndimage.distance_transform_edt(~mask, return_indices=True)
    return distance, index - np.indices(mask.shape)


def partial_target(bodies: np.ndarray, name: str | None = None) -> np.ndarray:
    """Bit masks of the classes each voxel may be.

    Args:
        bodies: (K, J, I) with 18 (T11) to 24 (L5), 1 mm, i, j, k along R, A, S.
        name: of a case whose sacrum is outlined.

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
    back = np.array([row[max(0, i - 3) : i + 4].min() for row, i in zip(wall, middle_i)])
    rows = np.arange(len(back))
    back = ndimage.median_filter(np.interp(rows, rows[np.isfinite(back)], back[np.isfinite(back)]), 25)
    for row in np.flatnonzero(within[:, 0, 0]):
        u, v = i[row] - middle_i[row], j[row] - back[row]
        target[row][(np.abs(u) > 19) | (v < -25)] &= ~any_of(CANAL)
        target[row][v < -70] = any_of(BACKGROUND)
        target[row][(u / 7.5) ** 2 + ((v + 8) / 5) ** 2 < 1] = any_of(CANAL)
    for upper, lower in zip(present, present[1:]):
        pair = (bodies == upper) | (bodies == lower)
        box = bounding_slices(pair, 6)
        part = bodies[box]
        (far_up, to_up), (far_down, to_down) = _nearest(part == upper), _nearest(part == lower)
        cosine = (to_up * to_down).sum(0) / np.maximum(far_up * far_down, 1e-6)
        free = (part == 0) & (far_up + far_down < 20)
        target[box][free & (cosine < -0.5)] = any_of(BACKGROUND, DISC)
        between = ndimage.median_filter(free & (cosine < -0.7), 5)
        plate = np.minimum(1.6, 0.25 * (far_up + far_down))
        inner = ndimage.binary_erosion(between | (part > 0), structure=np.ones((1, 7, 7)))
        target[box][between & inner & (far_up > plate) & (far_down > plate)] = any_of(DISC)
    if name in OUTLINES:
        mark_sacrum(target, bodies == L5, name)
    target[all_bodies] = any_of(BODY)
    return target


def mark_spinous_processes(target: np.ndarray, bodies: np.ndarray) -> None:
    """Makes the arch certain in place in the middle of the spinous processes L1 to L4: behind and below their bodies (K, J, I)."""
    centers = {value: np.argwhere(bodies == value).mean(0) for value in range(T11, L5 + 1)}
    k, j = np.indices(bodies.shape[:2])
    for value in range(L1, L4 + 1):
        up = (centers[value - 1] - centers[value + 1])[:2]
        up /= np.linalg.norm(up)
        back = np.array([up[1], -up[0]])
        offsets = np.argwhere(bodies == value)[:, :2] - centers[value][:2]
        behind, above = np.percentile(offsets @ back, 98), np.percentile(offsets @ up, 97)
        place = centers[value][:2] + (behind + 35) * back - 0.75 * above * up
        v = (k - place[0]) * back[0] + (j - place[1]) * back[1]
        s = (k - place[0]) * up[0] + (j - place[1]) * up[1]
        middle = int(round(centers[value][2]))
        target[(v / 6) ** 2 + (s / 4) ** 2 < 1, middle - 1 : middle + 2] = any_of(ARCH)


def mark_air(target: np.ndarray, scan: np.ndarray, bodies: np.ndarray) -> None:
    """Makes background certain in place where a scan (K, J, I) of 1 mm is hardly brighter than its floor over more than a centimeter."""
    floor, bone = np.percentile(scan, 1), np.median(scan[bodies > 0])
    dark = ndimage.gaussian_filter(scan.astype(np.float32), 2) < floor + 0.15 * (bone - floor)
    deep = ndimage.distance_transform_edt(np.pad(dark, 6, mode="edge"))[6:-6, 6:-6, 6:-6] > 6
    air = ndimage.distance_transform_edt(~deep) < 5
    target[air & ((target & (target - 1)) > 0)] = any_of(BACKGROUND)


def load(name: str) -> tuple[torch.Tensor, torch.Tensor, Grid]:
    """A case's scan (float32) and bit masks (uint8), both (K, J, I), and their grid; targets are kept in ``runs/chu2015``."""
    scan, seg = (read_volume(FOLDER / f"{name}_{kind}.nii.gz") for kind in ("img", "seg"))
    kept = CACHE / f"{name}.npz"
    if not kept.exists() or kept.stat().st_mtime < NEWEST:
        CACHE.mkdir(parents=True, exist_ok=True)
        bodies = seg.voxels.round().astype(np.int16)
        target = partial_target(bodies, name)
        if name in SPINOUS_SEEN:
            mark_spinous_processes(target, bodies)
        mark_air(target, scan.voxels, bodies)
        np.savez_compressed(kept, target=target.astype(np.uint8))
    return torch.from_numpy(scan.voxels.astype(np.float32)), torch.from_numpy(np.load(kept)["target"]), scan.grid
