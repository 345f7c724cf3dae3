"""Networks of nested regions: their probabilities as classes, and what a bundle may say of them."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from neurospineseg.inference.device import choose_device
from neurospineseg.inference.nested import class_probabilities, with_background
from neurospineseg.inference.predict import predict
from neurospineseg.models.bundle import ModelSpec

CLASSES = ("background", "necrotic_core", "edema", "enhancing_tumor")
NESTED = ("edema", "necrotic_core", "enhancing_tumor")


def spec(**changes) -> ModelSpec:
    values = dict(
        name="probe",
        task="tumor",
        channels=("t1c",),
        spacing=(2.0, 2.0, 2.0),
        patch=(32, 32, 32),
        normalization="foreground_zscore",
        classes=CLASSES,
        nested=NESTED,
    )
    return ModelSpec(**{**values, **changes})


def logits(*shares: float) -> torch.Tensor:
    return torch.tensor(shares, dtype=torch.float64).logit().view(1, -1, 1)


@pytest.mark.parametrize(
    "regions, expected",
    [
        ((0.9, 0.7, 0.2), (0.1, 0.5, 0.2, 0.2)),
        ((0.3, 0.8, 0.6), (0.7, 0.0, 0.0, 0.3)),
        ((0.8, 0.1, 0.9), (0.2, 0.0, 0.7, 0.1)),
    ],
)
def test_what_lies_further_in_is_never_likelier(regions: tuple[float, ...], expected: tuple[float, ...]) -> None:
    found = class_probabilities(with_background(logits(*regions))[0], spec())[:, 0]
    assert found.tolist() == pytest.approx(expected)


def test_probabilities_add_up_to_one_and_scores_of_classes_stay_softmax() -> None:
    scores = torch.randn(4, 5, 6, 7)
    assert torch.allclose(class_probabilities(scores, spec()).sum(0), torch.ones(5, 6, 7))
    assert torch.equal(class_probabilities(scores, spec(nested=())), torch.softmax(scores, 0))


def test_a_network_of_regions_is_run_in_windows() -> None:
    class Threshold(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.cat([20 * (image - level) for level in (0.5, 1.5, 2.5)], 1)

    image = torch.zeros(1, 40, 40, 40)
    image[0, 4:36, 4:36, 4:36], image[0, 8:30, 8:30, 8:30], image[0, 12:20, 12:20, 12:20] = 1, 2, 3
    found = predict(Threshold(), image, spec(), choose_device("cpu"), torch.float32)[0].argmax(0)
    assert torch.equal(found, torch.tensor([0, 2, 1, 3])[image[0].long()])


@pytest.mark.parametrize("changes", [{"nested": ("edema",)}, {"nested": (*NESTED, "edema")}, {"slice_axis": 0, "patch": (1, 32, 32)}])
def test_regions_must_bound_every_class_of_a_3d_model(changes: dict) -> None:
    with pytest.raises(ValidationError, match="nested must name each class"):
        spec(**changes)


def test_outputs_are_regions_or_classes() -> None:
    assert len(spec().outputs) == 3
    assert spec(nested=()).outputs == CLASSES
