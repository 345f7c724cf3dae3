"""A scan onto the model's grid."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from neurospineseg.geometry.grid import Grid
from neurospineseg.images.intensity import normalize_channel, onto_grid
from neurospineseg.images.volume import Volume
from neurospineseg.models.bundle import ModelSpec


def to_model_grid(
    scans: Mapping[str, Volume], working: Grid, spec: ModelSpec, part: tuple[slice, slice, slice] = (slice(None),) * 3
) -> torch.Tensor:
    """The scans on the working grid, normalized, in the order of the network's channels.

    Args:
        part: of the working grid that is wanted; it is normalized by what the whole of it shows.

    Returns:
        float32 (C, K, J, I); zeros where a modality was not given.
    """
    image = torch.zeros(len(spec.channels), *(len(range(*wanted.indices(count))) for wanted, count in zip(part, working.shape)))
    for channel, name in enumerate(spec.channels):
        if name in scans:
            volume = scans[name]
            resampled = onto_grid(volume.tensor, volume.background, volume.grid, working, spec.normalization)
            image[channel] = normalize_channel(resampled, spec.normalization)[part]
    return image
