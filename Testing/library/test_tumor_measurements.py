"""What is measured on a glioma: sizes known by construction, on any grid; what cannot be measured is said."""

from __future__ import annotations

import numpy as np
import pytest

from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.diameters import longest_diameters, plane_name, slice_axis
from neurospineseg.measurements.foci import foci
from neurospineseg.measurements.measurement import CUT, Measurement
from neurospineseg.measurements.measuring import measure
from neurospineseg.measurements.outline import outline
from neurospineseg.measurements.tumor import COARSE, NO_ENHANCEMENT
from neurospineseg.measurements.volumes import volume_bar, volume_ml
from Testing.known_sizes.comparison import Compared, kinds, unflagged_beyond
from Testing.known_sizes.ellipsoid import Ellipsoid
from Testing.known_sizes.random_grids import places_of
from Testing.known_sizes.tumors import NAMES, compare, of

SEEDS = (1, 4, 5, 8)


@pytest.fixture(scope="module")
def drawn() -> list[Compared]:
    return [each for seed in SEEDS for each in compare(seed)]


def ball_mask(radius: float, spacing: float, value: int = 3) -> Volume:
    grid = Grid.canonical(np.zeros(3), np.full(3, 2 * radius + 6 * spacing), np.full(3, spacing))
    inside = Ellipsoid(np.array([0.1, -0.2, 0.15]) * spacing, np.full(3, radius), np.eye(3)).holds(places_of(grid))
    return Volume((value * inside).astype(np.uint8), grid.affine)


def test_lengths_of_drawn_tumors_are_right_to_half_a_millimeter(drawn: list[Compared]) -> None:
    medians = {key: float(np.median([abs(each.error) for each in members])) for key, members in kinds(drawn).items()}
    assert {key: round(value, 2) for key, value in medians.items() if key.endswith("diameter") and value > 0.5} == {}


def test_volumes_of_drawn_tumors_are_right_to_three_percent(drawn: list[Compared]) -> None:
    assert np.median([abs(each.percent) for each in kinds(drawn)["volume"]]) < 3


def test_no_length_is_far_off_without_a_flag(drawn: list[Compared]) -> None:
    assert unflagged_beyond(drawn, 2.0) == []


def test_error_bars_of_drawn_tumors_hold_the_truth(drawn: list[Compared]) -> None:
    assert np.mean([each.in_bar for each in drawn]) > 0.9


@pytest.mark.parametrize("spacing", [0.5, 1.0, 2.0])
def test_a_diameter_is_not_short_by_a_voxel(spacing: float) -> None:
    mask = ball_mask(15.0, spacing)
    found = longest_diameters(mask.voxels > 0, mask.grid, slice_axis(mask.grid))
    assert found is not None
    assert found.length == pytest.approx(30.0, abs=0.5 * spacing)


def test_a_ring_is_measured_across_its_dead_middle() -> None:
    mask = ball_mask(15.0, 1.0)
    middle = ball_mask(13.0, 1.0).voxels > 0
    voxels = mask.voxels.copy()
    inner = np.zeros(voxels.shape, bool)
    inner[2:-2, 2:-2, 2:-2] = middle
    voxels[inner] = 1
    assert of(measure(Volume(voxels, mask.affine), NAMES, "tumor"), "longest_diameter", "focus_1").value == pytest.approx(30, abs=0.6)


def test_a_line_does_not_lead_from_one_tumor_to_another() -> None:
    labels = np.zeros((20, 30, 60), np.uint8)
    labels[5:15, 5:15, 5:15] = 3
    labels[5:15, 5:15, 40:50] = 3
    labels[9, 9, 15:40] = 1  # one focus, by a bridge in another slice than most
    found = longest_diameters(labels == 3, Grid(labels.shape, np.eye(4)), 0, within=labels == 3)
    assert found is not None
    assert found.length < 16


def test_the_ends_of_both_lines_lie_in_one_slice_at_right_angles() -> None:
    rng = np.random.default_rng(3)
    shear = np.array([[1.0, 0.3, 0.2], [0, 1, 0.1], [0, 0, 1]]) @ np.diag([0.9, 0.9, 3.0])
    voxels = np.zeros((12, 40, 40), bool)
    voxels[2:10, 5:30, 8:20] = rng.random((8, 25, 12)) < 0.9
    found = longest_diameters(voxels, Grid(voxels.shape, Affine.of(shear)), 0)
    assert found is not None
    first, second = np.diff(found.longest, axis=0)[0], np.diff(found.across, axis=0)[0]
    assert abs(first @ second) / np.linalg.norm(first) / np.linalg.norm(second) < 1e-6
    assert np.ptp(Affine.of(shear).kji_of(np.concatenate([found.longest, found.across]))[:, 0]) < 1e-6


def test_slices_are_those_that_are_thicker_than_their_pixels() -> None:
    assert slice_axis(Grid((9, 9, 9), np.diag([4.0, 0.9, 0.9, 1]))) == 2


def test_slices_of_even_voxels_are_axial() -> None:
    turned = Affine.of(np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]]))
    assert slice_axis(Grid((9, 9, 9), turned)) == 2


def test_the_plane_has_a_name() -> None:
    assert plane_name(Grid((9, 9, 9), np.diag([4.0, 0.9, 0.9, 1])), 2) == "sagittal"


def test_small_pieces_are_no_foci() -> None:
    mask = np.zeros((30, 30, 30), bool)
    mask[2:7, 2:7, 2:7] = True
    mask[20:24, 20:24, 20:24] = True
    assert [round(each.ml, 3) for each in foci(mask, Grid(mask.shape, np.eye(4)))] == [0.125]


def test_pieces_that_touch_by_a_corner_are_one_focus() -> None:
    mask = np.zeros((30, 30, 30), bool)
    mask[2:7, 2:7, 2:7] = True
    mask[7:12, 7:12, 7:12] = True
    assert len(foci(mask, Grid(mask.shape, np.eye(4)))) == 1


def test_a_tumor_without_enhancement_has_no_diameter_and_says_so() -> None:
    found = of(measure(ball_mask(12.0, 1.0, value=2), NAMES, "tumor"), "longest_diameter", "focus_1")
    assert (found.value, found.flags) == (None, (NO_ENHANCEMENT,))


def test_a_tumor_at_the_edge_of_the_scan_is_flagged() -> None:
    mask = ball_mask(12.0, 1.0)
    cut = Volume(mask.voxels[:, :, 8:], mask.affine.from_voxel((0, 0, 8)))
    assert CUT in of(measure(cut, NAMES, "tumor"), "volume", "whole_tumor").flags


def test_coarse_voxels_are_flagged() -> None:
    assert COARSE in of(measure(ball_mask(20.0, 3.0), NAMES, "tumor"), "longest_diameter", "focus_1").flags


def test_an_empty_mask_has_volumes_of_zero_and_no_focus() -> None:
    empty = Volume(np.zeros((5, 6, 7), np.uint8), np.eye(4))
    measured = measure(empty, NAMES, "tumor")
    assert [each.value for each in measured] == [0.0] * 5
    assert measured.notes[0].startswith("There is no focus")


def _with_probabilities(sharp: float) -> Measurement:
    mask = ball_mask(12.0, 1.0)
    away = np.linalg.norm(places_of(mask.grid), axis=-1)
    likely = Volume((1 / (1 + np.exp((away - 12) / sharp))).astype(np.float32), mask.affine)
    nothing = Volume(np.zeros_like(likely.voxels), mask.affine)
    given = {"enhancing_tumor": likely, "necrotic_core": nothing, "edema": nothing}
    return of(measure(mask, NAMES, "tumor", probabilities=given), "longest_diameter", "focus_1")


def test_error_bars_come_from_the_probabilities() -> None:
    found = _with_probabilities(1.0)
    assert (found.low, found.high) == (pytest.approx(24 - 2 * np.log(7 / 3), abs=0.4), pytest.approx(24 + 2 * np.log(7 / 3), abs=0.4))


def test_sure_probabilities_give_a_short_error_bar() -> None:
    sure, doubtful = _with_probabilities(0.3), _with_probabilities(1.5)
    assert sure.high - sure.low < 0.5 * (doubtful.high - doubtful.low)  # type: ignore[operator]


def test_half_a_voxel_around_a_ball_changes_its_volume_as_its_surface_tells() -> None:
    mask = ball_mask(15.0, 1.0)
    low, high = volume_bar(mask.voxels > 0, mask.grid, None)
    assert (high - low) / 2 == pytest.approx(4 * np.pi * 15**2 * 0.5 / 1000, rel=0.05)
    assert volume_ml(mask.voxels > 0, mask.grid) == pytest.approx(4 / 3 * np.pi * 15**3 / 1000, rel=0.01)


def test_the_outline_of_probabilities_lies_where_they_reach_the_level() -> None:
    slope = np.repeat(np.linspace(1, 0, 11)[None], 6, 0)
    columns = outline(slope, 0.5)[..., 1]
    assert columns.max() == pytest.approx(5.0)
