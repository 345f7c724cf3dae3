"""The losses that a recipe can name, and the bit masks they read."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import torch

from neurospineseg.errors import InputError
from Training.datasets.raw_dataset import RawDataset, Split
from Training.training.losses import UNKNOWN, known_classes, make_loss
from Training.training.partial_labels import only
from Training.training.recipe import Loss
from Training.training.segmentation_training import Confusion, measures
from Training.training.working_cases import class_bits

NAMES = [name for name in get_args(Loss.model_fields["name"].annotation) if name != "nested_dice_bce"]
FOR_OPEN_LABELS = ("cross_entropy", "marginal_dice_ce")
ANYTHING = 0b111


def truth() -> torch.Tensor:
    labels = torch.zeros(2, 8, 8, dtype=torch.long)
    labels[:, 2:5, 2:5], labels[:, 5:7, 5:7] = 1, 2
    return labels


def scores(labels: torch.Tensor) -> torch.Tensor:
    return 8.0 * torch.nn.functional.one_hot(labels, 3).movedim(-1, 1).float() - 4


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weights", [None, (1.0, 2.0, 3.0)])
def test_good_scores_cost_less_than_worse_ones(name: str, weights: tuple[float, ...] | None) -> None:
    loss = make_loss(Loss(name=name, class_weights=weights), 3)
    bits = only(truth())
    shifted = truth().roll(1, 1)
    good, near, none = (float(loss(scores(labels), bits)) for labels in (truth(), shifted, torch.zeros_like(shifted)))
    assert good < near < none
    assert good < 0.1


@pytest.mark.parametrize("name", NAMES)
def test_a_class_that_no_voxel_has_gives_a_finite_loss_and_gradient(name: str) -> None:
    made = scores(truth()).requires_grad_()
    loss = make_loss(Loss(name=name), 3)(made, only(torch.zeros_like(truth())))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(made.grad).all()
    assert made.grad.abs().sum() > 0


@pytest.mark.parametrize("name", [name for name in NAMES if name not in FOR_OPEN_LABELS])
def test_open_voxels_are_refused_by_name(name: str) -> None:
    bits = only(truth())
    bits[0, 0, 0] = 0b011
    with pytest.raises(InputError, match=f"'{name}'.*marginal_dice_ce"):
        make_loss(Loss(name=name), 3)(scores(truth()), bits)


@pytest.mark.parametrize("name", FOR_OPEN_LABELS)
def test_voxels_that_may_be_anything_teach_nothing(name: str) -> None:
    torch.manual_seed(0)
    made, bits = torch.randn(2, 3, 8, 8, requires_grad=True), only(truth())
    bits[0, :4] = ANYTHING
    make_loss(Loss(name=name), 3)(made, bits).backward()
    gradient = made.grad.abs().sum(1)
    assert gradient[0, :4].max() < 1e-7
    assert gradient[0, 4:].min() > 1e-7


@pytest.mark.parametrize("name", FOR_OPEN_LABELS)
def test_a_batch_that_may_be_anything_everywhere_gives_zero(name: str) -> None:
    made = scores(truth()).requires_grad_()
    loss = make_loss(Loss(name=name), 3)(made, torch.full_like(truth(), ANYTHING))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-5)
    assert made.grad.abs().max() < 1e-7


def test_marginal_cross_entropy_accepts_either_class_of_an_open_voxel() -> None:
    loss, bits = make_loss(Loss(name="marginal_dice_ce"), 3), torch.full((1, 4, 4), 0b110)
    allowed, wrong = (float(loss(scores(torch.full((1, 4, 4), number)), bits)) for number in (2, 0))
    assert allowed < 0.01
    assert wrong > 5


def test_class_weights_must_be_as_many_as_classes() -> None:
    with pytest.raises(InputError, match="2 numbers for 3 classes"):
        make_loss(Loss(class_weights=(1.0, 2.0)), 3)


def test_the_class_of_every_bit_is_read_back() -> None:
    numbers = torch.arange(60)
    assert torch.equal(known_classes(only(numbers)), numbers)
    assert known_classes(torch.tensor([3, 6, 7])).tolist() == [UNKNOWN] * 3


def test_confusion_counts_known_voxels_and_measures_follow() -> None:
    counted = Confusion(3)
    counted.update(torch.tensor([0, 0, 1, 1, 2]), torch.tensor([0, 1, 1, 1, UNKNOWN]))
    assert counted.compute().tolist() == [[1, 0, 0], [1, 2, 0], [0, 0, 0]]
    found = measures(counted.compute())
    assert found["accuracy"] == pytest.approx(3 / 4)
    assert found["dice"] == pytest.approx(4 / 5)
    assert found["f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)


def labeled(**labels: int) -> RawDataset:
    return RawDataset(Path("data"), "spine", ("image",), {"background": 0, **labels}, Split(("a",), ("b",)))


CLASSES = ("background", "vertebra_body", "vertebra_arch", "disc", "canal")


def test_a_vertebra_may_be_body_or_arch_and_background_what_is_not_labeled() -> None:
    bits = class_bits(labeled(vertebra=1, disc=2), CLASSES)
    assert bits.tolist() == [0b10001, 0b00110, 0b01000]


def test_ignored_voxels_may_be_anything_and_full_labels_leave_nothing_open() -> None:
    bits = class_bits(labeled(vertebra_body=1, vertebra_arch=2, disc=3, canal=4, ignore=5), CLASSES)
    assert bits.tolist() == [1, 2, 4, 8, 16, 31]


def test_a_label_that_the_model_lacks_is_named() -> None:
    with pytest.raises(InputError, match="'rib'"):
        class_bits(labeled(rib=1), CLASSES)
