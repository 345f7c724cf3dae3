"""Filling all planes at once gives what filling one after the other does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from neurospineseg.geometry.masks import filled_planes


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.7, 1.0])
def test_it_fills_as_scipy_does_plane_by_plane(axis: int, share: float) -> None:
    mask = np.random.default_rng(3).random((9, 13, 11)) < share
    expected = mask.copy()
    for plane in np.moveaxis(expected, axis, 0):
        plane |= ndimage.binary_fill_holes(plane)
    assert np.array_equal(filled_planes(mask, axis), expected)
