"""nnU-Net's sliding window: Gaussian weights, mirror images, folds averaged; sums in half precision, as it keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import combinations, product

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from neurospineseg.models.recipe import Stage

STEP, SIGMA, SCALE = 0.5, 0.125, 10.0
"""Of a window's side: the step to the next and the Gaussian's deviation; and its weight in the middle."""


def steps_of(length: int, window: int) -> list[int]:
    """Where windows begin along an axis."""
    count = int(np.ceil((length - window) / (window * STEP))) + 1
    step = (length - window) / (count - 1) if count > 1 else 0.0
    return [int(np.round(step * number)) for number in range(count)]


@lru_cache(maxsize=2)
def gaussian(window: tuple[int, ...]) -> torch.Tensor:
    """The weight of each voxel of a window, float16, nowhere 0."""
    middle = np.zeros(window)
    middle[tuple(side // 2 for side in window)] = 1
    weight = ndimage.gaussian_filter(middle, [side * SIGMA for side in window], 0, mode="constant", cval=0)
    weight /= weight.max() / SCALE
    half = torch.from_numpy(weight).to(torch.float16)
    half[half == 0] = half[half > 0].min()
    return half


def mirrorings(axes: Iterable[int]) -> list[tuple[int, ...]]:
    """The dimensions of a batch (B, C, *axes) that are flipped, for each combination of axes but none."""
    dimensions = [axis + 2 for axis in axes]
    return [each for count in range(1, len(dimensions) + 1) for each in combinations(dimensions, count)]


def windows_of(shape: Sequence[int], patch: Sequence[int]) -> list[tuple[int | slice, ...]]:
    """The places of windows in an image (*axes); of a network of slices, in each slice along the first axis."""
    starts = [steps_of(length, wide) for length, wide in zip(shape[len(shape) - len(patch) :], patch)]
    places = [tuple(slice(low, low + wide) for low, wide in zip(corner, patch)) for corner in product(*starts)]
    if len(patch) == len(shape):
        return list(places)
    return [(number, *place) for number in range(shape[0]) for place in places]


@torch.inference_mode()
def fold_scores(
    network: torch.nn.Module, image: torch.Tensor, stage: Stage, device: torch.device, done: Callable[[], None]
) -> torch.Tensor:
    """One fold's logits float16 (classes, *axes) of an image float32 (C, *axes), on the CPU.

    Args:
        done: called after each window.
    """
    missing = [max(0, wide - side) for side, wide in zip(image.shape[-len(stage.patch) :], stage.patch)]
    padded = F.pad(image, [side for gap in reversed(missing) for side in (gap // 2, gap - gap // 2)]) if any(missing) else image
    sums: torch.Tensor | None = None
    total = torch.zeros(padded.shape[1:], dtype=torch.float16)
    weight = gaussian(stage.patch)
    flips = mirrorings(stage.mirror_axes)
    with torch.autocast("cuda", enabled=device.type == "cuda"):
        for place in windows_of(padded.shape[1:], stage.patch):
            window = padded[(slice(None), *place)][None].contiguous().to(device)
            found = network(window)
            for axes in flips:
                found += network(window.flip(axes)).flip(axes)
            if flips:
                found /= len(flips) + 1
            scores = found[0].to("cpu")
            scores *= weight
            if sums is None:
                sums = torch.zeros((len(scores), *padded.shape[1:]), dtype=torch.float16)
            sums[(slice(None), *place)] += scores
            total[place] += weight
            done()
    assert sums is not None
    torch.div(sums, total, out=sums)
    for axis, (gap, side) in enumerate(zip(missing, image.shape[-len(stage.patch) :]), sums.ndim - len(stage.patch)):
        sums = sums.narrow(axis, gap // 2, side)
    return sums


@torch.inference_mode()
def stage_scores(
    networks: Sequence[torch.nn.Module], image: torch.Tensor, stage: Stage, device: torch.device, done: Callable[[], None]
) -> torch.Tensor:
    """The mean of the folds' logits, float16 (classes, *axes)."""
    total: torch.Tensor | None = None
    for network in networks:
        scores = fold_scores(network.to(device), image, stage, device, done)
        network.to("cpu")
        total = scores if total is None else total.add_(scores)
    assert total is not None
    return total.div_(len(networks)) if len(networks) > 1 else total


def window_count(shape: Sequence[int], stage: Stage) -> int:
    """How many windows one fold looks at in an image (*axes)."""
    axes = [max(side, wide) for side, wide in zip(shape[-len(stage.patch) :], stage.patch)]
    return len(windows_of([*shape[: len(shape) - len(stage.patch)], *axes], stage.patch))
