"""From the model's probabilities back onto the scan's own grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from neurospineseg.geometry.bounding_box import Corner, bounding_box
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
    values_of = _ValuesOfChannels(channels, box)
    near = None if are_parallel(part, target) else with_neighbors(probabilities[0] < 1 - LEAST_LIKELY)
    kept = np.arange(2**16).astype(np.uint16)
    if keep is not None:
        kept[~np.isin(kept, list(keep))] = 0
    for here in _slabs(start, stop, len(channels)):
        slab = _Slab(part, target.crop(*zip(*((side.start, side.stop) for side in here))), near)
        if not bool(slab.voxels.any()):
            continue
        scores, voxels = slab.scores(probabilities), slab.voxels.numpy()
        labels[here][voxels] = kept[values_of(argmax(scores), slab).numpy()]
        if uncertainties is not None:
            scores[0].masked_fill_(scores.amax(0) == 0, 1)
            uncertainties[here][voxels] = (uncertainty(scores) * 255).round().to(torch.uint8).numpy()
    return labels


def _slabs(start: Corner, stop: Corner, channels: int) -> Iterator[tuple[slice, slice, slice]]:
    """The box from ``start`` to ``stop`` (k, j, i) in slabs along k whose scores fit into ``SLAB_BYTES``."""
    row_bytes = (stop[1] - start[1]) * (stop[2] - start[2]) * 4 * (channels + 8)
    thickness = max(1, SLAB_BYTES // max(1, row_bytes))
    for first in range(start[0], stop[0], thickness):
        yield slice(first, min(stop[0], first + thickness)), slice(start[1], stop[1]), slice(start[2], stop[2])


class _Slab:
    """Samples what lies on the model's grid at the voxels of a slab of the scan's.

    Args:
        part: the grid that is sampled.
        slab: the grid of the slab.
        near: bool (K, J, I) on ``part``, where anything is worth sampling; None for everywhere.

    Attributes:
        voxels: which voxels of the slab are sampled, N in number; bool (K', J', I').
    """

    def __init__(self, part: Grid, slab: Grid, near: torch.Tensor | None) -> None:
        self.part, self.grid = part, slab
        self.places: torch.Tensor | None = None
        self.voxels = torch.ones(slab.shape, dtype=torch.bool)
        if near is not None:
            self.places, self.voxels = places_in(part, slab, near)

    def scores(self, probabilities: torch.Tensor) -> torch.Tensor:
        """Probabilities (C, K, J, I), interpolated: (C, N)."""
        if self.places is None:
            return resample(probabilities, self.part, self.grid, antialias=False).flatten(1)
        return sample_at(probabilities, self.places)

    def values(self, label_field: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        """The nearest values of a label field (1, K, J, I) at those of the N voxels that are ``wanted``, int32."""
        if self.places is None:
            return resample(label_field, self.part, self.grid, mode="nearest").flatten()[wanted].int()
        return sample_at(label_field, self.places[wanted], "nearest")[0].int()


class _ValuesOfChannels:
    """The label values that winning channels stand for; label fields are cut to ``box``."""

    def __init__(self, channels: Sequence[OutputChannel], box: tuple[slice, slice, slice]) -> None:
        self.labels = torch.tensor([channel.label or 0 for channel in channels], dtype=torch.int32)
        self.fields = {
            number: torch.from_numpy(channel.label_field[box].astype(np.float32))[None]
            for number, channel in enumerate(channels)
            if channel.label_field is not None
        }

    def __call__(self, winner: torch.Tensor, slab: _Slab) -> torch.Tensor:
        """Of the winning channels (N,) of a slab's sampled voxels, int32 (N,)."""
        values = self.labels[winner]
        for channel, label_field in self.fields.items():
            won = winner == channel
            if bool(won.any()):
                values[won] = slab.values(label_field, won)
        return values
