"""The same voxels give the same mask however their header or a parent transform turns them, on a working grid of the same size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.agreement import dice
from neurospineseg.geometry.region import Region
from neurospineseg.images.volume import Volume
from neurospineseg.pipeline.run import Run
from neurospineseg.pipeline.scan_frame import moved_region
from neurospineseg.pipeline.segmenter import Segmenter, Settings

TURNS = [("x", 45), ("x", -45), ("y", 45), ("z", -45), ("xz", (20, 10)), ("xyz", (25, -25, 20))]
ANY_TURN = st.tuples(st.tuples(*[st.floats(-1, 1)] * 3), st.floats(0, 44)).filter(lambda turn: np.linalg.norm(turn[0]) > 0.1)
FRAME = np.array([40.0, -25.0, 60.0])


class Sides(torch.nn.Module):
    """Edema in what is bright above, tumor that enhances below, a core on the right, as the network's own axes have it."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        bright = (image[:, :1] - 0.5) * 8
        k, _, i = (torch.linspace(-1, 1, n).view([-1 if axis == at else 1 for at in range(3)]) for axis, n in enumerate(image.shape[2:]))
        right, above = i.sigmoid() * torch.ones_like(bright), (k * 4).sigmoid() * torch.ones_like(bright)
        return torch.cat([-bright, bright + 6 * right - 5, bright + 4 * above - 3, bright - 4 * above], 1)


def drawn(order: tuple[int, ...], signs: tuple[int, ...]) -> Volume:
    """A head-like body, unlike itself from every side, in voxels of three sizes; off the middle of RAS."""
    linear = np.eye(3)[:, order] * signs * (3.1, 3.7, 4.4)
    shape = tuple(int(n) for n in np.ceil(130 / np.abs(linear).sum(0))[::-1])
    grid = Affine.of(linear, FRAME - linear @ ((np.array(shape[::-1]) - 1) / 2))
    ras = grid.apply_kji(np.moveaxis(np.indices(shape), 0, -1)) - FRAME
    body = ((ras / (55, 60, 50)) ** 2).sum(-1) < 1
    lump = ((ras - (20, 12, 9)) ** 2).sum(-1) < 24**2
    noise = np.random.default_rng(1).normal(0, 4, shape)
    return Volume(np.where(lump, 400, np.where(body, 100 + ras[..., 2] + noise, 0)).astype(np.float32), grid)


def moved(scan: Volume, turn: np.ndarray) -> Volume:
    """The scan under a rotated parent transform."""
    return Volume(scan.voxels, Affine.of(turn, (11.0, -7.0, 3.0)) @ scan.affine)


@pytest.fixture(scope="module")
def segmenter(tiny_models: Path) -> Segmenter:
    made = Segmenter("tumor", Settings(model=str(tiny_models / "tiny_tumor"), device="cpu", uncertainty=True))
    made._networks[made.bundle.spec.name] = Sides().eval()
    return made


def assert_alike(segmenter: Segmenter, scan: Volume, turn: np.ndarray) -> None:
    turned = moved(scan, turn)
    straight, other = (segmenter.run({"t1c": each}) for each in (scan, turned))
    np.testing.assert_array_equal(other.labels.ijk_to_ras, turned.ijk_to_ras)
    assert [structure.key for structure in other.structures] == [structure.key for structure in straight.structures]
    for structure in straight.structures:
        assert dice(other.labels.voxels == structure.label, straight.labels.voxels == structure.label) > 0.98, structure.key


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0)])
@pytest.mark.parametrize(("axes", "degrees"), TURNS)
def test_a_turned_scan_has_the_mask_of_the_straight_one(segmenter: Segmenter, order, axes, degrees) -> None:
    assert_alike(segmenter, drawn(order, (-1, -1, 1)), Rotation.from_euler(axes, degrees, degrees=True).as_matrix())


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turn=ANY_TURN, order=st.permutations((0, 1, 2)), signs=st.tuples(*[st.sampled_from((-1, 1))] * 3))
def test_any_scan_has_the_mask_of_the_straight_one(segmenter: Segmenter, turn, order, signs) -> None:
    direction, degrees = turn
    rotation = Rotation.from_rotvec(np.array(direction) / np.linalg.norm(direction) * degrees, degrees=True)
    assert_alike(segmenter, drawn(order, signs), rotation.as_matrix())


@pytest.mark.parametrize(("axes", "degrees"), TURNS)
def test_the_working_grid_of_a_turned_scan_is_no_larger(segmenter: Segmenter, axes, degrees) -> None:
    scan, turn = drawn((1, 2, 0), (-1, -1, 1)), Rotation.from_euler(axes, degrees, degrees=True).as_matrix()
    straight, other = (segmenter.probabilities({"t1c": each}) for each in (scan, moved(scan, turn)))
    assert other.grid.shape == straight.grid.shape
    np.testing.assert_allclose(other.grid.affine.axes, turn @ straight.grid.affine.axes, atol=1e-9)
    np.testing.assert_array_equal(other.class_map().voxels, straight.class_map().voxels)


def test_a_leaning_scan_lies_in_its_frame_to_the_bit_as_it_does_turned(segmenter: Segmenter) -> None:
    """What is computed in 16 bits makes other voxels of the last bit of a place."""
    leaning = moved(drawn((1, 2, 0), (-1, -1, 1)), Rotation.from_euler("xyz", (3, -5, 8), degrees=True).as_matrix())
    runs = [
        Run(segmenter, {"t1c": each}) for each in (leaning, moved(leaning, Rotation.from_euler("xz", (20, 10), degrees=True).as_matrix()))
    ]
    for run in runs:
        run.accept()
    np.testing.assert_array_equal(*(run.reference_scan.ijk_to_ras for run in runs))


def test_a_sheared_scan_has_the_same_mask_turned(segmenter: Segmenter) -> None:
    scan = drawn((0, 1, 2), (1, 1, 1))
    leaning = Volume(scan.voxels, Affine(scan.ijk_to_ras @ (np.eye(4) + 0.25 * np.eye(4)[[3, 3, 1, 3]] * [1, 1, 1, 0])))
    assert_alike(segmenter, leaning, Rotation.from_euler("xyz", (25, -25, 20), degrees=True).as_matrix())


def test_a_region_and_the_doubtful_places_turn_with_the_scan(tiny_models: Path) -> None:
    scan, turn = drawn((1, 2, 0), (-1, -1, 1)), Rotation.from_euler("xyz", (25, -25, 20), degrees=True).as_matrix()
    region = Region(tuple(FRAME + (10, 5, 0)), (80.0, 70.0, 60.0))
    rigid = Affine.of(turn, (11.0, -7.0, 3.0))
    results = []
    for each, where in ((scan, region), (moved(scan, turn), moved_region(region, rigid))):
        made = Segmenter("tumor", Settings(model=str(tiny_models / "tiny_tumor"), device="cpu", uncertainty=True, region=where))
        made._networks[made.bundle.spec.name] = Sides().eval()
        results.append(made.run({"t1c": each}))
    straight, other = results
    assert dice(other.labels.voxels > 0, straight.labels.voxels > 0) > 0.98
    assert straight.uncertain_regions
    np.testing.assert_allclose(
        [place.ras for place in other.uncertain_regions], rigid.apply([place.ras for place in straight.uncertain_regions]), atol=0.02
    )
    np.testing.assert_allclose(other.report["settings"]["region"]["center_ras_mm"], rigid.apply(region.center), atol=1e-6)


def test_the_region_found_turns_with_the_scan(segmenter: Segmenter) -> None:
    scan, turn = drawn((1, 2, 0), (-1, -1, 1)), Rotation.from_euler("xyz", (25, -25, 20), degrees=True).as_matrix()
    straight, other = (segmenter.find_region({"t1c": each}) for each in (scan, moved(scan, turn)))
    np.testing.assert_allclose(other.size, straight.size, atol=1e-6)
    np.testing.assert_allclose(other.axes, turn @ straight.axes, atol=1e-6)
    np.testing.assert_allclose(other.center, Affine.of(turn, (11.0, -7.0, 3.0)).apply(straight.center), atol=1e-6)
