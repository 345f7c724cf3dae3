"""The cube follows the head: place, axes and left/right come from the landmarks and the affine."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from neurospineseg.checks import scan_recognition as recognize
from neurospineseg.checks.scan_recognition import Recognizer
from neurospineseg.errors import InputError
from neurospineseg.geometry.grid import Grid
from neurospineseg.images.volume import Volume
from neurospineseg.inference import head_pose as locate
from neurospineseg.inference.head_pose import (
    FIRST_RESIDUAL_MM,
    LARGEST_RESIDUAL_MM,
    MNI_PLACES,
    REGION_CENTER_MNI,
    Pose,
    find_pose,
    fit_pose,
    locate_region,
    mni_place,
    upright_grid,
)
from neurospineseg.models.bundle import ModelSpec

CLASSES = ("background", *(f"{side}_{name}" for name in MNI_PLACES for side in ("left", "right")))
SPEC = ModelSpec(
    name="locator",
    task="subcortical",
    role="locate",
    channels=("image",),
    spacing=(4, 4, 4),
    patch=(48, 56, 48),
    normalization="foreground_percentile",
    classes=CLASSES,
)


def turned(degrees: float, axis: int) -> np.ndarray:
    angle = np.radians(degrees)
    a, b = [n for n in range(3) if n != axis]
    matrix = np.eye(3)
    matrix[a, a] = matrix[b, b] = np.cos(angle)
    matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
    return matrix


def balls(places: dict[str, np.ndarray], radius_mm: float = 9.0) -> tuple[torch.Tensor, Grid]:
    """Probabilities with a ball at each landmark, on a 4 mm grid along R, A, S."""
    grid = Grid.canonical(np.mean(list(places.values()), 0), (140, 140, 120), (4, 4, 4))
    return balls_on(places, grid, radius_mm), grid


def balls_on(places: dict[str, np.ndarray], grid: Grid, radius_mm: float = 9.0) -> torch.Tensor:
    k, j, i = np.indices(grid.shape)
    ras = np.stack([i, j, k], -1) @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]
    nearest = np.stack(
        [np.linalg.norm(ras - places[name], axis=-1) if name in places else np.full(grid.shape, 99.0) for name in CLASSES[1:]]
    )
    labels = np.where(nearest.min(0) < radius_mm, nearest.argmin(0) + 1, 0)
    return torch.nn.functional.one_hot(torch.from_numpy(labels), len(CLASSES)).movedim(-1, 0).float()


@pytest.mark.parametrize(("degrees", "axis", "scale"), [(0, 0, 1.0), (30, 0, 1.1), (-30, 1, 0.9), (25, 2, 1.0)])
def test_pose_is_recovered(degrees: float, axis: int, scale: float) -> None:
    rotation, shift = turned(degrees, axis), np.array([12.0, -40.0, 7.0])
    pose = fit_pose({name: scale * rotation @ mni_place(name) + shift for name in CLASSES[1:]})
    np.testing.assert_allclose(pose.axes, rotation, atol=1e-9)
    np.testing.assert_allclose(pose.offset, shift, atol=1e-9)
    assert pose.scale == pytest.approx(scale)
    assert pose.residual_mm < 1e-9


@pytest.mark.parametrize("degrees", [0.0, 30.0])
def test_cube_follows_a_turned_head(degrees: float) -> None:
    rotation, shift = turned(degrees, 1), np.array([20.0, 5.0, -30.0])
    places = {name: rotation @ mni_place(name) + shift for name in CLASSES[1:]}
    probabilities, grid = balls(places)
    cube = locate_region(find_pose(probabilities, grid, SPEC), 60.0, 0.5)
    assert cube.shape == (120, 120, 120)
    np.testing.assert_allclose(cube.spacing, 0.5)
    assert np.linalg.norm(cube.center - (rotation @ np.array(REGION_CENTER_MNI) + shift)) < 3.0
    axes = cube.ijk_to_ras[:3, :3] / 0.5
    assert np.degrees(np.arccos(np.clip((np.trace(axes.T @ rotation) - 1) / 2, -1, 1))) < 6.0
    assert np.linalg.det(axes) == pytest.approx(1.0)


@pytest.fixture
def grids_seen(monkeypatch: pytest.MonkeyPatch) -> list[Grid]:
    """The grids on which scans were looked at, in place of looking at them."""
    grids: list[Grid] = []

    def remember(volumes, grid, spec) -> torch.Tensor:
        grids.append(grid)
        return torch.zeros(1, *grid.shape)

    monkeypatch.setattr(locate, "to_model_grid", remember)
    monkeypatch.setattr(recognize, "to_model_grid", remember)
    monkeypatch.setattr(recognize, "coarse", lambda volume, spacing: (remember(None, volume.grid, SPEC)[0], volume.grid))
    return grids


def test_a_turned_head_is_straightened_step_by_step(grids_seen: list[Grid]) -> None:
    rotation, shift = turned(28.0, 2), np.array([8.0, -5.0, 10.0])
    seen = []

    def half_straightened(_: torch.Tensor) -> torch.Tensor:
        """What a locator gives that sees only half of the head's turn in the grid it works on."""
        grid = grids_seen[-1]
        axes = grid.ijk_to_ras[:3, :3] / grid.spacing
        left = np.degrees(np.arctan2(*(axes.T @ rotation)[[1, 0], 0]))
        seen.append(left)
        half = axes @ turned(left / 2, 2)
        return balls_on({name: half @ mni_place(name) + shift for name in CLASSES[1:]}, grid)

    reference = Grid.canonical(shift, (200, 200, 200), (2, 2, 2))
    pose = locate.find_head({}, reference, SPEC, half_straightened)
    assert len(seen) == 3
    assert seen[0] == pytest.approx(28, abs=0.5)
    assert abs(seen[-1]) < 8
    assert np.degrees(np.arccos(np.clip((np.trace(pose.axes.T @ rotation) - 1) / 2, -1, 1))) < 4


def test_a_pose_that_is_known_is_not_looked_for(grids_seen: list[Grid]) -> None:
    known = fit_pose({name: mni_place(name) for name in CLASSES[1:]})
    pose = locate.find_head({}, WHOLE, SPEC, lambda _: balls_on({name: mni_place(name) for name in CLASSES[1:]}, grids_seen[-1]), known)
    assert [grid.shape for grid in grids_seen] == [upright_grid(known, SPEC).shape]
    assert pose.residual_mm < 2


STRETCHED = {name: mni_place(name) * (1.0, 1.5, 0.65) for name in CLASSES[1:]}
TURNED = {name: turned(28.0, 2) @ mni_place(name) for name in CLASSES[1:]}
WHOLE = Grid.canonical(np.zeros(3), (200, 200, 200), (4, 4, 4))


def find(way: str, run: Callable[[torch.Tensor], torch.Tensor]) -> Pose | None:
    """The pose that the pipeline or the check before it finds."""
    if way == "recognizer":
        head = Recognizer(SimpleNamespace(spec=SPEC), run, (None, None)).head(Volume(np.zeros(WHOLE.shape, np.float32), WHOLE.ijk_to_ras))
        return head and head.pose
    try:
        return locate.find_head({}, WHOLE, SPEC, run)
    except InputError:
        return None


@pytest.mark.parametrize("way", ["pipeline", "recognizer"])
def test_a_pose_that_fits_badly_at_first_is_confirmed_upright_or_refused(way: str, grids_seen: list[Grid]) -> None:
    assert LARGEST_RESIDUAL_MM < fit_pose(STRETCHED).residual_mm < FIRST_RESIDUAL_MM
    pose = find(way, lambda _: balls_on(STRETCHED if len(grids_seen) == 1 else TURNED, grids_seen[-1]))
    assert pose is not None
    assert pose.residual_mm < 2
    assert len(grids_seen) >= 2
    np.testing.assert_allclose(pose.axes, turned(28.0, 2), atol=0.06)
    grids_seen.clear()
    assert find(way, lambda _: balls_on(STRETCHED, grids_seen[-1])) is None
    assert len(grids_seen) == 2


def test_two_landmarks_may_be_missing_but_not_three() -> None:
    places = {name: mni_place(name) for name in CLASSES[1:]}
    del places["left_caudate"], places["right_caudate"]
    probabilities, grid = balls(places)
    assert np.linalg.norm(locate_region(find_pose(probabilities, grid, SPEC)).center - REGION_CENTER_MNI) < 3.0
    del places["left_thalamus"]
    with pytest.raises(InputError, match="not found"):
        find_pose(*balls(places), SPEC)


def test_scattered_landmarks_are_refused() -> None:
    scattered = dict(zip(CLASSES[1:], np.random.default_rng(0).permutation([mni_place(name) for name in CLASSES[1:]])))
    with pytest.raises(InputError, match="brain MR"):
        find_pose(*balls(scattered), SPEC)


def test_what_lacks_a_landmark_must_look_like_a_head_upright_too(grids_seen: list[Grid]) -> None:
    some = {name: mni_place(name) for name in CLASSES[1:-1]}
    assert find("recognizer", lambda _: balls_on(some if len(grids_seen) == 1 else {}, grids_seen[-1])) is None
    assert len(grids_seen) == 2
    grids_seen.clear()
    assert find("recognizer", lambda _: balls_on(some, grids_seen[-1])) is not None
    assert len(grids_seen) == 2
    grids_seen.clear()
    whole = {**some, CLASSES[-1]: mni_place(CLASSES[-1])}
    assert find("recognizer", lambda _: balls_on(whole, grids_seen[-1])) is not None
    assert len(grids_seen) == 1
