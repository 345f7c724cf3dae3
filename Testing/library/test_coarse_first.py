"""A fine model looks only where its coarse one found anything, and its mask lies on the scan all the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from neurospineseg.errors import InputError
from neurospineseg.geometry.agreement import dice
from neurospineseg.images.volume import Volume
from neurospineseg.inference.coarse_to_fine import coarse_bundle
from neurospineseg.models.bundle import Bundle, find_bundle
from neurospineseg.pipeline.segmenter import Segmenter, Settings

FINE, COARSE = "tumor_glioma_1mm", "tumor_glioma"
RADIUS_MM = 15.0
CHANNELS = find_bundle(FINE).spec.channels


class Brighter(torch.nn.Module):
    """The whole tumor, and no more, where the first channel is above a level; keeps how many windows it saw."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level, self.windows = level, 0

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.windows += len(image)
        bright = (image[:, :1] - self.level) * 8
        rest = torch.full_like(bright, -20)
        return torch.cat([bright, rest, rest], 1)


@pytest.fixture
def balls() -> tuple[Volume, np.ndarray, np.ndarray]:
    """An oblique head of 1.2 mm with a bright ball of 400 and one of 220; and where these are."""
    matrix = np.eye(4)
    matrix[:3, :3] = 1.2 * Rotation.from_euler("xyz", (8, -12, 20), degrees=True).as_matrix()
    matrix[:3, 3] = -80, -70, -60
    kji = np.indices((120, 120, 110)).transpose(1, 2, 3, 0) * 1.2
    middle = np.array([72.0, 72.0, 66.0])
    brighter, darker = (((kji - middle - offset) ** 2).sum(-1) < RADIUS_MM**2 for offset in ((0, -30, 0), (0, 35, 0)))
    head = ((kji - middle) ** 2).sum(-1) < 62**2
    voxels = np.where(brighter, 400, np.where(darker, 220, np.where(head, 100, 0))).astype(np.float32)
    return Volume(voxels, matrix), brighter, darker


def segmenter(coarse_level: float) -> tuple[Segmenter, Brighter]:
    """The fine model with a network that marks both balls, behind a coarse one that marks what is above a level."""
    fine = Brighter(1.0)
    assert find_bundle(FINE).spec.coarse == COARSE
    assert find_bundle(FINE).spec.nested == find_bundle(COARSE).spec.nested == ("edema", "necrotic_core", "enhancing_tumor")
    networks: dict[str, torch.nn.Module] = {FINE: fine, COARSE: Brighter(coarse_level)}
    made = Segmenter("tumor", Settings(model=FINE, device="cpu", force=True), networks)
    return made, fine


def test_only_what_the_coarse_model_found_is_looked_at(balls: tuple[Volume, np.ndarray, np.ndarray]) -> None:
    volume, brighter, darker = balls
    both, fine = segmenter(1.0)
    result = both.run({"t1c": volume})
    found = result.labels
    assert result.report["coarse_model"]["name"] == COARSE
    assert found.shape == volume.shape
    assert np.array_equal(found.ijk_to_ras, volume.ijk_to_ras)
    assert dice(found.voxels > 0, brighter | darker) > 0.95
    everywhere = fine.windows
    one, fine = segmenter(4.0)
    labels = one.run({"t1c": volume}).labels.voxels
    assert dice(labels > 0, brighter) > 0.93
    assert not labels[darker].any()
    assert 0 < fine.windows < everywhere


def test_where_the_coarse_model_finds_nothing_nothing_is_marked(balls: tuple[Volume, np.ndarray, np.ndarray]) -> None:
    none, fine = segmenter(100.0)
    result = none.run({"t1c": balls[0]})
    assert not result.labels.voxels.any()
    assert result.structures == []
    assert fine.windows == 0
    assert any("Nothing was found" in warning for warning in result.warnings)


class Hidden(Brighter):
    """Finds nothing where T2 is given; ``slope`` makes it the surer."""

    def __init__(self, slope: float) -> None:
        super().__init__(1.0)
        self.slope = slope

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        bright = (image[:, :1] - self.level) * self.slope - 40.0 * image[:, [CHANNELS.index("t2")]].any()
        rest = torch.full_like(bright, -20)
        return torch.cat([bright, rest, rest], 1)


class Watched(Brighter):
    """Keeps whether it saw anything in T2."""

    saw_t2 = False

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.saw_t2 |= bool(image[:, CHANNELS.index("t2")].any())
        return super().forward(image)


def scans(volume: Volume, *others: str) -> dict[str, Volume]:
    """The balls in T1c, and other channels that show a head alone."""
    noise = np.random.default_rng(1).uniform(50, 150, (len(others), *volume.shape)).astype(np.float32)
    return {"t1c": volume} | {name: Volume(values * (volume.voxels > 0), volume.ijk_to_ras) for name, values in zip(others, noise)}


def hiding(slope: float) -> tuple[Segmenter, Watched]:
    fine = Watched(1.0)
    return Segmenter("tumor", Settings(model=FINE, device="cpu", force=True), {FINE: fine, COARSE: Hidden(slope)}), fine


def test_what_hides_in_t2_is_found_without_it(balls: tuple[Volume, np.ndarray, np.ndarray]) -> None:
    volume, brighter, darker = balls
    made, fine = hiding(8.0)
    result = made.run(scans(volume, "t2", "flair"))
    assert dice(result.labels.voxels > 0, brighter | darker) > 0.95
    assert not fine.saw_t2
    assert result.report["left_out"] == ["t2"]
    assert any("so the result is from t1c, flair alone" in warning for warning in result.warnings)
    assert np.array_equal(result.labels.ijk_to_ras, volume.ijk_to_ras)


@pytest.mark.parametrize(("slope", "others", "told"), [(0.3, ("t2", "flair"), True), (8.0, ("t2",), False)])
def test_what_is_faint_without_t2_is_told_and_without_flair_nothing_is_left_out(
    slope: float, others: tuple[str, ...], told: bool, balls: tuple[Volume, np.ndarray, np.ndarray]
) -> None:
    made, fine = hiding(slope)
    result = made.run(scans(balls[0], *others))
    assert not result.labels.voxels.any()
    assert fine.windows == 0
    assert "left_out" not in result.report
    assert any("leave t2 out to look at it" in warning for warning in result.warnings) == told


def test_a_model_that_needs_t2_is_given_it(balls: tuple[Volume, np.ndarray, np.ndarray]) -> None:
    made, fine = hiding(8.0)
    bundle = made.bundle
    made.bundle = Bundle(bundle.folder, bundle.spec.model_copy(update={"optional_channels": False}), bundle.network_def)
    result = made.run(scans(balls[0], "t1", "t2", "flair"))
    assert not result.labels.voxels.any()
    assert fine.windows == 0


def test_what_was_left_out_is_not_told_of_an_empty_result(balls: tuple[Volume, np.ndarray, np.ndarray]) -> None:
    made, _ = hiding(8.0)
    made.network(made.bundle).level = 100.0
    result = made.run(scans(balls[0], "t2", "flair"))
    assert result.report["left_out"] == ["t2"]
    assert not any("so the result is from" in warning for warning in result.warnings)
    assert any("Nothing was found" in warning for warning in result.warnings)


def test_where_t2_hides_nothing_it_is_seen(balls: tuple[Volume, np.ndarray, np.ndarray]) -> None:
    volume, fine = balls[0], Watched(1.0)
    made = Segmenter("tumor", Settings(model=FINE, device="cpu", force=True), {FINE: fine, COARSE: Brighter(1.0)})
    result = made.run(scans(volume, "t2", "flair"))
    assert fine.saw_t2
    assert "left_out" not in result.report


def test_a_coarse_model_that_takes_other_scans_is_refused() -> None:
    bundle = find_bundle(FINE)
    other = Bundle(bundle.folder, bundle.spec.model_copy(update={"coarse": "spine_3d"}), bundle.network_def)
    with pytest.raises(InputError, match="takes other scans"):
        coarse_bundle(other)
