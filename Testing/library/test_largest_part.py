"""Where a mask has most of itself."""

from __future__ import annotations

import numpy as np
import pytest

from neurospineseg.geometry.largest_part import largest_part


def test_a_box_is_its_own_core() -> None:
    mask = np.zeros((10, 12, 14), bool)
    mask[2:6, 3:8, 4:11] = True
    part = largest_part(mask)
    assert (part.start, part.stop) == ((2, 3, 4), (6, 8, 11))
    assert part.place == (3, 5, 7)


def test_what_lies_elsewhere_does_not_draw_the_place_away() -> None:
    mask = np.zeros((40, 40, 40), bool)
    mask[5:9, 5:9, 5:9] = True
    mask[20:30, 20:30, 20:30] = True
    part = largest_part(mask)
    assert (part.start, part.stop) == ((20, 20, 20), (30, 30, 30))


def test_each_axis_is_of_the_same_part() -> None:
    mask = np.zeros((40, 40, 40), bool)
    mask[2:5, 2:20, 2:20] = True
    mask[15:38, 30:35, 30:34] = True
    assert mask[largest_part(mask).place]


def test_a_thin_tail_is_no_part_of_the_core() -> None:
    mask = np.zeros((30, 20, 20), bool)
    mask[5:12, 4:14, 4:14] = True
    mask[12:28, 8, 8] = True
    assert largest_part(mask).stop[0] == 12


def test_the_place_of_a_ring_is_its_middle() -> None:
    k, j, i = np.indices((21, 21, 21)) - 10
    distance = np.sqrt(k**2 + j**2 + i**2)
    part = largest_part((distance < 9) & (distance > 5))
    assert np.abs(np.array(part.place) - 10).max() <= 1


@pytest.mark.parametrize("shape", [(0, 4, 4), (3, 3, 3)])
def test_nothing_has_no_part(shape) -> None:
    assert largest_part(np.zeros(shape, bool)) is None
