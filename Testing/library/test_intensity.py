"""The network's scale depends neither on a scan's unit nor on how quantiles are computed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neurospineseg.intensity import normalize_channel, quantile


def scan() -> torch.Tensor:
    """A ball of tissue in air of 0, float32 (24, 24, 24)."""
    k, j, i = np.indices((24, 24, 24)) - 11.5
    tissue = np.random.default_rng(3).normal(2.0, 0.5, k.shape)
    return torch.from_numpy(np.where(k**2 + j**2 + i**2 < 64, tissue, 0).astype(np.float32))


@pytest.mark.parametrize("kind", ["foreground_zscore", "foreground_percentile"])
def test_the_unit_of_a_scan_does_not_matter(kind: str) -> None:
    assert torch.allclose(normalize_channel(scan() * 1e-4, kind), normalize_channel(scan(), kind), atol=1e-3)


@pytest.mark.parametrize("count", [1, 2, 16, 1001, 700_001])
@pytest.mark.parametrize("share", [0.0, 0.005, 0.5, 0.99, 1.0])
def test_a_quantile_is_torchs_to_the_last_bit(count: int, share: float) -> None:
    values = torch.from_numpy(np.random.default_rng(count).normal(size=count).astype(np.float32))
    assert quantile(values, share) == torch.quantile(values, share)


@pytest.mark.parametrize("kind", ["foreground_zscore", "foreground_percentile"])
def test_a_constant_scan_is_zeros(kind: str) -> None:
    assert not normalize_channel(torch.full((8, 8, 8), 5.0), kind).any()
