"""What partly labeled real spines teach, on labels made for the purpose."""

from __future__ import annotations

import numpy as np
import pytest

from Training.synthetic.spine.canvas import ARCH, BACKGROUND, BODY, CANAL, DISC, SACRUM
from Training.synthetic.spine.patients import FOLDS, fold_of
from Training.synthetic.spine.teaching import ANYTHING, agreeing, bodies_target, discs_target, spider_target
from Training.training.partial_labels import any_of

SHAPE = (110, 80, 24)
SPACING = np.ones(3)


def says(name: int, share: float = 0.97, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """A former model that believes in one class everywhere."""
    probabilities = np.full((6, *shape), (1 - share) / 5, np.float32)
    probabilities[name] = share
    return probabilities


@pytest.fixture
def spider() -> np.ndarray:
    """Two vertebrae with spinous processes, two discs and a canal, k upward and j forward; nothing below the lower disc."""
    labels = np.zeros(SHAPE, int)
    labels[30:110, 34:42] = 3
    for bottom in (42, 76):
        labels[bottom : bottom + 26, 44:72] = 1
        labels[bottom + 2 : bottom + 14, 14:32, 8:16] = 1
        labels[bottom - 8 : bottom, 45:71] = 2
    return labels


def test_a_vertebra_is_body_before_the_canal_and_arch_behind_it(spider: np.ndarray) -> None:
    target = spider_target(spider, says(BACKGROUND), SPACING)
    assert target[55, 60, 12] == any_of(BODY)
    assert target[50, 20, 12] == any_of(ARCH)
    assert target[60, 38, 12] == any_of(CANAL)
    assert target[38, 55, 12] == any_of(DISC)
    assert target[60, 5, 12] == any_of(BACKGROUND)


def test_s1_lies_under_the_lowest_disc_whatever_the_former_model_says(spider: np.ndarray) -> None:
    target = spider_target(spider, says(BACKGROUND), SPACING)
    assert target[25, 58, 12] == any_of(SACRUM)
    assert target[3, 50, 12] == any_of(BACKGROUND, SACRUM)
    assert target[25, 79, 12] == any_of(BACKGROUND)


def test_what_the_former_model_takes_for_sacrum_teaches_only_below_the_lowest_disc(spider: np.ndarray) -> None:
    target = spider_target(spider, says(SACRUM), SPACING)
    assert target[10, 30, 12] == any_of(SACRUM)
    assert target[90, 5, 12] == any_of(BACKGROUND)


def test_a_confident_answer_is_kept_only_where_it_is_allowed() -> None:
    target = np.array([[[any_of(BACKGROUND, ARCH), any_of(BODY, DISC), any_of(BODY)]]])
    sure = says(ARCH, shape=(1, 1, 3))
    assert agreeing(target, sure).tolist() == [[[any_of(ARCH), any_of(BODY, DISC), any_of(BODY)]]]
    assert agreeing(target, says(ARCH, 0.8, (1, 1, 3))).tolist() == target.tolist()


def test_labeled_bodies_are_certain_and_background_below_them_is_not() -> None:
    labels = np.zeros(SHAPE, int)
    labels[50:75, 40:70, 4:20] = 24
    labels[84:108, 40:70, 4:20] = 23
    labels[20:42, 35:60, 4:20] = 26
    target = bodies_target(labels, says(BACKGROUND), aside_mm=3)
    assert target[60, 50, 12] == any_of(BODY)
    assert target[60, 50, 5] == any_of(BACKGROUND, BODY, ARCH)
    assert target[30, 50, 12] == any_of(SACRUM)
    assert target[90, 5, 12] == any_of(BACKGROUND)
    assert target[46, 15, 12] == any_of(BACKGROUND, DISC, CANAL, SACRUM)


def test_a_body_that_the_former_model_sees_beside_the_labels_stays_open() -> None:
    labels = np.zeros(SHAPE, int)
    labels[50:75, 40:70, 4:20] = 24
    target = bodies_target(labels, says(BODY))
    assert target[60, 72, 12] == any_of(BACKGROUND, BODY, ARCH)
    assert target[100, 50, 12] == any_of(BODY)
    assert target[20, 50, 12] == ANYTHING & ~any_of(BODY)


def test_labeled_discs_are_certain() -> None:
    labels = np.zeros(SHAPE, int)
    labels[50:58, 40:70, 4:20] = 201
    target = discs_target(labels, says(DISC))
    assert target[54, 50, 12] == any_of(DISC)
    assert target[60, 50, 12] == any_of(BACKGROUND, DISC)
    assert target[90, 50, 12] == any_of(DISC)


def test_every_set_is_dealt_evenly_into_folds() -> None:
    names = [f"SPIDER_{n:03d}" for n in range(29)] + [f"VB3_{n:02d}" for n in range(10)] + ["IVD_11", "IVD_25", "IVD_42"]
    folds = fold_of(names[::-1])
    assert set(folds) == set(names)
    for prefix in ("SPIDER", "VB3", "IVD"):
        counts = np.bincount([fold for name, fold in folds.items() if name.startswith(prefix)], minlength=FOLDS)
        assert counts.max() - counts.min() <= 1
