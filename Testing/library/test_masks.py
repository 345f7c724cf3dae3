"""Bounding boxes and connected components, which have one home each."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neurospineseg.geometry.bounding_box import bounding_box, bounding_slices
from neurospineseg.geometry.masks import all_but_largest, components, islands_below, largest_component

masks = st.tuples(*[st.integers(1, 6)] * 3).flatmap(lambda shape: arrays(bool, shape))


@given(masks, st.integers(0, 3))
def test_a_box_holds_every_voxel_and_its_margin_within_the_array(mask: np.ndarray, margin: int) -> None:
    places = np.argwhere(mask)
    box = bounding_box(mask, margin)
    if not len(places):
        assert box is None
        return
    start, stop = box
    assert start == tuple(np.maximum(places.min(0) - margin, 0))
    assert stop == tuple(np.minimum(places.max(0) + 1 + margin, mask.shape))


@given(masks)
def test_a_tensor_has_the_box_of_its_array(mask: np.ndarray) -> None:
    assert bounding_box(torch.from_numpy(mask)) == bounding_box(mask)


def test_a_margin_may_differ_along_the_axes() -> None:
    mask = np.zeros((9, 9, 9), bool)
    mask[4, 4, 4] = True
    assert bounding_slices(mask, (0, 1, 7)) == (slice(4, 5), slice(3, 6), slice(0, 9))


@pytest.mark.parametrize(("neighbors", "count"), [(6, 2), (26, 1)])
def test_voxels_that_touch_by_a_corner_are_together_among_26_neighbors(neighbors: int, count: int) -> None:
    labels, sizes = components(np.eye(2, dtype=bool)[None], neighbors)
    assert labels.max() == count
    assert sizes.tolist() == [0, *[2 // count] * count]


@given(masks)
def test_the_largest_component_and_the_rest_are_the_mask(mask: np.ndarray) -> None:
    largest, rest = largest_component(mask), all_but_largest(mask)
    np.testing.assert_array_equal(largest | rest, mask)
    assert not (largest & rest).any()
    assert largest.sum() == components(mask)[1].max()


def test_only_islands_of_fewer_voxels_are_told() -> None:
    line = np.array([1, 0, 1, 1, 0, 1, 1, 1], bool)[None, None]
    assert islands_below(line, 3)[0, 0].tolist() == [True, False, True, True, False, False, False, False]
    assert not islands_below(np.zeros((2, 2, 2), bool), 3).any()
