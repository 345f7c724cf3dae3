"""The one affine: inverses, compositions, and the step between the order of arrays and that of coordinates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid

places = st.tuples(*[st.floats(-300, 300)] * 3).map(np.array)


@st.composite
def affines(draw: st.DrawFn) -> Affine:
    """Turned, sheared, of either handedness, with voxels of 0.2 to 6 mm."""
    turn = Rotation.from_euler("xyz", [draw(st.floats(-180, 180)) for _ in range(3)], degrees=True).as_matrix()
    shear = np.eye(3) + np.triu(np.full((3, 3), draw(st.floats(-0.3, 0.3))), 1)
    spacing = np.array([draw(st.floats(0.2, 6)) for _ in range(3)]) * (draw(st.sampled_from([-1, 1])), 1, 1)
    return Affine.of(turn @ shear @ np.diag(spacing), draw(places))


@given(affines(), places)
def test_the_inverse_takes_places_back(affine: Affine, place: np.ndarray) -> None:
    np.testing.assert_allclose(affine.inverse.apply(affine.apply(place)), place, atol=1e-6)


@given(affines(), affines(), places)
def test_a_composition_does_the_second_first(one: Affine, other: Affine, place: np.ndarray) -> None:
    np.testing.assert_allclose((one @ other).apply(place), one.apply(other.apply(place)), atol=1e-6)


@given(affines(), places)
def test_array_indices_are_coordinates_in_reverse(affine: Affine, kji: np.ndarray) -> None:
    k, j, i = kji
    np.testing.assert_allclose(affine.apply_kji(kji), (affine.matrix @ [i, j, k, 1])[:3], atol=1e-9)
    np.testing.assert_allclose(affine.kji_of(affine.apply_kji(kji)), kji, atol=1e-6)


@given(affines(), st.lists(places, min_size=1, max_size=5))
def test_many_places_go_where_each_goes(affine: Affine, many: list[np.ndarray]) -> None:
    np.testing.assert_allclose(affine.apply(np.array(many)), [affine.apply(place) for place in many], atol=1e-9)


@given(affines(), st.tuples(*[st.integers(-40, 40)] * 3))
def test_a_voxel_is_nearest_to_its_own_center(affine: Affine, kji: tuple[int, int, int]) -> None:
    assert affine.voxel_at(affine.apply_kji(kji)) == kji


@given(affines(), st.tuples(*[st.integers(0, 40)] * 3))
def test_the_affine_of_a_part_begins_at_its_first_voxel(affine: Affine, kji: tuple[int, int, int]) -> None:
    np.testing.assert_allclose(affine.from_voxel(kji).apply_kji((1, 2, 3)), affine.apply_kji(np.add(kji, (1, 2, 3))), atol=1e-6)


@given(affines())
def test_spacing_and_axes_make_up_the_linear_part(affine: Affine) -> None:
    np.testing.assert_allclose(affine.axes * affine.spacing, affine.linear, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(affine.axes, axis=0), 1)


def test_a_map_about_a_point_leaves_it() -> None:
    turn = Rotation.from_euler("z", 30, degrees=True).as_matrix()
    np.testing.assert_allclose(Affine.about(turn, np.array([10.0, 20.0, 30.0])).apply((10, 20, 30)), (10, 20, 30))


def test_left_and_posterior_change_sign() -> None:
    affine = Affine.from_lps(np.eye(3), np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0]))
    np.testing.assert_array_equal(affine.apply((1, 1, 1)), (-11, -22, 33))


@pytest.mark.parametrize("spacing", [(1, 0, 1), (1, -2, 1), (1, np.nan, 1)], ids=["zero", "negative", "nan"])
def test_a_spacing_that_is_none_is_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="spacing"):
        Affine.from_lps(np.eye(3), np.array(spacing, float), np.zeros(3))


@pytest.mark.parametrize(
    ("matrix", "words"),
    [(np.full((4, 4), np.nan), "not numbers"), (np.eye(3), "not numbers"), (np.diag([1, 0, 1, 1]), "zero"), (np.ones((4, 4)), "singular")],
    ids=["nan", "3x3", "flat", "singular"],
)
def test_a_matrix_that_places_no_voxels_is_refused(matrix: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Affine.checked(matrix)


def test_an_affine_cannot_be_changed_by_who_holds_it() -> None:
    given_matrix = np.eye(4)
    affine = Affine(given_matrix)
    given_matrix[0, 3] = 7
    assert affine.matrix[0, 3] == 0
    with pytest.raises(ValueError, match="read-only"):
        Grid((2, 2, 2), affine).ijk_to_ras[0, 3] = 7
