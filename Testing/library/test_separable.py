"""Grids with parallel axes: sampled axis by axis, with the values that sampling point by point gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid, covering_grid
from neurospineseg.geometry.resample import resample
from neurospineseg.geometry.separable import parallel_axes


def two_grids(seed: int) -> tuple[Grid, Grid]:
    """A scan of random orientation along the patient's axes, and a grid with other voxels that covers more or less of it."""
    random = np.random.default_rng(seed)
    matrix = np.eye(4)
    axes = np.eye(3)[:, random.permutation(3)] * random.choice([-1, 1], 3)
    matrix[:3, :3], matrix[:3, 3] = axes @ np.diag(random.uniform(0.4, 3, 3)), random.uniform(-20, 20, 3)
    source = Grid(tuple(random.integers(1, 30, 3).tolist()), matrix)
    target = covering_grid(source, random.uniform(0.5, 5, 3), random.uniform(-0.3, 6))
    moved = target.ijk_to_ras.copy()
    moved[:3, 3] += random.uniform(-1, 1, 3)
    return source, Grid(target.shape, moved)


@pytest.mark.parametrize("how", [{}, {"antialias": False}, {"mode": "nearest"}], ids=["smoothed", "linear", "nearest"])
def test_it_equals_sampling_point_by_point(monkeypatch: pytest.MonkeyPatch, how: dict) -> None:
    for seed in range(60):
        source, target = two_grids(seed)
        image = torch.randn(2, *source.shape, generator=torch.Generator().manual_seed(seed))
        found = resample(image, source, target, fill=7.0, **how)
        with monkeypatch.context() as patch:
            patch.setattr("neurospineseg.geometry.resample.parallel_axes", lambda matrix, shape: None)
            wanted = resample(image, source, target, fill=7.0, **how)
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_turned_and_sheared_lattices_have_no_parallel_axes() -> None:
    turn, shear = np.eye(4), np.eye(4)
    turn[:2, :2] = [[np.cos(0.001), -np.sin(0.001)], [np.sin(0.001), np.cos(0.001)]]
    shear[0, 1] = 0.001
    for matrix in (turn, shear):
        assert parallel_axes(Affine(matrix), (20, 20, 20)) is None
    assert parallel_axes(Affine(np.eye(4) + 1e-8), (20, 20, 20)) is not None


def test_long_axes_are_computed_in_blocks() -> None:
    source = Grid((300, 2, 2), np.eye(4))
    target = Grid((200, 2, 2), np.diag([1.0, 1.0, 1.5, 1.0]))
    image = torch.arange(300.0)[None, :, None, None].expand(1, 300, 2, 2)
    found = resample(image, source, target, antialias=False)
    torch.testing.assert_close(found[0, :, 0, 0], torch.arange(200) * 1.5)


def test_a_lattice_holds_what_lies_inside_its_outer_faces() -> None:
    turn = np.eye(4)
    turn[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
    for seed in range(20):
        source, target = two_grids(seed)
        for other in (target, Grid(target.shape, turn @ target.ijk_to_ras)):
            sampled = resample(torch.ones(1, *source.shape), source, other, mode="nearest")[0] > 0.5
            assert (source.holds(other) != sampled.numpy()).mean() < 1e-3


@pytest.mark.parametrize("how", [{}, {"antialias": False}, {"mode": "nearest"}], ids=["smoothed", "linear", "nearest"])
@pytest.mark.parametrize("degrees", [0.0, 12.0])
def test_a_small_part_is_worked_on_alone(monkeypatch: pytest.MonkeyPatch, how: dict, degrees: float) -> None:
    source = Grid((40, 44, 48), np.diag([0.8, 0.9, 0.7, 1.0]))
    image = torch.rand(1, *source.shape, generator=torch.Generator().manual_seed(1))
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(np.radians(degrees)), -np.sin(np.radians(degrees))], [np.sin(np.radians(degrees)), np.cos(np.radians(degrees))]]
    for offset in (2.0, -6.0, 25.0, 60.0):
        matrix = turn @ np.diag([2.0, 1.6, 1.7, 1.0])
        matrix[:3, 3] = offset
        target = Grid((6, 7, 5), matrix)
        found = resample(image, source, target, fill=7.0, **how)
        with monkeypatch.context() as patch:
            patch.setattr("neurospineseg.geometry.resample.SMALL_PART", 0.0)
            torch.testing.assert_close(found, resample(image, source, target, fill=7.0, **how), atol=1e-4, rtol=1e-4)
        assert bool((found == 7).all()) == (offset == 60)
