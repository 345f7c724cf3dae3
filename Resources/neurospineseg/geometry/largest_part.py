"""Where a mask has most of itself; of numpy alone, so that Slicer's part may use it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurospineseg.geometry.triple import triple

LEAST_SHARE = 0.25
"""A plane belongs to the core of a mask where it holds at least this share of what the fullest plane holds."""
FULL_SHARE = 0.9
"""Planes that hold at least this share are as good as the fullest; the middle of them is taken, as a box has no fullest one."""
Corner = tuple[int, int, int]


@dataclass(frozen=True)
class LargestPart:
    """The largest part of a mask.

    Attributes:
        place: (k, j, i); through it go the three planes that each hold most of the part. It need not lie in the mask: that of a
            ring is its middle.
        start, stop: its core, [start, stop) in (k, j, i): planes outside it hold little of the part.
    """

    place: Corner
    start: Corner
    stop: Corner


def largest_part(mask: np.ndarray) -> LargestPart | None:
    """The largest part of a bool mask (K, J, I); None where it is empty.

    Parts are those that a plane along k, j or i tells apart, so that what lies elsewhere does not draw the place away from them.
    """
    box = [slice(0, size) for size in mask.shape]
    for axis in (0, 1, 2, 0, 1, 2):
        counts = _counts(mask[tuple(box)], axis)
        if not counts.any():
            return None
        first, last = _run_around(counts > 0, int(counts.argmax()))
        box[axis] = slice(box[axis].start + first, box[axis].start + last)
    planes = [_counts(mask[tuple(box)], axis) for axis in range(3)]
    peaks = [int(counts.argmax()) for counts in planes]
    cores = [_run_around(counts >= LEAST_SHARE * counts[peak], peak) for counts, peak in zip(planes, peaks)]
    full = [_run_around(counts >= FULL_SHARE * counts[peak], peak) for counts, peak in zip(planes, peaks)]
    return LargestPart(
        triple(part.start + (first + last - 1) // 2 for part, (first, last) in zip(box, full)),
        triple(part.start + first for part, (first, _) in zip(box, cores)),
        triple(part.start + last for part, (_, last) in zip(box, cores)),
    )


def _counts(mask: np.ndarray, axis: int) -> np.ndarray:
    """How many voxels are set in each plane along an axis; the projection is summed first, which is many times quicker than planes."""
    if axis == 0:
        return np.array([np.count_nonzero(plane) for plane in mask])
    return mask.sum(0, dtype=np.int32).sum(2 - axis)


def _run_around(kept: np.ndarray, middle: int) -> tuple[int, int]:
    """First and past the last of the run of true values around one of them."""
    gaps = np.flatnonzero(~kept)
    before, after = gaps[gaps < middle], gaps[gaps > middle]
    return int(before[-1]) + 1 if len(before) else 0, int(after[0]) if len(after) else len(kept)
