"""The box that is worth segmenting, on the scan's grid."""

from __future__ import annotations

import numpy as np

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.region import Region
from Testing.small_scans import oblique_affine


def test_a_turned_box_in_an_oblique_sheared_grid() -> None:
    affine = oblique_affine(3.0) @ np.array([[1, 0.1, 0, 0], [0, 1, 0.2, 0], [0, 0, 1.5, 0], [0, 0, 0, 1.0]])
    grid = Grid((17, 23, 19), affine)
    c, s = np.cos(np.radians(35)), np.sin(np.radians(35))
    axes = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    region = Region((-44.0, 3.0, -15.0), (31.0, 45.0, 27.0), tuple(map(tuple, axes)))
    k, j, i = np.indices(grid.shape)
    ras = np.stack([i, j, k, np.ones_like(i)], -1) @ affine.T
    along = (ras[..., :3] - region.center) @ axes
    expected = (np.abs(along) <= np.array(region.size) / 2).all(-1)
    found = region.contains(grid)
    assert found.dtype == bool
    assert 0.05 < expected.mean() < 0.5
    np.testing.assert_array_equal(found, expected)


def test_the_faces_belong_to_the_box() -> None:
    found = Region((2.0, 3.0, 4.0), (2.0, 4.0, 6.0)).contains(Grid((9, 9, 9), np.eye(4)))
    along_ijk = [found.any(axes).nonzero()[0].tolist() for axes in ((0, 1), (0, 2), (1, 2))]
    assert along_ijk == [[1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6, 7]]
