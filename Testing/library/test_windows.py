"""Windows of a 3D network: every voxel that shows something is seen, empty image is not, and the scores add up."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from neurospineseg.inference.sliding_window import MARGIN, SURE, blending_weight, occupied, starts, windowed_scores

WINDOW = (16, 12, 10)


class Echo:
    """Scores -image and image, and keeps how many windows it saw."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, windows: torch.Tensor) -> torch.Tensor:
        self.shapes.append(tuple(windows.shape))
        return torch.cat([-windows, windows], 1)


@pytest.mark.parametrize("length", [5, 16, 17, 24, 25, 61, 240])
@pytest.mark.parametrize("overlap", [0.25, 0.5])
def test_starts_cover_the_length_with_at_least_the_overlap(length: int, overlap: float) -> None:
    found = starts(length, 16, overlap)
    assert found[0] == 0
    assert found[-1] == max(0, length - 16)
    assert all(0 < b - a <= 16 * (1 - overlap) + 1 for a, b in pairwise(found))


@pytest.mark.parametrize("shape", [(40, 31, 27), (9, 31, 10), (3, 4, 5)])
@pytest.mark.parametrize("batch", [1, 4])
def test_scores_add_up_to_the_whole(shape: tuple[int, int, int], batch: int) -> None:
    image = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0))
    network, fractions = Echo(), []
    found = windowed_scores(network, image, 2, WINDOW, batch, fractions.append)
    torch.testing.assert_close(found, torch.cat([-image, image]))
    assert {shape[2:] for shape in network.shapes} == {WINDOW}
    assert max(shape[0] for shape in network.shapes) <= batch
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1


def test_empty_image_is_not_looked_at() -> None:
    image = torch.zeros(1, 60, 60, 60)
    image[:, 22:30, 20:28, 21:27] = 1.0
    network = Echo()
    found = windowed_scores(network, image, 2, WINDOW)
    assert len(network.shapes) == 1 * 2 * 2
    torch.testing.assert_close(found[1], image[0])
    assert float(found[0, 0, 0, 0]) == SURE
    assert float(found[0, 25, 24, 24]) == -1

    image[:, 50:58, 50:58, 50:58] = 2.0
    network = Echo()
    torch.testing.assert_close(windowed_scores(network, image, 2, WINDOW)[1], image[0])
    assert sum(shape[0] for shape in network.shapes) < len(starts(44, 16)) * len(starts(46, 12)) * len(starts(45, 10)) / 2


def test_faint_noise_in_air_is_not_looked_at() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 64, 36, 30, generator=generator)
    image[:, 24:] = -0.8 + 0.01 * torch.randn(1, 40, 36, 30, generator=generator)
    found = windowed_scores(Echo(), image, 2, WINDOW)
    torch.testing.assert_close(found[1, :24], image[0, :24])
    assert (found[0, 48:] == SURE).all()


def test_an_image_that_is_all_empty_is_background() -> None:
    network = Echo()
    assert windowed_scores(network, torch.zeros(1, 20, 20, 20), 2, WINDOW).argmax(0).max() == 0
    assert not network.shapes


def test_the_box_has_a_margin_and_holds_a_window_where_the_image_does() -> None:
    image = torch.zeros(2, 40, 40, 8)
    image[1, 10:30, 1:3, :] = 1
    k, j, i = occupied(image, WINDOW)
    assert (k.start, k.stop) == (10 - MARGIN, 30 + MARGIN)
    assert (j.start, j.stop) == (0, 12)
    assert (i.start, i.stop) == (0, 8)


def test_weights_fall_off_from_the_middle() -> None:
    weight = blending_weight((16, 12, 11))
    assert weight.argmax() == weight.flatten()[: weight.numel() // 2 + 200].argmax()
    assert float(weight.min()) > 0
    torch.testing.assert_close(weight, weight.flip((0, 1, 2)))


def _column(bend: int) -> torch.Tensor:
    """An image of noise with a bright column along k that leans by ``bend`` voxels along j."""
    image = 0.8 * torch.rand(1, 64, 60, 10, generator=torch.Generator().manual_seed(0)) - 2.5
    for k in range(64):
        begin = 6 + bend * k // 64
        image[0, k, begin : begin + 6] = 3.0
    return image


@pytest.mark.parametrize("bend", [0, 30])
def test_windows_that_follow_a_column_find_all_of_it_and_are_fewer(bend: int) -> None:
    image = _column(bend)
    following, every = Echo(), Echo()
    found = windowed_scores(following, image, 2, WINDOW, follow=True)
    torch.testing.assert_close(found[1] > found[0], windowed_scores(every, image, 2, WINDOW)[1] > 0)
    assert len(following.shapes) < 0.8 * len(every.shapes)


def test_where_nothing_is_found_every_window_is_looked_at() -> None:
    image = _column(0).clamp_max(-1.7)
    following, every = Echo(), Echo()
    windowed_scores(following, image, 2, WINDOW, follow=True)
    windowed_scores(every, image, 2, WINDOW)
    assert len(following.shapes) == len(every.shapes)


def test_less_overlap_means_fewer_windows_and_leaves_no_gap() -> None:
    image = _column(20)
    close, far = Echo(), Echo()
    wanted = windowed_scores(close, image, 2, WINDOW, overlap=0.5)
    found = windowed_scores(far, image, 2, WINDOW, overlap=0.2)
    assert len(far.shapes) < 0.8 * len(close.shapes)
    torch.testing.assert_close(found, wanted)
