"""A mask lies on its scan through the whole of ``Segmenter.run``, whatever the scan's orientation and spacing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from neurospineseg.geometry.agreement import dice
from neurospineseg.geometry.grid import covering_grid
from neurospineseg.images.intensity import background_value, onto_grid
from neurospineseg.images.volume import Volume
from neurospineseg.pipeline.segmenter import Segmenter, Settings

EXTENT_MM = 130.0
BALL_MM = np.array([14.0, -9.0, 11.0])
RADIUS_MM = 24.0


class Bright(torch.nn.Module):
    """Edema where the first channel is bright, else background."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        bright = (image[:, :1] - 1.0) * 8
        rest = torch.full_like(bright, -20)
        return torch.cat([-bright, rest, bright, rest], 1)


def scan(
    rotation: Rotation, order: tuple[int, int, int], flips: tuple[int, int, int], spacing: tuple[float, float, float]
) -> tuple[Volume, np.ndarray]:
    """A head-like ball of 100 with a brighter one of 400 in it, off the middle; and where that is."""
    axes = rotation.as_matrix()[:, list(order)] * np.array(flips)
    counts = np.ceil(EXTENT_MM / np.array(spacing)).astype(int)
    matrix = np.eye(4)
    matrix[:3, :3] = axes @ np.diag(spacing)
    matrix[:3, 3] = np.array([30.0, -12.0, 55.0]) - matrix[:3, :3] @ ((counts - 1) / 2)
    k, j, i = np.indices(tuple(counts[::-1]))
    ras = np.stack([i, j, k], -1) @ matrix[:3, :3].T + matrix[:3, 3] - np.array([30.0, -12.0, 55.0])
    ball = ((ras - BALL_MM) ** 2).sum(-1) < RADIUS_MM**2
    head = (ras**2).sum(-1) < 58.0**2
    return Volume(np.where(ball, 400, np.where(head, 100, 0)).astype(np.float32), matrix), ball


@pytest.fixture(scope="module")
def segmenter(tiny_models: Path) -> Segmenter:
    made = Segmenter("tumor", Settings(model=str(tiny_models / "tiny_tumor"), device="cpu"))
    made.bundle = type(made.bundle)(
        made.bundle.folder, made.bundle.spec.model_copy(update={"spacing": (1.5, 1.5, 1.5)}), made.bundle.network_def
    )
    made._networks[made.bundle.spec.name] = Bright().eval()
    return made


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    angles=st.tuples(*[st.floats(-40, 40)] * 3),
    order=st.permutations((0, 1, 2)),
    flips=st.tuples(*[st.sampled_from((-1, 1))] * 3),
    spacing=st.tuples(*[st.floats(0.9, 3.0)] * 3),
)
def test_the_mask_overlays_the_scan(segmenter: Segmenter, angles, order, flips, spacing) -> None:
    volume, ball = scan(Rotation.from_euler("xyz", angles, degrees=True), tuple(order), flips, spacing)
    result = segmenter.run({"t1c": volume})
    assert result.labels.shape == volume.shape
    np.testing.assert_array_equal(result.labels.ijk_to_ras, volume.ijk_to_ras)
    found = result.labels.voxels == 2
    assert dice(found, ball) > 0.95
    middles = [volume.ijk_to_ras[:3, :3] @ np.argwhere(mask).mean(0)[::-1] + volume.ijk_to_ras[:3, 3] for mask in (found, ball)]
    assert np.linalg.norm(middles[0] - middles[1]) < 0.5


@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
@pytest.mark.parametrize("turn", [np.eye(3), Rotation.from_euler("xyz", (20, 35, 50), degrees=True).as_matrix()])
def test_whole_numbers_come_onto_the_grid_as_the_same_floats_do(dtype: type, turn: np.ndarray) -> None:
    voxels = np.random.default_rng(0).integers(0, 900, (21, 24, 18)).astype(dtype)
    matrix = np.eye(4)
    matrix[:3, :3] = turn
    working = covering_grid(Volume(voxels, matrix).grid, np.full(3, 2.3))
    for kind in ("foreground_zscore", "foreground_percentile"):
        whole, floats = (
            onto_grid(volume.tensor, 7.0, volume.grid, working, kind)
            for volume in (Volume(voxels, matrix), Volume(voxels.astype(np.float32), matrix))
        )
        assert whole.dtype == torch.float32
        assert torch.equal(whole, floats)
        assert background_value(torch.from_numpy(voxels)) == background_value(torch.from_numpy(voxels.astype(np.float32)))
