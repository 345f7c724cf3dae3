"""The small nuclei slide to where the scan shows them, all of a side by the same, and stay where it shows nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neurospineseg.geometry.grid import Grid
from neurospineseg.models.bundle import ModelSpec
from neurospineseg.tasks.subcortical.visible_nuclei import MOVED, onto_visible

CLASSES = ("background", *(f"{side}_{name}" for name in (*MOVED, "thalamus") for side in ("left", "right")))
SPEC = ModelSpec(
    name="nuclei",
    task="subcortical",
    channels=("image",),
    spacing=(1, 1, 1),
    patch=(40, 40, 40),
    normalization="foreground_zscore",
    classes=CLASSES,
)
GRID = Grid.canonical(np.zeros(3), (40, 40, 40), (1, 1, 1))
PLACES = {  # of the right ones; first voxel along k, j, i
    "red_nucleus": (14, 14, 22),
    "substantia_nigra": (10, 16, 26),
    "subthalamic_nucleus": (15, 20, 26),
    "zona_incerta": (19, 20, 26),
}
THALAMUS = (26, 14, 24)


def anatomy(up: int = 0, forward: int = 0) -> np.ndarray:
    """Classes (K, J, I) of both sides, the small nuclei of both moved by voxels."""
    labels = np.zeros(GRID.shape, np.int64)
    for name, (k, j, i) in (*PLACES.items(), ("thalamus", THALAMUS)):
        k, j = (k, j) if name == "thalamus" else (k + up, j + forward)
        box = (slice(k, k + 4), slice(j, j + 4), slice(i, i + 4))
        labels[box] = CLASSES.index(f"right_{name}")
        labels[(*box[:2], slice(40 - i - 4, 40 - i))] = CLASSES.index(f"left_{name}")
    return labels


def scan(labels: np.ndarray, contrast: float) -> torch.Tensor:
    """Noise, in which the nuclei with iron differ by so many of its deviations."""
    iron = np.isin(labels, [CLASSES.index(f"{side}_{name}") for side in ("left", "right") for name in MOVED[:3]])
    noise = np.random.default_rng(0).standard_normal(labels.shape)
    return torch.from_numpy((noise + contrast * iron).astype(np.float32))[None]


def probabilities(labels: np.ndarray) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.from_numpy(labels), len(CLASSES)).movedim(-1, 0).float() * 0.9 + 0.1 / len(CLASSES)


@pytest.mark.parametrize("contrast", [-4.0, 4.0])
def test_nuclei_found_too_far_back_and_up_slide_forward_and_down(contrast: float) -> None:
    fitted = onto_visible(scan(anatomy(), contrast), probabilities(anatomy(up=1, forward=-1)), GRID, SPEC)
    assert (fitted.argmax(0).numpy() == anatomy()).mean() > 0.999
    torch.testing.assert_close(fitted.sum(0), torch.ones(GRID.shape))


def test_what_is_not_seen_goes_with_what_is() -> None:
    found = onto_visible(scan(anatomy(), -4.0), probabilities(anatomy(forward=-1)), GRID, SPEC).argmax(0).numpy()
    number = CLASSES.index("left_zona_incerta")
    np.testing.assert_allclose(GRID.centroid(found == number), GRID.centroid(anatomy() == number), atol=0.1)


def test_nothing_moves_where_nothing_is_seen() -> None:
    given = probabilities(anatomy(up=1))
    assert onto_visible(scan(anatomy(), -0.3), given, GRID, SPEC) is given


def test_nuclei_in_their_place_stay_there() -> None:
    given = probabilities(anatomy())
    assert onto_visible(scan(anatomy(), -4.0), given, GRID, SPEC) is given


def test_other_structures_stay_when_the_nuclei_slide() -> None:
    found = onto_visible(scan(anatomy(), -4.0), probabilities(anatomy(up=1)), GRID, SPEC).argmax(0).numpy()
    number = CLASSES.index("right_thalamus")
    np.testing.assert_array_equal(found == number, anatomy() == number)


def test_a_model_of_other_structures_is_left_alone() -> None:
    spec = SPEC.model_copy(update={"classes": ("background", "left_thalamus")})
    given = torch.rand(2, *GRID.shape)
    assert onto_visible(scan(anatomy(), -4.0), given, GRID, spec) is given
