"""Brings a scan's gray values to the scale a network was trained on."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.resample import resample
from neurospineseg.images.normalization import Normalization, check_normalization


def background_value(channel: torch.Tensor) -> float:
    """The value that fills the faces of a volume (K, J, I) most often (0 for most MR, about -1024 for CT).

    Not the volume's highest, which marks saturated voxels, unless it fills nearly all of the faces.
    """
    faces = torch.cat([face.flatten().float() for axis in range(3) for face in (channel.select(axis, 0), channel.select(axis, -1))])
    value = faces.mode().values
    if value == highest(channel) and len(lower := faces[faces < value]) > 0.1 * len(faces):
        value = lower.mode().values
    return float(value)


def highest(channel: torch.Tensor) -> float:
    """The largest value; torch finds none among whole numbers of 16 bits without sign."""
    return float(channel.numpy().max() if channel.dtype == torch.uint16 else channel.max())


def onto_grid(channel: torch.Tensor, background: float, source: Grid, target: Grid, kind: Normalization) -> torch.Tensor:
    """One modality (K, J, I) resampled for ``normalize_channel``, (K', J', I').

    The background becomes 0 beforehand, since only zeros survive the rounding of interpolation; not for ``ct_window``, which wants HU.
    """
    check_normalization(kind)
    level = 0.0 if kind == "ct_window" else background
    return resample(channel[None], source, target, fill=background - level, level=level)[0]


Values = TypeVar("Values", np.ndarray, torch.Tensor)


def subsample(values: Values) -> Values:
    """At most about a million of an image's values (N,), enough for its quantiles; an odd step, so that no column of voxels is met alone."""
    flat = values.reshape(-1)
    return flat[:: max(1, len(flat) // 500_000) | 1]


def quantile(values: torch.Tensor, share: float) -> torch.Tensor:
    """What ``torch.quantile`` gives of values (N,), float32, to the last bit, by partial sorting: in about a tenth of its time."""
    rank = torch.tensor(share) * (values.numel() - 1)
    below = int(rank)
    ordered = np.partition(values.cpu().numpy(), (below, min(below + 1, values.numel() - 1)))
    low, high = torch.from_numpy(ordered[below : below + 2])[[0, -1]]
    return torch.lerp(low, high, rank - below)


def normalize_channel(channel: torch.Tensor, kind: Normalization) -> torch.Tensor:
    """One modality on the network's scale.

    The background value is that which fills the volume's faces most often;
    foreground is what differs from it by over a tenth of the 99th percentile's
    difference. Voxels that hold the background value exactly become 0, as in
    MONAI's ``NormalizeIntensity(nonzero=True)``.

    Args:
        channel: float32 (K, J, I).
        kind: ``foreground_zscore`` mean 0 and deviation 1 over the foreground, clipped to [-5, 5];
            ``foreground_percentile`` 0.5th to 99.5th percentile of the foreground to [0, 1], clipped;
            ``ct_window`` -200..800 HU to [0, 1], clipped.

    Returns:
        float32 (K, J, I); all zeros where the channel is constant.

    Raises:
        InputError: there is no such normalization.
    """
    check_normalization(kind)
    if kind == "ct_window":
        return ((channel + 200.0) / 1000.0).clamp(0.0, 1.0)
    shifted = channel - background_value(channel)
    exact = shifted == 0
    sample = subsample(shifted)
    top = sample[sample != 0].abs()
    if top.numel() < 16:
        return torch.zeros_like(channel)
    foreground = sample[sample.abs() > 0.1 * quantile(top, 0.99)]
    if foreground.numel() < 16 or float(foreground.std()) == 0.0:
        return torch.zeros_like(channel)
    if kind == "foreground_zscore":
        mean, deviation = foreground.mean(), foreground.std()
        scaled = shifted.sub_(mean).div_(deviation).clamp_(-5.0, 5.0)
    elif kind == "foreground_percentile":
        low, high = quantile(foreground, 0.005), quantile(foreground, 0.995)
        scaled = shifted.sub_(low).div_((high - low).clamp_min(1e-6)).clamp_(0.0, 1.0)
    return scaled.masked_fill_(exact, 0.0)


def normalize(image: torch.Tensor, kind: Normalization) -> torch.Tensor:
    """``normalize_channel`` for each channel of (C, K, J, I); a channel of zeros (a modality not given) stays zero."""
    return torch.stack([normalize_channel(channel, kind) for channel in image])
