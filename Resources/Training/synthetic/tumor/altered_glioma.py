"""What other scanners, other contrast and other tumors would have made of a kept head: its gray values altered and normalized."""

from __future__ import annotations

import numpy as np
import torch

from Training.datasets.glioma_cases import LEVELS, GliomaCase, in_range_of
from Training.synthetic.acquisition import gibbs_ringing, lower_resolution, slices_with_gaps
from Training.synthetic.deform import smooth_noise
from Training.synthetic.tumor.contrast import blurred, shifted
from Training.synthetic.tumor.noise import grain, white

T1C, T1, T2, FLAIR = range(4)
NECROSIS, EDEMA, ENHANCING = 1, 2, 3
FLUID_RANK = {T1C: 0.04, T1: 0.04, T2: 0.97, FLAIR: 0.04}
"""Where among a contrast's foreground, from 0 to 1, fluid lies."""
FLUID_CORE, FAINT, UNENHANCED, FAINT_EDEMA = 0.18, 0.25, 0.08, 0.3


def altered(
    rng: np.random.Generator | None, case: GliomaCase, raw: torch.Tensor, labels: torch.Tensor, spacing_mm: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """A patch as the network gets it.

    Args:
        rng: None: only normalized.
        raw: gray values (4, K, J, I); ``labels`` their classes (K, J, I).

    Returns:
        float32 (4, K, J, I), normalized; and the classes, which change where enhancement was taken away.
    """
    nothing = case.background_of(raw)
    if rng is not None:
        raw, labels = other_core(rng, case, raw, labels)
        raw = other_edema(rng, case, raw, labels)
    channels = []
    for number, channel in enumerate(raw):
        ranks = torch.from_numpy(case.ranks[number])
        if rng is not None:
            exponent = float(np.exp(rng.normal(0, 0.25))) if rng.random() < 0.6 else 1.0
            channel, ranks = ((values / LEVELS).clamp_min(0) ** exponent for values in (channel, ranks))
            channel = as_acquired(rng, channel, spacing_mm)
        mean, deviation = ranks.mean(), ranks.std().clamp_min(1e-6)
        if rng is not None and rng.random() < 0.6:
            mean = mean + deviation * float(rng.normal(0, 0.2))
            deviation = deviation * float(np.exp(rng.normal(0, 0.15)))
        channel = (channel - mean) / deviation
        if rng is not None and rng.random() < 0.5:
            channel = channel + float(rng.uniform(0, 0.25)) * white(rng, tuple(channel.shape))
        channels.append(channel.clamp(-5, 5).masked_fill(nothing[number], 0.0))
    return torch.stack(channels), labels


def as_acquired(rng: np.random.Generator, channel: torch.Tensor, spacing_mm: float) -> torch.Tensor:
    """A contrast (K, J, I), 0 to 1, with shading, thick slices or less resolution, displacement, ringing, few gray levels, each at its chance."""
    if rng.random() < 0.5:
        channel = channel * torch.exp(smooth_noise(rng, tuple(channel.shape), 3) * float(rng.uniform(0, 0.15)))
    chance = rng.random()
    if chance < 0.2:
        channel = slices_with_gaps(
            channel, int(rng.choice(3, p=(0.7, 0.15, 0.15))), max(1.0, float(rng.uniform(2.0, 6.0)) / spacing_mm), 0.0
        )
    elif chance < 0.3:
        channel = lower_resolution(channel, (float(rng.uniform(1.2, 1.8)),) * 3)
    elif chance < 0.5:
        channel = blurred(channel, float(rng.uniform(0.1, 0.6)))
    if rng.random() < 0.15:
        channel = shifted(channel, rng.uniform(-1, 1, 3) / spacing_mm)
    if rng.random() < 0.05:
        channel = gibbs_ringing(channel, int(rng.integers(3)), float(rng.uniform(0.6, 0.95)))
    if rng.random() < 0.1:
        steps = int(rng.integers(24, 100))
        channel = (channel * steps).round() / steps
    return channel


def soft(mask: torch.Tensor) -> torch.Tensor:
    """A bool mask as float32, its edge a little smooth."""
    return blurred(mask.float(), 0.5)


def other_core(rng: np.random.Generator, case: GliomaCase, raw: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The gray values with a core of fluid, or with fainter or no enhancement, each at its chance; classes follow."""
    if rng.random() < FLUID_CORE and bool((labels == NECROSIS).any()):
        share = soft(labels == NECROSIS) * float(rng.uniform(0.5, 1.0))
        texture = grain(rng, tuple(labels.shape), 8)
        raw = raw.clone()
        for number, rank in FLUID_RANK.items():
            ranks = case.ranks[number]
            level = float(np.quantile(ranks, np.clip(rank + rng.uniform(-0.03, 0.12) * (1 if rank < 0.5 else -1), 0, 1)))
            raw[number] += share * (level + 0.12 * float(ranks.std()) * texture - raw[number])
    chance = rng.random()
    if chance < FAINT + UNENHANCED and bool((labels == ENHANCING).any()) and case.given[T1]:
        plain = in_range_of(raw[T1], case.ranks[T1], case.ranks[T1C])
        share = 1.0 if chance < UNENHANCED else float(rng.uniform(-0.25, 0.7))
        raw = raw.clone()
        raw[T1C] += share * soft(labels == ENHANCING) * (plain - raw[T1C])
        if chance < UNENHANCED:
            labels = torch.where(labels == ENHANCING, NECROSIS, labels)
    return raw, labels


def other_edema(rng: np.random.Generator, case: GliomaCase, raw: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The gray values with an edema that stands out less, at its chance: what infiltrates is often as faint, and all the larger."""
    if rng.random() >= FAINT_EDEMA or not bool((labels == EDEMA).any()):
        return raw
    share = soft(labels == EDEMA) * float(rng.uniform(0.2, 0.75))
    plain = torch.from_numpy(np.median(case.ranks, 1).astype(np.float32)).view(4, 1, 1, 1)
    return raw + share * (plain - raw)
