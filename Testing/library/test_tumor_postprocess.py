"""Islands that are no tumor go, satellites that enhance stay, and a rim's inside is core."""

from __future__ import annotations

import numpy as np
import torch

from neurospineseg.geometry.grid import Grid
from neurospineseg.models.bundle import ModelSpec
from neurospineseg.tasks.class_scores import Postprocessed
from neurospineseg.tasks.tumor.rules import postprocess_tumor

GRID = Grid((60, 60, 60), np.diag([2.0, 2.0, 2.0, 1.0]))
SPEC = ModelSpec(
    name="probe",
    task="tumor",
    channels=("t1c",),
    spacing=(2.0, 2.0, 2.0),
    patch=(32, 32, 32),
    normalization="foreground_zscore",
    classes=("background", "necrotic_core", "edema", "enhancing_tumor"),
)
KK, JJ, II = np.indices(GRID.shape)


def ball(k: int, j: int, i: int, radius: float) -> np.ndarray:
    return (KK - k) ** 2 + (JJ - j) ** 2 + (II - i) ** 2 < radius**2


def run(classes: np.ndarray, sureness: float) -> Postprocessed:
    rest = (1 - sureness) / 3
    probabilities = torch.nn.functional.one_hot(torch.from_numpy(classes), 4).movedim(-1, 0).float() * (sureness - rest) + rest
    return postprocess_tumor(probabilities, GRID, SPEC)


def notes(classes: np.ndarray, sureness: float) -> list[str]:
    return run(classes, sureness).notes


def processed(classes: np.ndarray, sureness: float = 0.97) -> np.ndarray:
    done = run(classes, sureness)
    assert torch.allclose(done.probabilities.sum(0), torch.ones(GRID.shape), atol=1e-4)
    return done.probabilities.argmax(0).numpy()


def test_small_islands_of_edema_go_and_enhancing_satellites_stay() -> None:
    classes = np.zeros(GRID.shape, np.int64)
    classes[ball(25, 25, 25, 12)], classes[ball(25, 25, 25, 6)] = 2, 3
    classes[ball(50, 50, 50, 4)] = 2
    classes[ball(50, 12, 50, 3)] = 3
    classes[55, 5, 5] = 3
    found = processed(classes)
    assert not found[ball(50, 50, 50, 4)].any()
    assert (found[ball(50, 12, 50, 3)] == 3).all()
    assert found[55, 5, 5] == 0
    assert np.array_equal(found[:40, :40, :40], classes[:40, :40, :40])


def test_a_second_large_lesion_stays() -> None:
    classes = np.zeros(GRID.shape, np.int64)
    classes[ball(15, 15, 15, 9)], classes[ball(44, 44, 44, 7)] = 2, 2
    assert np.array_equal(processed(classes), classes)


def test_a_faint_island_beside_a_larger_one_is_no_tumor_and_a_faint_tumor_is_doubted() -> None:
    classes = np.zeros(GRID.shape, np.int64)
    classes[ball(25, 25, 25, 12)] = 2
    assert processed(classes, sureness=0.3).any()
    assert processed(classes, sureness=0.9).any()
    assert "faintly likely" in notes(classes, sureness=0.3)[0]
    assert not notes(classes, sureness=0.9)
    classes[ball(25, 25, 45, 6)] = 2
    assert not processed(classes, sureness=0.3)[ball(25, 25, 45, 6)].any()


def test_edema_within_a_rim_with_gaps_is_core_and_edema_around_it_is_not() -> None:
    classes = np.zeros(GRID.shape, np.int64)
    classes[ball(30, 30, 30, 20)] = 2
    rim = ball(30, 30, 30, 11) & ~ball(30, 30, 30, 8.5)
    rim &= ~(ball(30, 30, 40, 1.2))
    classes[rim] = 3
    found = processed(classes)
    assert (found[ball(30, 30, 30, 7)] == 1).mean() > 0.98
    assert (found[ball(30, 30, 30, 20) & ~ball(30, 30, 30, 14)] == 2).all()
    assert (found[rim] == 3).all()


def test_edema_beside_a_solid_core_is_left_alone() -> None:
    classes = np.zeros(GRID.shape, np.int64)
    classes[ball(30, 30, 30, 16) & (II < 34)] = 2
    classes[ball(30, 30, 40, 8)] = 3
    assert np.array_equal(processed(classes), classes)


def test_nothing_found_stays_nothing() -> None:
    assert not processed(np.zeros(GRID.shape, np.int64)).any()
