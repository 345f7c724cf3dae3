"""What scanning does to a drawn image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from Training.synthetic.acquisition import (
    artifacts,
    field_of_view,
    gibbs_ringing,
    metal_void,
    motion_ghosts,
    slices_with_gaps,
    whole_numbers,
)


@pytest.fixture
def box() -> torch.Tensor:
    """A bright box of 100 in air, (24, 30, 26)."""
    image = torch.zeros(24, 30, 26)
    image[6:18, 8:22, 7:19] = 100
    return image


@pytest.mark.parametrize("axis", (0, 1, 2))
def test_slices_with_gaps_keep_a_flat_image_and_smear_an_edge_across_the_slices_only(box: torch.Tensor, axis: int) -> None:
    flat = torch.full((24, 30, 26), 7.0)
    assert torch.allclose(slices_with_gaps(flat, axis, 3, 1), flat, atol=1e-4)
    seen = slices_with_gaps(box, axis, 4, 1)
    assert seen.shape == box.shape
    inside, other = box.float().mean([a for a in range(3) if a != axis]), seen.mean([a for a in range(3) if a != axis])
    assert int((other.diff().abs() > 1e-3).sum()) > int((inside.diff().abs() > 1e-3).sum())
    across = (axis + 1) % 3
    assert torch.equal(seen.amax([a for a in range(3) if a != across]) > 0, box.amax([a for a in range(3) if a != across]) > 0)


def test_a_slice_sees_only_its_own_thickness() -> None:
    image = torch.zeros(12, 4, 4)
    image[2] = 60.0
    thin, thick = slices_with_gaps(image, 0, 1, 3), slices_with_gaps(image, 0, 4, 0)
    assert float(thick.max()) == pytest.approx(15, abs=1)
    assert float(thin.max()) > 20 or float(thin.max()) < 1


def test_ringing_overshoots_beside_edges_and_keeps_the_mean(box: torch.Tensor) -> None:
    rung = gibbs_ringing(box, 1, 0.6)
    assert rung.shape == box.shape
    assert float(rung.max()) > 103
    assert float(rung.min()) < -3
    assert float(rung.mean()) == pytest.approx(float(box.mean()), rel=1e-3)
    assert torch.allclose(gibbs_ringing(box, 1, 1.0), box, atol=1e-3)


def test_motion_leaves_ghosts_along_its_axis_only(box: torch.Tensor) -> None:
    ghosts = motion_ghosts(box, np.random.default_rng(3), 1, 3.0)
    outside = box.amax((0, 1)) == 0
    assert float(ghosts[..., outside].abs().max()) < 1e-3
    assert float(ghosts[10, :4, 12].abs().max()) > 1
    still = motion_ghosts(box, np.random.default_rng(3), 1, 0.0)
    assert torch.allclose(still, box, atol=1e-2)


def test_metal_takes_the_signal_away() -> None:
    image = torch.full((30, 30, 30), 100.0)
    image[0, 0, 0] = 0.0
    void = metal_void(image, np.random.default_rng(1), 5)
    assert float(void.min()) < 5
    assert float((void > 99).float().mean()) > 0.5


def test_whole_numbers_are_few_levels_in_the_same_range(box: torch.Tensor) -> None:
    image = box + torch.rand(box.shape, generator=torch.Generator().manual_seed(0)) * 20
    whole = whole_numbers(image, np.random.default_rng(0))
    assert len(whole.unique()) <= 4096 < image.numel()
    assert float((whole - image).abs().median()) < 1.0


def test_the_field_of_view_is_cut_by_no_more_than_asked() -> None:
    for seed in range(50):
        for part, n in zip(field_of_view((40, 50, 60), np.random.default_rng(seed)), (40, 50, 60)):
            assert 0 <= part.start <= 0.28 * n
            assert n - 0.28 * n <= part.stop <= n


def test_artifacts_are_finite_seeded_and_mostly_mild(box: torch.Tensor) -> None:
    changed = 0
    for seed in range(40):
        first, second = (artifacts(box, np.random.default_rng(seed), 2.0) for _ in range(2))
        assert torch.equal(first, second)
        assert bool(first.isfinite().all())
        assert first.shape == box.shape
        changed += not torch.allclose(first, box, atol=1.0)
    assert 5 < changed < 35


@pytest.mark.parametrize("seed", range(6))
def test_an_offset_changes_nothing(box: torch.Tensor, seed: int) -> None:
    for change in (lambda image, rng: motion_ghosts(image, rng, 1, 2.0), lambda image, rng: metal_void(image, rng, 5)):
        low = change(box - 1000, np.random.default_rng(seed)) + 1000
        assert torch.allclose(low, change(box, np.random.default_rng(seed)), atol=0.05)


def test_a_single_slice_rings_not_across_itself() -> None:
    slice_ = torch.rand(1, 20, 20)
    assert torch.allclose(gibbs_ringing(slice_, 0, 0.6), slice_, atol=1e-5)
