"""What a model that sees one half of the brain at a time learns from a data set."""

from __future__ import annotations

import numpy as np
import torch

from neurospineseg.models.bundle import ModelSpec
from Training.training.bilateral import JITTER, middle_of_half, one_sided_bits
from Training.training.examples import Patches
from Training.training.recipe import read_recipe
from Training.training.working_cases import WorkingCase

SPEC = ModelSpec(
    name="halves",
    task="subcortical",
    channels=("image",),
    spacing=(1.0, 1.0, 1.0),
    patch=(16, 16, 16),
    normalization="foreground_zscore",
    classes=("background", "left_thalamus", "right_thalamus", "left_caudate", "right_caudate"),
    bilateral=True,
)


def test_bits_of_the_other_side_are_background() -> None:
    bits = np.array([0b00001, 0b00010, 0b00100, 0b01000, 0b10000, 0b11111, 0b01001])
    assert one_sided_bits(bits, 0).tolist() == [0b001, 0b010, 0b001, 0b100, 0b001, 0b111, 0b101]
    assert one_sided_bits(bits, 1).tolist() == [0b001, 0b001, 0b010, 0b001, 0b100, 0b111, 0b001]


def test_halves_lie_at_their_edges() -> None:
    rng = np.random.default_rng(0)
    left, right = (middle_of_half((16, 16, 28), SPEC.patch, side, rng)[2] for side in (0, 1))
    assert abs(left - 8) <= JITTER
    assert abs(right - 20) <= JITTER


def test_both_sides_teach_the_same_class() -> None:
    labels = np.zeros((16, 16, 28), np.uint8)
    labels[4:12, 4:12, :6], labels[4:12, 4:12, -6:] = 1, 2
    image = (labels[None] > 0).astype(np.float16)
    case = WorkingCase("a", image, labels, {1: np.argwhere(labels == 1)}, np.array([1, 2, 4]))
    recipe = read_recipe("finetune", ["task=subcortical", "model.patch=[16,16,16]", "loop.patches_per_case=8"])
    for part in (Patches([case], SPEC, recipe, augment=False)[(0, number)] for number in range(8)):
        found, bits, _ = part
        assert found.shape == (1, 16, 16, 16)
        assert set(bits.unique().tolist()) == {1, 2}
        assert torch.equal(bits == 2, found[0] > 0.5)
        assert float(torch.nonzero(bits == 2)[:, 2].float().mean()) > 7
