"""The network's scale depends neither on a scan's unit nor on how quantiles are computed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from neurospineseg.geometry.grid import Grid, covering_grid
from neurospineseg.images.intensity import background_value, normalize_channel, quantile
from neurospineseg.images.volume import Volume
from neurospineseg.inference.onto_model_grid import to_model_grid
from neurospineseg.models.bundle import find_bundle


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


@pytest.mark.parametrize("air", [-1024.0, -3024.0, 1000.0])
@pytest.mark.parametrize("degrees", [0.0, 5.0])
def test_a_background_that_is_not_0_stays_one_value_in_resampling(air: float, degrees: float) -> None:
    turned = np.eye(4)
    turned[:3, :3] = Rotation.from_euler("z", degrees, degrees=True).as_matrix() @ np.diag([1.1, 1.1, 1.4])
    voxels = scan().numpy() * 200
    working = covering_grid(Grid(voxels.shape, turned), np.full(3, 2.0))
    spec = find_bundle("spine_3d").spec
    plain, shifted = (to_model_grid({"image": Volume(voxels + np.float32(value), turned)}, working, spec) for value in (0, air))
    assert torch.equal(shifted == 0, plain == 0)
    assert (plain == 0).float().mean() > 0.3
    torch.testing.assert_close(shifted, plain, atol=2e-3, rtol=0)


def test_saturated_slices_are_not_the_background() -> None:
    voxels = scan().clamp_max(3.0)
    voxels[[0, -1]] = 3.0
    voxels[:, :, [0, -1]] = 3.0
    assert background_value(voxels) == 0
    assert background_value(torch.full((4, 4, 4), 3.0)) == 3
