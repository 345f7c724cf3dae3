"""The places worth a look: thick uncertainty, not the shell that every border has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation

from neurospineseg.geometry.grid import Grid, covering_grid
from neurospineseg.images.volume import Volume
from neurospineseg.inference.from_model_grid import to_scan_grid
from neurospineseg.inference.uncertainty import uncertain_regions, uncertainty
from neurospineseg.pipeline.segmenter import Segmenter, Settings
from neurospineseg.tasks.anatomy import structures_of
from neurospineseg.tasks.class_scores import OutputChannel

GRID = Grid((30, 30, 30), np.array([[2.0, 0, 0, -30], [0, 2, 0, 10], [0, 0, 2, 5], [0, 0, 0, 1]]))
CHANNELS = (OutputChannel(0), OutputChannel(7), OutputChannel(9))


def sure_ball_with_a_shell() -> torch.Tensor:
    k, j, i = np.indices(GRID.shape)
    distance = np.sqrt((k - 10) ** 2 + (j - 10) ** 2 + (i - 10) ** 2)
    inside = torch.from_numpy(1 / (1 + np.exp(4 * (distance - 6.0)))).float()
    return torch.stack([1 - inside, inside, torch.zeros_like(inside)])


def test_uncertainty_is_the_margin() -> None:
    found = uncertainty(torch.tensor([0.5, 0.3, 0.2]).reshape(3, 1, 1, 1))
    assert float(found) == pytest.approx(0.8)


def test_beyond_the_segmented_region_nothing_is_doubtful() -> None:
    turned = np.eye(4)
    turned[:3, :3] = Rotation.from_euler("xyz", [25, 20, 30], degrees=True).as_matrix()
    turned[:3, 3] = -30, 10, 5
    scan = Grid((40, 40, 40), turned)
    working = covering_grid(scan, np.full(3, 2.0))
    probabilities = torch.zeros(2, *working.shape)
    middle = tuple(slice(n // 2 - 5, n // 2 + 5) for n in working.shape)
    probabilities[1][middle] = 1
    probabilities[0] = 1 - probabilities[1]
    values = np.zeros(scan.shape, np.uint8)
    labels = to_scan_grid(probabilities, CHANNELS[:2], working, scan, uncertainties=values)
    near = ndimage.distance_transform_edt(labels == 0) < 5
    assert labels.any()
    assert not values[~near].any()
    assert values[near].max() > 200


def test_a_border_is_no_place() -> None:
    assert uncertain_regions(sure_ball_with_a_shell(), CHANNELS, GRID) == []


def test_blobs_are_found_the_most_uncertain_first() -> None:
    probabilities = sure_ball_with_a_shell()
    probabilities[:, 20:26, 20:26, 20:26] = torch.tensor([0.55, 0.05, 0.4]).reshape(3, 1, 1, 1)
    probabilities[:, 8:12, 8:12, 8:12] = torch.tensor([0.4, 0.5, 0.1]).reshape(3, 1, 1, 1)
    first, second = uncertain_regions(probabilities, CHANNELS, GRID)
    assert (first.label, first.marked) == (9, False)
    assert (second.label, second.marked) == (7, True)
    assert first.ml == pytest.approx(6**3 * 8 / 1000, rel=0.3)
    assert first.score > second.score
    voxel = np.linalg.inv(GRID.ijk_to_ras) @ [*first.ras, 1]
    assert ((voxel[:3] >= 21.9) & (voxel[:3] <= 23.1)).all()
    inside = np.zeros(GRID.shape, bool)
    inside[:15] = True
    assert [place.label for place in uncertain_regions(probabilities, CHANNELS, GRID, inside)] == [7]


def test_only_structures_that_were_asked_for_have_places() -> None:
    probabilities = sure_ball_with_a_shell()
    probabilities[:, 20:26, 20:26, 20:26] = torch.tensor([0.55, 0.05, 0.4]).reshape(3, 1, 1, 1)
    probabilities[:, 8:12, 8:12, 8:12] = torch.tensor([0.4, 0.5, 0.1]).reshape(3, 1, 1, 1)
    assert [place.label for place in uncertain_regions(probabilities, CHANNELS, GRID, asked={7})] == [7]
    probabilities[:, 20:26, 20:26, 20:26] = torch.tensor([0.1, 0.4, 0.5]).reshape(3, 1, 1, 1)
    second = uncertain_regions(probabilities, CHANNELS, GRID, asked={7})[0]
    assert (second.label, second.marked) == (7, False)
    assert uncertain_regions(probabilities, CHANNELS, GRID)[0].label == 9


@pytest.mark.parametrize("asked", [None, ("edema",), ("necrotic_core", "enhancing_tumor")])
def test_the_segmenter_asks_for_what_the_user_chose(tiny_models: Path, asked: tuple[str, ...] | None) -> None:
    noise = np.random.default_rng(0).integers(0, 400, (48, 48, 48)).astype(np.float32)
    settings = Settings(model=str(tiny_models / "tiny_tumor"), device="cpu", structures=asked, uncertainty=True)
    places = Segmenter("tumor", settings).run({"t1c": Volume(noise, np.diag([4.0, 4, 4, 1]))}).uncertain_regions
    keys = {found.label: found.key for found in structures_of("tumor")}
    named = {keys[place.label] for place in places}
    assert named
    assert asked is None or named <= set(asked)
