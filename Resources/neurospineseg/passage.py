"""The two passages of a scan: onto the model's grid, and from the model's probabilities back onto the scan's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from neurospineseg.bundle import ModelSpec
from neurospineseg.doubt import uncertainty
from neurospineseg.grid import Grid, bounding_box, resample
from neurospineseg.intensity import normalize_channel, onto_grid
from neurospineseg.postprocess import OutputChannel, likeliest
from neurospineseg.volume import Volume

SLAB_BYTES = 24 * 2**20
LEAST_LIKELY = 0.2
"""Where all structures together are less likely, none is looked for and no uncertainty is reported."""


def bring_in(
    volumes: Mapping[str, Volume], working: Grid, spec: ModelSpec, part: tuple[slice, slice, slice] = (slice(None),) * 3
) -> torch.Tensor:
    """The scans on the working grid, normalized, in the order of the network's channels.

    Args:
        part: of the working grid that is wanted; it is normalized by what the whole of it shows.

    Returns:
        float32 (C, K, J, I); zeros where a modality was not given.
    """
    image = torch.zeros(len(spec.channels), *(len(range(*wanted.indices(count))) for wanted, count in zip(part, working.shape)))
    for channel, name in enumerate(spec.channels):
        if name in volumes:
            volume = volumes[name]
            resampled = onto_grid(volume.tensor, volume.background, volume.grid, working, spec.normalization)
            image[channel] = normalize_channel(resampled, spec.normalization)[part]
    return image


def likely_part(
    probabilities: torch.Tensor, working: Grid, margin: int = 2
) -> tuple[torch.Tensor, Grid, tuple[slice, slice, slice] | None]:
    """The part (a view) of probabilities (C, K, J, I) outside which the background is nearly certain, its grid, and its box.

    No structure wins outside, between voxels neither. Where none is likely anywhere all is returned, and None for the box.
    """
    found = bounding_box(probabilities[0] < 1 - LEAST_LIKELY, margin)
    if found is None:
        return probabilities, working, None
    box = tuple(slice(low, high) for low, high in zip(*found))
    return probabilities[(slice(None), *box)], working.crop(*found), box


def take_out(
    probabilities: torch.Tensor,
    channels: Sequence[OutputChannel],
    working: Grid,
    target: Grid,
    keep: set[int] | None = None,
    doubt: np.ndarray | None = None,
) -> np.ndarray:
    """The label map on the scan's own grid, computed slab by slab.

    In each slab the probabilities are interpolated at the scan's voxel centers and the highest
    wins, so that scores at full resolution exist for one slab only.

    Args:
        probabilities: float32 (C, K, J, I) on ``working``, channel 0 background.
        channels: what each channel means.
        target: the scan's grid.
        keep: label values to keep; None for all.
        doubt: uint8 (K', J', I') that receives the uncertainty (see ``neurospineseg.doubt``), 0 to 255.

    Returns:
        uint16 (K', J', I') on ``target``.
    """
    labels = np.zeros(target.shape, np.uint16)
    probabilities, part, box = likely_part(probabilities, working)
    probabilities = probabilities.contiguous()
    start, stop = target.index_box(part.corners())
    if box is None or any(a >= b for a, b in zip(start, stop)):
        return labels

    territories = {
        n: torch.from_numpy(channel.territory[box].astype(np.int32))[None]
        for n, channel in enumerate(channels)
        if channel.territory is not None
    }
    lookup = torch.tensor([channel.label or 0 for channel in channels], dtype=torch.int32)
    kept = np.arange(2**16).astype(np.uint16)
    if keep is not None:
        kept[~np.isin(kept, list(keep))] = 0
    row_bytes = (stop[1] - start[1]) * (stop[2] - start[2]) * 4 * (len(channels) + 8)
    thickness = max(1, SLAB_BYTES // max(1, row_bytes))
    for first in range(start[0], stop[0], thickness):
        last = min(stop[0], first + thickness)
        slab = target.crop((first, start[1], start[2]), (last, stop[1], stop[2]))
        here_likely = resample(probabilities, part, slab, antialias=False)
        winner = likeliest(here_likely).cpu()
        if doubt is not None:
            here_likely[0].masked_fill_(here_likely.amax(0) == 0, 1)
            values = (uncertainty(here_likely) * 255).round().to(torch.uint8).cpu().numpy()
            doubt[first:last, start[1] : stop[1], start[2] : stop[2]] = values
        found = lookup[winner]
        for channel, territory in territories.items():
            here = winner == channel
            if bool(here.any()):
                found = torch.where(here, resample(territory, part, slab, mode="nearest")[0], found)
        labels[first:last, start[1] : stop[1], start[2] : stop[2]] = kept[found.numpy()]
    return labels
