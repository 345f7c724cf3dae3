"""A network that sees one half of the brain at a time: what each side gets, and where the halves meet."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from neurospineseg.inference.predict import joined, predict
from neurospineseg.models.bundle import ModelSpec

CLASSES = ("background", "left_thalamus", "right_thalamus", "left_caudate", "right_caudate")


def spec(**changes) -> ModelSpec:
    values = dict(
        name="halves",
        task="subcortical",
        channels=("image",),
        spacing=(1.0, 1.0, 1.0),
        patch=(32, 32, 32),
        normalization="foreground_zscore",
        classes=CLASSES,
        bilateral=True,
    )
    return ModelSpec(**{**values, **changes})


class Outermost(torch.nn.Module):
    """Scores the outermost ``count`` voxels of the half as the first class, and voxels above 5 as the second."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        scores = torch.zeros(image.shape[0], 3, *image.shape[2:])
        scores[:, 0] = 5
        scores[:, 1, ..., -self.count :] = 10
        scores[:, 2] = torch.where(image[:, 0] > 5, 20.0, 0.0)
        return scores


def test_each_side_gets_its_own_names() -> None:
    image = torch.zeros(1, 32, 32, 50)
    image[..., 30:34] = 9.0
    found, _, notes = predict(Outermost(4), image, spec(), torch.device("cpu"), torch.float32)
    winner = found.argmax(0)
    assert found.shape == (5, 32, 32, 50)
    assert not notes
    assert (winner[..., :4] == 1).all()
    assert (winner[..., -4:] == 2).all()
    assert (winner[..., 32:34] == 4).all()
    assert (winner[..., 4:18] == 0).all()
    torch.testing.assert_close(found.sum(0), torch.ones(32, 32, 50))


def test_the_mirror_image_gives_the_mirrored_result() -> None:
    image = torch.randn(1, 32, 32, 50, generator=torch.Generator().manual_seed(0)) * 4
    there, back = (predict(Outermost(6), seen, spec(), torch.device("cpu"), torch.float32)[0] for seen in (image, image.flip(-1)))
    torch.testing.assert_close(back.flip(-1), there[[0, 2, 1, 4, 3]])


def test_where_both_halves_claim_a_voxel_the_surer_wins() -> None:
    left, right = torch.zeros(2, 1, 1, 3), torch.zeros(2, 1, 1, 3)
    left[1], right[1] = 0.7, 0.9
    left[0], right[0] = 0.3, 0.1
    found = joined(left, right, 5)
    assert found.argmax(0).flatten().tolist() == [1, 1, 2, 2, 2]
    torch.testing.assert_close(found.sum(0), torch.ones(1, 1, 5))


def test_network_classes_have_no_sides() -> None:
    assert spec().network_classes == ("background", "thalamus", "caudate")
    assert spec(bilateral=False).network_classes == CLASSES


@pytest.mark.parametrize("classes", [CLASSES[:-1], ("background", "right_thalamus", "left_thalamus"), ("background", "left_a", "right_b")])
def test_classes_must_come_in_pairs(classes: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="left, then on the right"):
        spec(classes=classes)


def test_coordinates_run_from_the_middle_outward_on_both_sides() -> None:
    class Outer(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            scores = torch.zeros(image.shape[0], 3, *image.shape[2:])
            scores[:, 1] = torch.where(image[:, 3] > 0.5, 20.0, -20.0)
            return scores

    assert spec(coordinates=True).inputs == 4
    winner = predict(Outer(), torch.zeros(1, 32, 32, 50), spec(coordinates=True), torch.device("cpu"), torch.float32)[0].argmax(0)
    assert winner[0, 0].tolist() == [1] * 8 + [0] * 34 + [2] * 8
    with pytest.raises(ValidationError, match="only a bilateral model"):
        spec(coordinates=True, bilateral=False)


def test_flips_average_the_mirror_images() -> None:
    class Place(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            scores = torch.zeros(image.shape[0], 3, *image.shape[2:])
            scores[:, 1, :8] = 50
            return scores

    image = torch.randn(1, 32, 32, 32, generator=torch.Generator().manual_seed(0))
    found, _, _ = predict(
        Place(), image, spec(classes=("background", "a", "b"), bilateral=False, flips=(0,)), torch.device("cpu"), torch.float32
    )
    torch.testing.assert_close(found[1, :8], found[1, -8:])
    assert float(found[1, 0, 0, 0]) == pytest.approx(0.5 + 0.5 / 3, abs=1e-3)
    assert float(found[1, 16, 0, 0]) == pytest.approx(1 / 3, abs=1e-3)
    with pytest.raises(ValidationError, match="mirrored along i"):
        spec(flips=(2,))
    with pytest.raises(ValidationError, match="mirrored along i"):
        spec(flips=(2,), bilateral=False)
