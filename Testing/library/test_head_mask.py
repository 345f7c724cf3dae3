"""The head is found whole, whatever the background's value, and the air is not."""

from __future__ import annotations

import numpy as np
import pytest

from neurospineseg.checks.head_mask import head_mask
from neurospineseg.geometry.grid import covering_grid
from neurospineseg.images.volume import Volume

KK, JJ, II = np.indices((50, 60, 55))
HEAD = ((KK - 25) / 18) ** 2 + ((JJ - 30) / 22) ** 2 + ((II - 27) / 19) ** 2 < 1
VENTRICLE = ((KK - 25) / 5) ** 2 + ((JJ - 30) / 8) ** 2 + ((II - 27) / 4) ** 2 < 1


@pytest.mark.parametrize("background", [0.0, -4.7, -1000.0])
def test_the_head_is_whole_and_the_air_is_left_out(background: float) -> None:
    rng = np.random.default_rng(0)
    voxels = np.full(HEAD.shape, background, np.float32)
    voxels[HEAD] += 100 + rng.normal(0, 5, HEAD.sum())
    voxels[VENTRICLE] = background
    voxels[3:5, 3:5, 3:5] += 60
    volume = Volume(voxels, np.diag([2.0, 2.0, 2.0, 1.0]))
    found = head_mask({"t1c": volume}, covering_grid(volume.grid, np.full(3, 2.0)))
    assert found[HEAD].all()
    assert not found[:6, :6].any()
    assert found.sum() < 1.6 * HEAD.sum()


def test_either_scan_may_show_it() -> None:
    halves = {}
    for name, side in (("t1c", II < 27), ("flair", II >= 27)):
        voxels = np.zeros(HEAD.shape, np.float32)
        voxels[HEAD & side] = 100
        halves[name] = Volume(voxels, np.diag([2.0, 2.0, 2.0, 1.0]))
    assert head_mask(halves, covering_grid(halves["t1c"].grid, np.full(3, 2.0)))[HEAD].all()


def test_finer_voxels_give_the_same_head() -> None:
    voxels = np.where(HEAD, 100, 0).astype(np.float32)
    volume = Volume(voxels, np.diag([2.0, 2.0, 2.0, 1.0]))
    coarse, fine = (head_mask({"t1c": volume}, covering_grid(volume.grid, np.full(3, mm))) for mm in (2.0, 1.0))
    assert np.array_equal(fine, coarse.repeat(2, 0).repeat(2, 1).repeat(2, 2))
