"""What the browser is sent of a slice, against what lies at the same places of space in the array."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from neurospineseg.images.volume import Volume
from neurospineseg.pages.slice_pictures import Segment
from neurospineseg.viewer.shown_case import ShownCase
from neurospineseg.viewer.slice_planes import letters_of, slice_planes

SHAPE = (5, 6, 7)
TOWARD = {"R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}


def matrix(order: tuple[int, ...] = (0, 1, 2), signs: tuple[int, ...] = (1, 1, 1), turned: float = 0.0, sheared: float = 0.0) -> np.ndarray:
    """4x4 ijk to RAS with voxels of 0.5 x 0.8 x 4 mm; left-handed for some orders and signs."""
    c, s = np.cos(turned), np.sin(turned)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    made = np.eye(4)
    made[:3, :3] = turn @ (np.eye(3)[:, list(order)] * signs) * (0.5, 0.8, 4.0)
    made[:3, 1] += sheared * made[:3, 2] / 4.0
    made[:3, 3] = (-11.0, 7.0, 23.0)
    return made


EVERY_WAY = [matrix(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]
OBLIQUE = [matrix(order, signs, 0.35) for order in permutations(range(3)) for signs in ((1, 1, 1), (-1, 1, 1), (1, -1, -1))]
SHEARED = [matrix(signs=signs, sheared=0.4) for signs in ((1, 1, 1), (1, -1, 1))]


def numbered(ijk_to_ras: np.ndarray) -> Volume:
    """Every voxel has another value."""
    return Volume(np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE), ijk_to_ras)


def shown(case: ShownCase, plane: int, index: int, scan: str = "scan") -> tuple[np.ndarray, np.ndarray]:
    """Gray values and labels, (rows, columns) each."""
    columns, rows, _ = case.planes[plane].size
    both = np.frombuffer(case.slice_bytes(plane, index, scan), "<u2").reshape(2, rows, columns)
    levels = case.levels[scan]
    return both[0] * levels.step + levels.low, both[1]


@pytest.mark.parametrize("ijk_to_ras", [*EVERY_WAY, *OBLIQUE, *SHEARED])
def test_each_pixel_is_the_voxel_at_its_place(ijk_to_ras: np.ndarray) -> None:
    scan = numbered(ijk_to_ras)
    case = ShownCase("", {"scan": scan}, Volume(scan.voxels.astype(np.uint16) % 7, ijk_to_ras))
    inverse = np.linalg.inv(ijk_to_ras)
    for number, plane in enumerate(case.planes):
        for index in range(plane.size[2]):
            gray, labels = shown(case, number, index)
            rows, columns = np.indices(gray.shape)
            places = np.stack([columns, rows, np.full_like(rows, index), np.ones_like(rows)], -1) @ plane.to_ras.matrix.T
            i, j, k = np.rint((places @ inverse.T)[..., :3]).astype(int).transpose(2, 0, 1)
            np.testing.assert_array_equal(gray, scan.voxels[k, j, i])
            np.testing.assert_array_equal(labels, scan.voxels[k, j, i] % 7)


@pytest.mark.parametrize("ijk_to_ras", EVERY_WAY)
def test_the_patients_right_is_on_the_left(ijk_to_ras: np.ndarray) -> None:
    planes = slice_planes(numbered(ijk_to_ras).grid)
    assert [plane.letters for plane in planes] == [("R", "L", "A", "P"), ("R", "L", "S", "I"), ("A", "P", "S", "I")]
    for plane in planes:
        left, right, top, bottom = plane.letters
        assert plane.to_ras.axes[:, 0] @ TOWARD[right] == pytest.approx(1)
        assert plane.to_ras.axes[:, 1] @ TOWARD[bottom] == pytest.approx(1)
    assert [tuple(plane.to_ras.axes[:, 2].round(6)) for plane in planes] == [(0, 0, 1), (0, 1, 0), (1, 0, 0)]


@pytest.mark.parametrize("ijk_to_ras", [*OBLIQUE, *SHEARED])
def test_oblique_slices_go_nearest_to_the_patients_axes(ijk_to_ras: np.ndarray) -> None:
    for plane in slice_planes(numbered(ijk_to_ras).grid):
        for direction, letters in ((plane.to_ras.axes[:, 0], plane.letters[1]), (plane.to_ras.axes[:, 1], plane.letters[3])):
            assert direction @ TOWARD[letters[0]] == pytest.approx(np.abs(direction).max())
        assert np.abs(plane.to_ras.axes[:, 2]).argmax() == {"Axial": 2, "Coronal": 1, "Sagittal": 0}[plane.name]


def test_a_leaning_direction_has_two_letters() -> None:
    assert letters_of(np.array([-0.9, 0.4, 0.1])) == "LA"


def test_every_slice_is_there_and_no_other() -> None:
    case = ShownCase("", {"scan": numbered(matrix())})
    assert [plane.size[2] for plane in case.planes] == [5, 6, 7]
    with pytest.raises(IndexError):
        case.slice_bytes(0, 5, "scan")


def test_a_mask_on_another_grid_lies_where_it_belongs() -> None:
    scan = Volume(np.zeros((10, 12, 14), np.int16), matrix((0, 1, 2), (1, -1, 1)))
    fine = matrix((2, 0, 1), (-1, 1, 1))
    fine[:3, :3] /= 2
    fine[:3, 3] = scan.ijk_to_ras[:3, 3] + (2.1, -3.3, 12.0)
    labels = Volume(np.random.default_rng(0).integers(1, 5, (9, 30, 11)).astype(np.uint16), fine)
    case = ShownCase("", {"scan": scan}, labels, (Segment(1, "a", "A", (255, 0, 0)),))
    seen = 0
    for number, plane in enumerate(case.planes):
        for index in range(plane.size[2]):
            found = shown(case, number, index)[1]
            for row, column in np.ndindex(found.shape):
                place = np.linalg.inv(fine) @ plane.to_ras.matrix @ (column, row, index, 1)
                i, j, k = np.floor(place[:3] + 0.5).astype(int)
                inside = 0 <= i < 11 and 0 <= j < 30 and 0 <= k < 9
                assert found[row, column] == (labels.voxels[k, j, i] if inside else 0)
                seen += inside
    assert seen > 100
    assert "other voxels" in case.as_json()["notes"][0]


def test_another_scan_is_interpolated_at_the_slices_pixels() -> None:
    place = matrix()
    other = place.copy()
    other[:3, 3] += (0.25, 0.0, 0.0)
    ramp = np.broadcast_to(np.arange(7, dtype=np.float32) * 10, SHAPE)
    case = ShownCase("", {"scan": Volume(np.zeros(SHAPE, np.int16), place), "other": Volume(np.ascontiguousarray(ramp), other)})
    gray, _ = shown(case, 0, 2, "other")
    np.testing.assert_allclose(gray[0], [55, 45, 35, 25, 15, 5, 0], atol=0.01)


def test_a_mask_beside_the_scan_is_told() -> None:
    far = matrix()
    far[:3, 3] += 500
    labels = Volume(np.ones(SHAPE, np.uint16), far)
    case = ShownCase("", {"scan": numbered(matrix())}, labels, (Segment(1, "a", "A", (1, 2, 3)),))
    assert case.as_json()["notes"] == ["The mask lies beside the scan; are both of the same patient and visit?"]


def test_segments_tell_volume_and_a_place_within_them() -> None:
    labels = np.zeros(SHAPE, np.uint16)
    labels[1, 2, 3] = labels[1, 2, 5] = 4
    case = ShownCase("", {"scan": numbered(matrix())}, Volume(labels, matrix()), (Segment(4, "a", "A", (255, 0, 128)),))
    (facts,) = case.as_json()["segments"]
    assert facts["mL"] == pytest.approx(2 * 0.5 * 0.8 * 4 / 1000)
    assert facts["color"] == "#ff0080"
    i, j, k = (np.linalg.inv(matrix()) @ (*facts["middle"], 1))[:3].round(6)
    assert labels[int(k), int(j), int(i)] == 4


@pytest.mark.parametrize("voxels", [np.full(SHAPE, np.nan, np.float32), np.zeros(SHAPE, np.float32), np.full(SHAPE, -3, np.int16)])
def test_a_scan_that_shows_nothing_is_sent_all_the_same(voxels: np.ndarray) -> None:
    case = ShownCase("", {"scan": Volume(voxels, matrix())})
    black, white = case.levels["scan"].window
    assert white > black
    assert len(set(shown(case, 0, 0)[0].ravel().tolist())) == 1
