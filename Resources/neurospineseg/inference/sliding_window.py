"""A 3D network over an image larger than it was trained on: windows placed evenly, empty ones left out, their scores blended.

The windows keep the size of the training patches, because instance normalization takes its statistics from a whole window:
in one window around the whole head the tumor model's mean Dice on ten synthetic heads fell from 0.42 to 0.37.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F

from neurospineseg.geometry.bounding_box import bounding_box
from neurospineseg.geometry.triple import triple

OVERLAP = 0.5
"""With 0.25 a head takes as many windows. With 0.3 a large lumbar scan takes 12 instead of 17, and the Dice of 14 spines changed by 0.000 on average, 0.004 at most."""
BORDER_SIGMA = 0.125
"""A voxel's weight falls off from the middle of its window as a Gaussian of this many window sides, as in nnU-Net and MONAI."""
MARGIN = 4
"""Voxels of empty image that are kept around what is not."""
FLAT = 0.05
"""A window in which no channel varies by more than this share of its deviation over the whole image shows air: it is left out, since
instance normalization would make anatomy of its noise."""
SURE = 20.0
"""Score of the background where nothing was looked at."""

BACKGROUND_LIKELY, LEAST_FOUND = 0.8, 160
"""Where the background is less likely in at least so many voxels of a window's place, something was found that reaches into it."""

Box = tuple[slice, slice, slice]


def starts(length: int, window: int, overlap: float = OVERLAP) -> list[int]:
    """Where windows begin that cover ``length`` voxels evenly, each overlapping the next by at least ``overlap`` of itself."""
    if length <= window:
        return [0]
    count = int(np.ceil((length - window) / (window * (1 - overlap)))) + 1
    return np.linspace(0, length - window, count).round().astype(int).tolist()


def blending_weight(window: tuple[int, int, int]) -> torch.Tensor:
    """The weight of each voxel of a window, float32 (K, J, I), 1 in the middle and never 0."""
    k, j, i = (torch.exp(-0.5 * ((torch.arange(n) - (n - 1) / 2) / (BORDER_SIGMA * n)) ** 2) for n in window)
    return (k[:, None, None] * j[:, None] * i).clamp_min(1e-3)


def at_least(low: int, high: int, least: int, count: int) -> tuple[int, int]:
    """A stretch of an axis of ``count`` voxels, widened to ``least`` where the axis is that long."""
    low = max(0, min(low - max(0, least - (high - low)) // 2, count - least))
    return low, min(count, max(high, low + least))


def occupied(image: torch.Tensor, window: tuple[int, int, int]) -> Box:
    """The box of (C, K, J, I) that holds all that is not 0 in every channel, at least as large as a window where the image is."""
    start, stop = bounding_box((image != 0).any(0), MARGIN) or ((0, 0, 0), (0, 0, 0))
    return triple(slice(*at_least(*axis)) for axis in zip(start, stop, window, image.shape[1:]))


def _spread(image: torch.Tensor) -> torch.Tensor:
    """The deviation of each channel of (C, K, J, I), from every eighth voxel: (C,)."""
    return image[:, ::2, ::2, ::2].flatten(1).std(1, correction=0)


def _rows(places: Sequence[Box]) -> list[list[Box]]:
    """The windows by where they begin along k, those nearest to the middle first."""
    begins = sorted({place[0].start for place in places})
    middle = begins[len(begins) // 2] if begins else 0
    return [[place for place in places if place[0].start == k] for k in sorted(begins, key=lambda begin: abs(begin - middle))]


def _reaches(sums: torch.Tensor, total: torch.Tensor, place: Box) -> bool:
    """Whether more than a little but background was found in a window's place; ``sums`` (C, K, J, I) of weights ``total`` (K, J, I), every eighth voxel."""
    part = tuple(slice(side.start, side.stop, 2) for side in place)
    background = (sums[(slice(None), *part)] / total[part].clamp_min(1e-6)).softmax(0)[0]
    return 8 * int(((background < BACKGROUND_LIKELY) & (total[part] > 0)).sum()) >= LEAST_FOUND


def _in_batches(places: Sequence[Box], batch: int) -> list[Sequence[Box]]:
    return [places[first : first + batch] for first in range(0, len(places), batch)]


def windowed_scores(
    network: Callable[[torch.Tensor], torch.Tensor],
    image: torch.Tensor,
    classes: int,
    window: tuple[int, int, int],
    batch: int = 1,
    progress: Callable[[float], None] = lambda fraction: None,
    follow: bool = False,
    overlap: float = OVERLAP,
) -> torch.Tensor:
    """A network's scores over a whole image, the weighted mean of those of its windows.

    Args:
        network: takes (B, C, *window), gives float32 (B, classes, *window) on ``image``'s device.
        image: float32 (C, K, J, I), 0 where there is nothing to see.
        batch: how many windows are given at once.
        follow: whether windows above and below the middle ones are looked at only where what was found reaches into them; all of a
            row, where it reaches into none.
        overlap: share of itself by which a window overlaps the next at least.

    Returns:
        float32 (classes, K, J, I); the background, the first class, is certain where no window looked.
    """
    progress(0.0)
    box = occupied(image, window)
    missing = [max(0, wide - (part.stop - part.start)) for wide, part in zip(window, box)]
    scores = torch.zeros(classes, *image.shape[1:], device=image.device)
    scores[0] = SURE
    seen, sums = image[(slice(None), *box)], scores[(slice(None), *box)].zero_()
    if any(missing):
        seen = F.pad(seen, [side for gap in reversed(missing) for side in (gap // 2, gap - gap // 2)])
        sums = torch.zeros(classes, *seen.shape[1:], device=image.device)
    total, weight = torch.zeros(seen.shape[1:], device=image.device), blending_weight(window).to(image.device)

    corners = product(*(starts(count, wide, overlap) for count, wide in zip(seen.shape[1:], window)))
    places: list[Box] = [triple(slice(low, low + wide) for low, wide in zip(corner, window)) for corner in corners]
    least = FLAT * _spread(seen)
    varied = torch.stack([(_spread(seen[(slice(None), *place)]) > least).any() for place in places]).tolist()
    places = [place for place, worth in zip(places, varied) if worth]
    done = 0
    for row in _rows(places) if follow else [places]:
        wanted = [place for place in row if _reaches(sums, total, place)] if follow and done else row
        for number, together in enumerate(_in_batches(wanted or row, batch)):
            scored = network(torch.stack([seen[(slice(None), *place)] for place in together]))
            for place, each in zip(together, scored):
                sums[(slice(None), *place)].addcmul_(each, weight)
                total[place] += weight
            progress((done + number * batch + len(together)) / len(places))
        done += len(row)
    progress(1.0)
    sums /= total.clamp_min(1e-6)
    sums[0].masked_fill_(total == 0, SURE)
    if any(missing):
        kept = tuple(slice(gap // 2, gap // 2 + part.stop - part.start) for gap, part in zip(missing, box))
        scores[(slice(None), *box)] = sums[(slice(None), *kept)]
    return scores
