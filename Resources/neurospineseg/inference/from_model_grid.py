"""From the model's probabilities back onto the scan's own grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from neurospineseg.geometry.bounding_box import bounding_box
from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.masks import with_neighbors
from neurospineseg.geometry.resample import are_parallel, places_in, resample, sample_at
from neurospineseg.geometry.triple import triple
from neurospineseg.inference.uncertainty import uncertainty
from neurospineseg.tasks.class_scores import OutputChannel, argmax

SLAB_BYTES = 24 * 2**20
LEAST_LIKELY = 0.2
"""Where all structures together are less likely, none is looked for and no uncertainty is reported."""


def likely_part(
    probabilities: torch.Tensor, working: Grid, margin: int = 2
) -> tuple[torch.Tensor, Grid, tuple[slice, slice, slice] | None]:
    """The part (a view) of probabilities (C, K, J, I) outside which the background is nearly certain, its grid, and its box.

    No structure wins outside, between voxels neither. Where none is likely anywhere all is returned, and None for the box.
    """
    corners = bounding_box(probabilities[0] < 1 - LEAST_LIKELY, margin)
    if corners is None:
        return probabilities, working, None
    box = triple(slice(low, high) for low, high in zip(*corners))
    return probabilities[(slice(None), *box)], working.crop(*corners), box


def to_scan_grid(
    probabilities: torch.Tensor,
    channels: Sequence[OutputChannel],
    working: Grid,
    target: Grid,
    keep: set[int] | None = None,
    uncertainties: np.ndarray | None = None,
) -> np.ndarray:
    """The label map on the scan's own grid, computed slab by slab.

    In each slab the probabilities are interpolated at the scan's voxel centers and the highest
    wins, so that scores at full resolution exist for one slab only; between grids turned
    against each other only where a structure is likely at all, since there that takes long.

    Args:
        probabilities: float32 (C, K, J, I) on ``working``, channel 0 background.
        channels: what each channel means.
        target: the scan's grid.
        keep: label values to keep; None for all.
        uncertainties: uint8 (K', J', I') that receives them (see ``neurospineseg.inference.uncertainty``), 0 to 255.

    Returns:
        uint16 (K', J', I') on ``target``.
    """
    labels = np.zeros(target.shape, np.uint16)
    probabilities, part, box = likely_part(probabilities, working)
    probabilities = probabilities.contiguous()
    start, stop = target.index_box(part.corners())
    if box is None or any(a >= b for a, b in zip(start, stop)):
        return labels

    label_fields = {
        n: torch.from_numpy(channel.label_field[box].astype(np.float32))[None]
        for n, channel in enumerate(channels)
        if channel.label_field is not None
    }
    label_of = torch.tensor([channel.label or 0 for channel in channels], dtype=torch.int32)
    near = None if are_parallel(part, target) else with_neighbors(probabilities[0] < 1 - LEAST_LIKELY)
    kept = np.arange(2**16).astype(np.uint16)
    if keep is not None:
        kept[~np.isin(kept, list(keep))] = 0
    row_bytes = (stop[1] - start[1]) * (stop[2] - start[2]) * 4 * (len(channels) + 8)
    thickness = max(1, SLAB_BYTES // max(1, row_bytes))
    for first in range(start[0], stop[0], thickness):
        here = tuple(slice(low, high) for low, high in ((first, min(stop[0], first + thickness)), *zip(start[1:], stop[1:])))
        slab = target.crop(*zip(*((side.start, side.stop) for side in here)))
        if near is None:
            chosen = torch.ones(slab.shape, dtype=torch.bool)
            scores = resample(probabilities, part, slab, antialias=False).flatten(1)
        else:
            places, chosen = places_in(part, slab, near)
            if len(places) == 0:
                continue
            scores = sample_at(probabilities, places)
        winner = argmax(scores)
        values = label_of[winner]
        for channel, label_field in label_fields.items():
            won = winner == channel
            if not bool(won.any()):
                continue
            if near is None:
                values[won] = resample(label_field, part, slab, mode="nearest").flatten()[won].int()
            else:
                values[won] = sample_at(label_field, places[won], "nearest")[0].int()
        labels[here][chosen.numpy()] = kept[values.numpy()]
        if uncertainties is not None:
            scores[0].masked_fill_(scores.amax(0) == 0, 1)
            uncertainties[here][chosen.numpy()] = (uncertainty(scores) * 255).round().to(torch.uint8).numpy()
    return labels
