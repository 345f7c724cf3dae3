"""What is measured on the deep nuclei: sizes and places known by construction in the frame of the commissures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.ac_pc import NUCLEI_MNI, AcPc, ac_pc_of_mni, ac_pc_of_nuclei, nucleus_mni
from neurospineseg.measurements.measurement import CUT, UNSURE
from neurospineseg.measurements.midline import MidPlane, mid_plane, middle_shift
from neurospineseg.measurements.nuclei import measure_nuclei, measure_nuclei_in
from neurospineseg.measurements.published import PUBLISHED, published
from neurospineseg.measurements.reach import surface_points
from neurospineseg.tasks.anatomy import structures_of
from Testing.known_sizes.comparison import Compared, kinds, unflagged_beyond
from Testing.known_sizes.ellipsoid import Ellipsoid
from Testing.known_sizes.heads import compare, compare_commissures, draw_head
from Testing.known_sizes.random_grids import places_of
from Testing.known_sizes.tumors import of


@pytest.fixture(scope="module")
def drawn() -> list[Compared]:
    return [each for seed in (0, 2, 3) for each in compare(seed)]


def test_places_of_drawn_nuclei_are_right_to_half_a_millimeter(drawn: list[Compared]) -> None:
    medians = {key: float(np.median([abs(each.error) for each in members])) for key, members in kinds(drawn).items()}
    assert {key: round(value, 2) for key, value in medians.items() if key != "volume" and value > 0.5} == {}


def test_no_place_is_far_off_without_a_flag(drawn: list[Compared]) -> None:
    assert unflagged_beyond(drawn, 2.0) == []


def test_volumes_of_drawn_nuclei_are_right_to_three_percent(drawn: list[Compared]) -> None:
    assert np.median([abs(each.percent) for each in kinds(drawn)["volume"]]) < 3


def test_commissures_are_found_from_nuclei_that_lie_a_little_elsewhere() -> None:
    found = [each for seed in (0, 1, 2) for each in compare_commissures(seed)]
    assert np.median([each.error for key in ("ac_off", "pc_off") for each in kinds(found)[key]]) < 1.0


def test_the_frame_has_the_right_to_the_right_and_up_above() -> None:
    frame = AcPc(np.array([1.0, 12, 3]), np.array([1.0, -13, 3]), np.array([1.0, 0, 70]))
    assert np.allclose(frame.to_ras.linear, np.eye(3))
    assert np.allclose(frame.of_ras(np.array([1.0, -0.5, 3])), 0)


def test_the_frame_is_rigid_where_the_midline_point_leans() -> None:
    frame = AcPc(np.array([1.0, 12, 3]), np.array([2.0, -13, 5]), np.array([4.0, 9, 70]))
    assert np.allclose(frame.to_ras.linear.T @ frame.to_ras.linear, np.eye(3))
    assert np.linalg.det(frame.to_ras.linear) == pytest.approx(1)


def test_points_on_one_line_are_refused() -> None:
    with pytest.raises(InputError, match="one line"):
        AcPc(np.array([0.0, 12, 0]), np.array([0.0, -12, 0]), np.array([0.0, 40, 0]))


def test_nuclei_where_the_atlas_has_them_give_the_commissures_of_the_atlas() -> None:
    pose = Affine.of(1.1 * Rotation.from_euler("xyz", (20, -10, 30), degrees=True).as_matrix(), (5, 6, 7))
    keys = [f"{side}_{key}" for side in ("left", "right") for key in NUCLEI_MNI]
    frame = ac_pc_of_nuclei({key: pose.apply(nucleus_mni(key)) for key in keys})
    assert frame is not None
    assert np.allclose(frame.ac, ac_pc_of_mni(pose).ac)
    assert np.allclose(frame.pc, ac_pc_of_mni(pose).pc)


def test_nuclei_of_one_side_give_no_frame() -> None:
    assert ac_pc_of_nuclei({f"left_{key}": nucleus_mni(f"left_{key}") for key in NUCLEI_MNI}) is None


def test_without_a_frame_there_are_volumes_and_a_note() -> None:
    head = draw_head(0)
    left = replace(head.mask, names={label: key for label, key in head.mask.names.items() if key.startswith("left_")})
    measured = measure_nuclei(left)
    assert {each.key for each in measured} <= {"volume", "stn_from_red_nucleus"}
    assert measured.notes[0].startswith("Coordinates are not told")


def test_commissures_that_may_be_far_off_are_flagged() -> None:
    head = draw_head(0)
    measured = measure_nuclei_in(head.mask, replace(head.frame, error_mm=3.0))
    assert of(measured, "ac_pc_length", "").flags == (UNSURE,)
    assert UNSURE in of(measured, "lateral", "left_thalamus").flags


def test_a_nucleus_at_the_edge_of_the_scan_is_flagged() -> None:
    head = draw_head(0)
    key = next(iter(head.nuclei))
    label = next(number for number, name in head.mask.names.items() if name == key)
    first = int(np.argwhere(head.labels.voxels == label)[:, 0].min()) + 1
    cut = Volume(head.labels.voxels[first:], head.labels.affine.from_voxel((first, 0, 0)))
    assert CUT in of(measure_nuclei_in(replace(head.mask, labels=cut), head.frame), "volume", key).flags


@pytest.mark.parametrize("spacing", [0.5, 1.0, 2.0])
def test_a_mask_reaches_half_a_voxel_beyond_its_outer_voxel_centers(spacing: float) -> None:
    grid = Grid.canonical(np.zeros(3), np.full(3, 24.0), np.full(3, spacing))
    ball = Ellipsoid(np.array([0.1, 0.2, -0.1]) * spacing, np.full(3, 9.0), np.eye(3))
    surface = surface_points(ball.holds(places_of(grid)), grid.affine)
    assert np.ptp(surface[:, 0]) == pytest.approx(18.0, abs=0.5 * spacing)


def test_published_values_name_structures_that_there_are() -> None:
    keys = {structure.key for structure in structures_of("subcortical")}
    families = {key.split("_", 1)[1] for key in keys}
    assert [place for _, place in PUBLISHED if place and place not in keys | families] == []


def test_published_values_name_their_source() -> None:
    known = published("volume", "left_subthalamic_nucleus")
    assert known is not None
    assert "Hum Brain Mapp" in known.source


def _head_scan(pose: Affine) -> Volume:
    """A drawn head: two halves alike but for noise, with what is seen on one side alone."""
    grid = Grid.canonical(pose.apply([0, 0, 0]), np.full(3, 200.0), np.full(3, 4.0))
    own = pose.inverse.apply(places_of(grid))
    mirrored = np.abs(own - (0, 0, 0)) * (1, 0, 0) + own * (0, 1, 1)
    image = np.where(Ellipsoid(np.zeros(3), np.array([68.0, 85, 75]), np.eye(3)).holds(own), 100.0, 0.0)
    for place, radius, value in (((25, 30, 20), 18, 160), ((30, -40, 5), 15, 40), ((12, 0, -20), 10, 200), ((0, 50, -30), 14, 180)):
        image[Ellipsoid(np.array(place, float), np.full(3, float(radius)), np.eye(3)).holds(mirrored)] = value
    return Volume((image + np.random.default_rng(0).normal(0, 3, image.shape)).astype(np.float32), grid.affine)


def test_the_mid_plane_of_a_turned_head_is_found() -> None:
    pose = Affine.of(Rotation.from_euler("xyz", (12, -9, 15), degrees=True).as_matrix(), (20, -30, 10))
    plane = mid_plane(_head_scan(pose))
    assert plane is not None
    assert np.degrees(np.arccos(plane.normal @ pose.linear[:, 0])) < 1
    assert abs(plane.distance(pose.apply([0, 0, 0]))) < 1


def test_the_mid_plane_leaves_out_a_tumor() -> None:
    pose = Affine.of(np.eye(3))
    scan = _head_scan(pose)
    tumor = Ellipsoid(np.array([-35.0, 10, 20]), np.full(3, 25.0), np.eye(3)).holds(places_of(scan.grid))
    voxels = np.where(tumor, 400, scan.voxels).astype(np.float32)
    plane = mid_plane(Volume(voxels, scan.affine), Volume(tumor.astype(np.uint8), scan.affine))
    assert plane is not None
    assert abs(plane.distance(np.zeros(3))) < 1


def test_noise_has_no_mid_plane() -> None:
    noise = np.random.default_rng(0).random((40, 40, 40)).astype(np.float32)
    assert mid_plane(Volume(noise, np.diag([4.0, 4, 4, 1]))) is None


@pytest.mark.parametrize("shift", [0.0, 6.0])
def test_the_shift_of_the_middle_is_found(shift: float) -> None:
    scan = _head_scan(Affine.of(np.eye(3)))
    own = places_of(scan.grid)
    voxels = scan.voxels.copy()
    rng = np.random.default_rng(4)
    for _ in range(30):
        place, ball = rng.uniform(-1, 1, 3) * (9, 30, 22), np.full(3, rng.uniform(4, 9))
        value = rng.uniform(20, 220)
        for side in (-1, 1):
            voxels[Ellipsoid(place * (side, 1, 1) + (shift, 0, 0), ball, np.eye(3)).holds(own)] = value
    found = middle_shift(Volume(voxels, scan.affine), MidPlane(np.zeros(3), np.array([1.0, 0, 0]), 1.0))
    assert found == pytest.approx(shift, abs=1.0)


def test_sides_are_those_of_the_normal() -> None:
    plane = MidPlane(np.zeros(3), np.array([1.0, 0, 0]), 1.0)
    assert (plane.side(np.array([3.0, 5, 5])), plane.side(np.array([-3.0, 5, 5]))) == ("right", "left")
