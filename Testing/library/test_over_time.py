"""Studies of one patient side by side: what has grown and shrunk is known, and where the head lay."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.change_table import GROWN, SHRUNK
from neurospineseg.measurements.measurement import Measurement, Measurements
from neurospineseg.measurements.over_time import OVERLAP, Change, changes, write_changes
from neurospineseg.pipeline.follow_up import FollowUp, Study, follow
from Testing.known_sizes.ellipsoid import Ellipsoid
from Testing.known_sizes.random_grids import places_of

NAMES = {1: "necrotic_core", 2: "edema", 3: "enhancing_tumor"}
TUMOR = np.array([30.0, -20, 15])
MOVED = Affine.of(Rotation.from_euler("xyz", (6, -5, 9), degrees=True).as_matrix(), (8, -6, 5))


def volumes(*ml: float | None, half_bar: float = 0.5) -> list[tuple[str, Measurements]]:
    """Studies that hold the volume of a whole tumor alone."""
    found = []
    for number, each in enumerate(ml):
        low, high, flags = (None, None, ("cut",)) if each is None else (each - half_bar, each + half_bar, ())
        item = Measurement("volume", "Volume", "whole_tumor", "Whole tumor", "mL", each, low, high, flags=flags)
        found.append((f"study {number}", Measurements("tumor", (item,))))
    return found


def study(name: str, pose: Affine, radius: float, noise: int) -> Study:
    """A drawn head, 3 mm, with a ball of enhancing tumor, in a pose."""
    grid = Grid.canonical(pose.apply([0, 0, 0]), np.full(3, 180.0), np.full(3, 3.0))
    own = pose.inverse.apply(places_of(grid))
    image = np.where(Ellipsoid(np.zeros(3), np.array([62.0, 80, 70]), np.eye(3)).holds(own), 100.0, 0.0)
    rng = np.random.default_rng(5)
    for _ in range(25):
        place, ball = rng.uniform(-1, 1, 3) * (45, 60, 50), np.full(3, rng.uniform(6, 15))
        image[Ellipsoid(place, ball, np.eye(3)).holds(own)] = rng.uniform(20, 220)
    tumor = Ellipsoid(TUMOR, np.full(3, radius), np.eye(3)).holds(own)
    image[tumor] = 300
    scan = (image + np.random.default_rng(noise).normal(0, 4, image.shape)).astype(np.float32)
    return Study(name, Volume((3 * tumor).astype(np.uint8), grid.affine), NAMES, Volume(scan, grid.affine))


@pytest.fixture(scope="module")
def followed() -> FollowUp:
    here = Affine.of(np.eye(3))
    return follow([study("2024", here, 14.0, 1), study("2025", MOVED, 18.0, 2)], "tumor", ["enhancing_tumor"])


def test_a_later_study_is_laid_on_the_first(followed: FollowUp) -> None:
    places = np.array([[40.0, 0, 0], [0, 50, 0], [0, 0, 40], [-40, 0, 0], TUMOR])
    off = np.linalg.norm(followed.to_first[1].apply(MOVED.apply(places)) - places, axis=1)
    assert off.max() < 1.5, "half a voxel"


def test_what_has_grown_is_known(followed: FollowUp) -> None:
    grid = followed.maps[0].grid
    grown = np.count_nonzero(followed.maps[0].voxels == GROWN) * grid.voxel_volume_ml
    assert grown == pytest.approx(4 / 3 * np.pi * (18**3 - 14**3) / 1000, rel=0.05)


def test_nothing_has_shrunk_that_has_grown(followed: FollowUp) -> None:
    grid = followed.maps[0].grid
    assert np.count_nonzero(followed.maps[0].voxels == SHRUNK) * grid.voxel_volume_ml < 0.05


def test_volumes_are_measured_on_their_own_grids(followed: FollowUp) -> None:
    later = next(each for each in followed.changes if each.study == "2025" and each.measured.place == "whole_tumor")
    assert later.from_first_percent == pytest.approx(100 * (18**3 / 14**3 - 1), abs=5)


def test_diameters_of_all_foci_are_followed(followed: FollowUp) -> None:
    assert {each.measured.key for each in followed.changes if each.measured.place == "foci"} == {"sum_of_products", "longest_diameter"}


def test_the_lowest_is_that_of_earlier_studies() -> None:
    last = changes(volumes(10.0, 4.0, 6.0))[-1]
    assert (last.from_first, last.from_first_percent, last.from_lowest, last.from_lowest_percent) == (-4.0, -40.0, 2.0, 50.0)


def test_the_first_study_has_no_change() -> None:
    first = changes(volumes(10.0, 4.0))[0]
    assert (first.from_first, first.from_lowest) == (None, None)


def test_a_number_that_is_not_there_has_no_change() -> None:
    assert [each.from_first for each in changes(volumes(None, 4.0))] == [None, None]


def test_a_change_within_both_error_bars_is_flagged() -> None:
    small, large = changes(volumes(10.0, 10.8))[-1], changes(volumes(10.0, 14.0))[-1]
    assert (OVERLAP in small.flags, OVERLAP in large.flags) == (True, False)


def test_the_table_has_a_row_for_each_number_of_each_study(tmp_path: Path) -> None:
    write_changes(changes(volumes(10.0, 4.0)), tmp_path / "table.csv")
    with open(tmp_path / "table.csv", encoding="utf-8-sig") as file:
        found = [(row["study"], row["value"], row["from_first"], row["from_first_percent"]) for row in csv.DictReader(file)]
    assert found == [("study 0", "10.000", "", ""), ("study 1", "4.000", "-6.000", "-60.000")]


def test_a_table_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must end in .csv"):
        write_changes([], tmp_path / "table.xls")


def test_one_study_is_refused() -> None:
    with pytest.raises(InputError, match="two or more"):
        follow([study("2024", Affine.of(np.eye(3)), 14.0, 1)], "tumor", ["enhancing_tumor"])


def test_two_studies_of_one_name_are_refused() -> None:
    one = study("2024", Affine.of(np.eye(3)), 14.0, 1)
    with pytest.raises(InputError, match="same name"):
        follow([one, one], "tumor", ["enhancing_tumor"])


def test_masks_without_scans_are_taken_as_they_lie() -> None:
    one = study("2024", Affine.of(np.eye(3)), 14.0, 1)
    bare = [Study(name, one.labels, NAMES) for name in ("a", "b")]
    found = follow(bare, "tumor", ["enhancing_tumor"])
    assert not found.maps[0].voxels.any()
    assert found.notes[0].startswith("b: taken to lie")


def test_a_change_from_nothing_has_no_percent() -> None:
    nothing, some = (each for _, measured in volumes(0.0, 2.0) for each in measured)
    assert Change("b", some, nothing, nothing).from_first_percent is None
