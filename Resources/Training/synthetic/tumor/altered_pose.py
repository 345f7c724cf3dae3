"""Patches cut from kept heads, turned, scaled and bent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from Training.datasets.glioma_cases import GliomaCase
from Training.synthetic.deform import random_linear, smooth_noise

AIR = 12
"""Voxels by which a patch may reach beyond its head's grid."""
STRAIGHT = 0.35
"""Share of the patches that are only mirrored and moved, which leaves voxels as sharp as they are."""


@dataclass(frozen=True)
class Pose:
    """How a patch lies in its head.

    Attributes:
        linear: 3x3 from the patch's (i, j, k) to the head's, about the middle.
        bend: voxels by which places are moved on (3, K, J, I), or None.
        shift: voxels (k, j, i) from the voxel asked for to the patch's middle.
    """

    linear: np.ndarray
    bend: torch.Tensor | None
    shift: np.ndarray

    @staticmethod
    def straight() -> Pose:
        return Pose(np.eye(3), None, np.zeros(3))

    @staticmethod
    def drawn(rng: np.random.Generator, patch: tuple[int, int, int]) -> Pose:
        """Mirrored left to right in half of the cases; most are turned by up to 15 degrees, scaled by up to 0.2 and bent."""
        shift = rng.uniform(-0.3, 0.3, 3) * patch
        mirror = np.diag([-1.0 if rng.random() < 0.5 else 1.0, 1, 1])
        if rng.random() < STRAIGHT:
            return Pose(mirror, None, shift)
        linear = random_linear(rng, degrees=15, scale=0.1) * float(rng.uniform(0.85, 1.15))
        bend = torch.stack([smooth_noise(rng, patch, 6) for _ in range(3)]) * float(rng.uniform(0, 2.5))
        return Pose(linear @ mirror, bend, shift)


def cut(case: GliomaCase, voxel: np.ndarray, pose: Pose, patch: tuple[int, int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Gray values, float32 (4, *patch), the background's outside the head's grid, and classes, int64 (*patch)."""
    size, shape = np.array(patch), np.array(case.labels.shape)
    lowest, highest = size / 2 - AIR, shape - size / 2 + AIR
    center = np.where(lowest < highest, np.clip(voxel + pose.shift, lowest, highest), shape / 2)
    if pose.bend is None:
        low = np.round(center - size / 2).astype(int)
        raw, labels = _boxed(case, low, size)
        if pose.linear[0, 0] < 0:
            raw, labels = raw.flip(-1), labels.flip(-1)
        return raw.contiguous(), labels.long().contiguous()
    half = np.abs(pose.linear[::-1, ::-1]) @ (size / 2) + float(pose.bend.abs().max()) + 2
    low = np.floor(center - half).astype(int)
    wide = np.ceil(center + half).astype(int) - low
    raw, labels = _boxed(case, low, wide)
    k, j, i = (torch.arange(n, dtype=torch.float32) - (n - 1) / 2 for n in patch)
    places = []
    for row in range(3):
        across = pose.linear[row].astype(np.float32)
        place = (i * float(across[0]))[None, None] + (j * float(across[1]))[None, :, None] + (k * float(across[2]))[:, None, None]
        middle, count = float(center[2 - row] - low[2 - row]), int(wide[2 - row])
        places.append((place + pose.bend[row] + middle) * (2 / (count - 1)) - 1)
    grid = torch.stack(places, -1)[None]
    raw = F.grid_sample(raw[None], grid, mode="bilinear", padding_mode="border", align_corners=True)[0]
    labels = F.grid_sample(labels[None, None].float(), grid, mode="nearest", padding_mode="border", align_corners=True)[0, 0]
    return raw, labels.long()


def _boxed(case: GliomaCase, low: np.ndarray, size: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """The box of a case from ``low`` (k, j, i), which may reach beyond it: float32 (4, *size) and uint8 (*size)."""
    shape, high = np.array(case.labels.shape), low + size
    inside = tuple(slice(max(0, int(a)), max(0, int(min(b, n)))) for a, b, n in zip(low, high, shape))
    raw = torch.from_numpy(case.background).view(4, 1, 1, 1).repeat(1, *(int(n) for n in size))
    labels = torch.zeros(tuple(int(n) for n in size), dtype=torch.uint8)
    target = tuple(slice(s.start - int(a), s.start - int(a) + max(0, s.stop - s.start)) for s, a in zip(inside, low))
    raw[(slice(None), *target)] = torch.from_numpy(np.array(case.image[(slice(None), *inside)])).float()
    labels[target] = torch.from_numpy(np.array(case.labels[inside]))
    return raw, labels
