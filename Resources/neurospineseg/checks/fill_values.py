"""Values that no scanner measured: what a program wrote around a scan, and a background that lies amid the gray values.

Both are found before anything is interpolated. Left alone, an edge to -1000 outweighs all contrast of an MR scan, and a background of 0
amid z-scores passes for gray matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neurospineseg.images.intensity import subsample
from neurospineseg.images.volume import Volume

LEAST_SHARE = 1e-3
"""Share of a scan's voxels that fill makes up at least."""
WIDE_GAP, GAP_BELOW_ZERO = 0.25, 0.02
"""How far fill lies below the lowest gray value, in parts of the range of gray values: of any scan, and of one that begins at 0."""
NEAR_ZERO = 0.05
"""Part of the brightest gray value below which a scan begins at 0."""
ALONE, NEARBY = 0.4, 0.02
"""Voxels, per voxel of fill, whose values lie within ``NEARBY`` of the range above it; the lowest value of noise has many neighbors."""
EDGE = 2
"""Voxels beside fill that an earlier interpolation may have mixed with it."""
AIR_HU = (-1100.0, -850.0)
"""Where CT has air; -1024 is its lowest value."""
AIR_SHARE = 5e-3
FAT_HU = -20.0
"""What CT has below and MR does not."""
DARKEST = 0.05
AMID_SHARE, AMID_BELOW, AMID_DEPTH = 0.1, 0.05, 0.1
"""A background amid the gray values: its share of the voxels, the share of the others below it, how far they reach below it in parts of their range."""


@dataclass(frozen=True)
class GrayRange:
    """The gray values of a scan beside its fill: their 0.5th and 99.5th percentile, and whether CT's air is among them."""

    low: float
    high: float
    has_air: bool

    @staticmethod
    def of(values: np.ndarray) -> GrayRange:
        low, high = np.percentile(values, (0.5, 99.5))
        return GrayRange(float(low), float(high), bool(((values >= AIR_HU[0]) & (values <= AIR_HU[1])).mean() > AIR_SHARE))

    def is_fill(self, value: float) -> bool:
        """Whether a scan's lowest value cannot be one of its gray values."""
        if self.high <= self.low or (AIR_HU[0] <= value <= AIR_HU[1] and self.low < FAT_HU):
            return False
        gap = (self.low - value) / (self.high - self.low)
        return gap > WIDE_GAP or (gap > GAP_BELOW_ZERO and 0 <= self.low < NEAR_ZERO * self.high)

    @property
    def floor(self) -> float:
        """What a scanner would have written in the place of fill."""
        if self.has_air and self.low < 0:
            return max(self.low, -1024.0)
        return 0.0 if self.low >= 0 else self.low


def without_fill(volume: Volume, name: str) -> tuple[Volume, list[str]]:
    """The volume with fill below its gray values raised to the lowest of these, and a sentence for each value of fill.

    Fill is the lowest value where many voxels have it exactly, it is negative, and no gray value is near. A background of 0 around
    a brain is none, nor is CT's air. Twice, since a frame may lie around a ring.
    """
    notes: list[str] = []
    for _ in range(2):
        value = float(volume.voxels.min())
        gray = None if value >= 0 else _gray_beside(volume.voxels, value)
        if gray is None or not gray.is_fill(value):
            break
        share = float((volume.voxels == volume.voxels.dtype.type(value)).mean())
        volume = Volume(raised(volume.voxels, gray.floor), volume.affine, volume.notes)
        notes.append(f"In {name}, {share:.0%} of the voxels hold {value:g}, far below all others; they count as background.")
    return volume, notes


def raised(voxels: np.ndarray, floor: float) -> np.ndarray:
    """The voxels, of their own type, none below a value."""
    return np.maximum(voxels, voxels.dtype.type(floor if voxels.dtype.kind == "f" else round(floor)))


def _gray_beside(voxels: np.ndarray, value: float) -> GrayRange | None:
    """The range of what is not fill of a value, nor mixed with it; None where too few voxels hold the value or others, or many are near it."""
    fill = voxels == voxels.dtype.type(value)
    if fill.mean() < LEAST_SHARE:
        return None
    others = voxels[~ndimage.binary_dilation(fill, np.ones((3, 3, 3)), iterations=EDGE)]
    if len(others) < 1000:
        others = voxels[~fill]
    if len(others) < 1000:
        return None
    gray = GrayRange.of(subsample(others))
    near = (voxels <= value + NEARBY * (gray.high - gray.low)) & ~fill
    return gray if near.sum() < ALONE * fill.sum() else None


def above_background(volume: Volume) -> Volume:
    """The volume with a background of 0 below all gray values, where it lay amid them, as around a brain whose values are z-scores.

    The darkest gray value comes to ``DARKEST`` of the brightest, where it is in brains as they are scanned.
    """
    low, background = float(volume.voxels.min()), volume.background
    if low >= background:
        return volume
    sample = subsample(volume.voxels)
    others = sample[sample != background]
    if len(others) < 1000 or 1 - len(others) / len(sample) < AMID_SHARE or (others < background).mean() < AMID_BELOW:
        return volume
    darkest, bright = (float(each) for each in np.percentile(others, (0.1, 99.5)))
    if background - darkest < AMID_DEPTH * (bright - darkest):
        return volume
    step = (bright - darkest) * DARKEST / (1 - DARKEST)
    above = np.maximum(volume.voxels.astype(np.float32) + np.float32(step - darkest), np.float32(1e-3 * step))
    return Volume(np.where(volume.voxels == background, np.float32(0), above), volume.affine, volume.notes)
