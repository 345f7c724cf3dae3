"""One piece per nucleus, left on the left, and a sentence where a volume is unlikely."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neurospineseg.errors import InputError
from neurospineseg.geometry.grid import Grid
from neurospineseg.models.bundle import ModelSpec
from neurospineseg.tasks.subcortical.rules import contrast_notes, postprocess_subcortical, smoothed_across_slices

CLASSES = ("background", "left_subthalamic_nucleus", "right_subthalamic_nucleus")
SPEC = ModelSpec(
    name="nuclei",
    task="subcortical",
    channels=("image",),
    spacing=(1, 1, 1),
    patch=(1, 30, 30),
    slice_axis=0,
    normalization="foreground_zscore",
    classes=CLASSES,
)
GRID = Grid.canonical(np.zeros(3), (30, 30, 30), (1, 1, 1))


def probabilities(labels: np.ndarray) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.from_numpy(labels), len(CLASSES)).movedim(-1, 0).float() * 0.9 + 0.1 / 3


def two_nuclei() -> np.ndarray:
    labels = np.zeros(GRID.shape, np.int64)
    labels[12:18, 12:17, 5:10] = 1
    labels[12:18, 12:17, 20:25] = 2
    return labels


def test_islands_go_and_nuclei_stay() -> None:
    labels = two_nuclei()
    labels[24:28, 3:6, 3:6] = 1
    done = postprocess_subcortical(probabilities(labels), GRID, SPEC)
    winner = done.probabilities.argmax(0).numpy()
    np.testing.assert_array_equal(winner, two_nuclei())
    assert done.notes == []
    assert [s.key for s in done.structures] == list(CLASSES[1:])
    assert [c.label for c in done.channels] == [0, *(s.label for s in done.structures)]


def test_single_slice_dropout_is_filled() -> None:
    labels = two_nuclei()
    labels[14, :, :10] = 0
    given = probabilities(labels)
    given[:, 14, 12:17, 5:10] = torch.tensor([0.5, 0.4, 0.1]).view(3, 1, 1)
    winner = postprocess_subcortical(given, GRID, SPEC).probabilities.argmax(0).numpy()
    assert (winner[14, 12:17, 5:10] == 1).all()


def test_a_3d_model_s_probabilities_stay_as_they_are() -> None:
    with torch.inference_mode():
        given = probabilities(two_nuclei())
    kept = given.clone()
    done = postprocess_subcortical(given, GRID, SPEC.model_copy(update={"slice_axis": None, "patch": (30, 30, 30)}))
    assert torch.equal(done.probabilities, kept)
    assert torch.equal(given, kept)


def test_exchanged_sides_are_refused() -> None:
    labels = two_nuclei()[:, :, ::-1].copy()
    with pytest.raises(InputError, match="right of its counterpart"):
        postprocess_subcortical(probabilities(labels), GRID, SPEC)


def test_unlikely_and_missing_volumes_are_told() -> None:
    labels = two_nuclei()
    labels[labels == 2] = 0
    labels[5:25, 5:25, 2:12] = 1
    notes = postprocess_subcortical(probabilities(labels), GRID, SPEC).notes
    assert any("mm3" in note for note in notes)
    assert any("was not found" in note for note in notes)


@pytest.mark.parametrize(("pallidum", "thalamus", "told"), [(0.9, 0.8, 1), (0.9, 1.2, 0)])
def test_a_t1_weighted_scan_is_told_by_the_bright_pallidum(pallidum: float, thalamus: float, told: int) -> None:
    names = ("background", "left_subthalamic_nucleus", "left_globus_pallidus_externus", "left_thalamus")
    labels = torch.zeros(10, 10, 10, dtype=torch.long)
    labels[2:4], labels[5:8] = 2, 3
    image = torch.where(labels == 2, pallidum, torch.where(labels == 3, thalamus, 0.0))[None]
    given = torch.nn.functional.one_hot(labels, 4).movedim(-1, 0).float()
    assert len(contrast_notes(image, given, SPEC.model_copy(update={"classes": names}))) == told
    assert contrast_notes(image, given, SPEC.model_copy(update={"classes": ("background", "a", *names[2:])})) == []


@pytest.mark.parametrize("axis", (0, 1, 2))
def test_neighboring_slices_are_averaged_along_the_axis_that_the_model_slices(axis: int) -> None:
    image = torch.zeros(1, 5, 5, 5)
    image[0, 2, 2, 2] = 1.0
    line = smoothed_across_slices(image, axis)[0].movedim(axis, 0)
    assert line[:, 2, 2].tolist() == [0, 0.25, 0.5, 0.25, 0]
    assert float(line.sum()) == 1
