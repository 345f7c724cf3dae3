"""A label map sent in and out comes back where it was, whatever the scan's geometry."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.transform import Rotation

from neurospineseg.geometry.agreement import dice
from neurospineseg.geometry.grid import Grid, covering_grid, own_axes, straight_grid
from neurospineseg.geometry.resample import are_parallel, resample
from neurospineseg.images.volume import Volume
from neurospineseg.inference.from_model_grid import LEAST_LIKELY, to_scan_grid
from neurospineseg.inference.uncertainty import UNCERTAIN, uncertainty
from neurospineseg.tasks.class_scores import OutputChannel


@st.composite
def geometries(draw):
    """A 4x4 ijk to RAS: random orientation, obliquity, anisotropic spacing, shear and handedness."""
    spacing = np.array([draw(st.floats(0.8, 2.0)) for _ in range(3)])
    angles = [draw(st.floats(-180, 180)) for _ in range(3)]
    axes = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    if draw(st.booleans()):
        axes[:, draw(st.integers(0, 2))] *= -1
    axes = axes[:, draw(st.permutations([0, 1, 2]))]
    shear = np.eye(3)
    shear[0, 1], shear[1, 2] = draw(st.floats(-0.15, 0.15)), draw(st.floats(-0.15, 0.15))
    affine = np.eye(4)
    affine[:3, :3] = shear @ axes @ np.diag(spacing)
    affine[:3, 3] = [draw(st.floats(-200, 200)) for _ in range(3)]
    return affine


def two_bodies(shape=(14, 15, 24)):
    """Label map with a ball (1) and a box (2), both over 5 voxels wide."""
    k, j, i = np.indices(shape)
    labels = np.zeros(shape, np.uint8)
    labels[(k - 7) ** 2 + (j - 7) ** 2 + (i - 7) ** 2 <= 25] = 1
    labels[3:10, 3:12, 15:22] = 2
    return labels


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(geometries())
def test_identity_network_returns_the_label_map(affine):
    labels = two_bodies()
    scan = Volume(labels, affine)
    working = covering_grid(scan.grid, np.full(3, float(scan.spacing.min()) / 2.5), margin_mm=1.0)
    one_hot = torch.stack([torch.from_numpy((labels == value).astype(np.float32)) for value in (1, 2)])
    inside = resample(one_hot, scan.grid, working)
    probabilities = torch.cat([1 - inside.sum(0, keepdim=True), inside])
    found = to_scan_grid(probabilities, [OutputChannel(0), OutputChannel(1), OutputChannel(2)], working, scan.grid)
    assert found.shape == labels.shape
    for value in (1, 2):
        assert dice(found == value, labels == value) >= 0.99


@pytest.mark.parametrize("angles", [(0, 0, 0), (12, -31, 40)])
@pytest.mark.parametrize("uncertain", [False, True])
def test_labels_and_doubts_are_those_of_scores_computed_everywhere(angles: tuple[float, ...], uncertain: bool) -> None:
    """Between turned grids scores are computed only where a structure is likely at all: nothing else may come of it."""
    rng = np.random.default_rng(5)
    scores = torch.from_numpy(ndimage.gaussian_filter(rng.normal(0, 1, (4, 20, 22, 24)), (0, 2, 2, 2))) * 40
    scores[0] += 0.5
    scores[:, :7] = torch.tensor([9.0, 0, 0, 0])[:, None, None, None].double()
    probabilities = torch.softmax(scores, 0).float()
    working = Grid((20, 22, 24), np.diag([2.0, 2, 2, 1]))
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() * 1.3
    matrix[:3, 3] = (3.11, 1.07, -3.87)
    target = Grid((44, 40, 36), matrix)
    label_field = np.arange(20 * 22 * 24).reshape(20, 22, 24).astype(np.uint16)
    channels = [OutputChannel(0), OutputChannel(3), OutputChannel(None, label_field), OutputChannel(5)]
    values = np.zeros(target.shape, np.uint8) if uncertain else None
    found = to_scan_grid(probabilities, channels, working, target, uncertainties=values)

    everywhere = resample(probabilities, working, target, antialias=False)
    inside = everywhere.sum(0) > 0
    winner = everywhere.argmax(0)
    own = resample(torch.from_numpy(label_field.astype(np.float32))[None], working, target, mode="nearest")[0]
    expected = torch.tensor([0, 3, 0, 5])[winner].where(winner != 2, own.long()).where(inside, torch.tensor(0)).numpy()
    assert (found > 0).sum() > 1000, "but for what lies just between two"
    assert (found != expected).mean() < 1e-3, "but for what lies just between two"
    if uncertain:
        likely = (everywhere[0] < 1 - LEAST_LIKELY).logical_and(inside).numpy()
        unsure = (uncertainty(everywhere) * 255).round().numpy()
        assert np.abs(values.astype(float) - unsure)[likely].max() <= 1
        assert values[~likely].max() < 255 * UNCERTAIN


def test_nothing_likely_gives_nothing() -> None:
    probabilities = torch.zeros(2, 8, 9, 10)
    probabilities[0] = 1
    probabilities[:, 4, 4, 4] = torch.tensor([0.1, 0.9])
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("x", 20, degrees=True).as_matrix() * 0.02
    matrix[:3, 3] = (1, 1, 1)
    labels = to_scan_grid(probabilities, [OutputChannel(0), OutputChannel(1)], Grid((8, 9, 10), np.eye(4)), Grid((9, 9, 9), matrix))
    assert not labels.any()


def turned(angles: tuple[float, ...], order: tuple[int, ...] = (0, 1, 2), signs: tuple[int, ...] = (1, 1, 1), shear: float = 0.0) -> Grid:
    axes = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ (np.eye(3) + shear * np.eye(3, k=1))
    matrix = np.eye(4)
    matrix[:3, :3] = axes[:, order] * np.array(signs) * (0.7, 3.0, 1.1)
    matrix[:3, 3] = (20, -30, 5)
    return Grid((30, 20, 25), matrix)


@pytest.mark.parametrize("angles", [(0, 0, 0), (8, -12, 5), (30, 0, 0), (25, -25, 20)])
@pytest.mark.parametrize(("order", "signs"), [((0, 1, 2), (1, 1, 1)), ((1, 2, 0), (-1, 1, -1)), ((2, 0, 1), (1, -1, -1))])
def test_a_straight_grid_lies_along_the_scan_and_holds_it(angles, order, signs) -> None:
    scan = turned(angles, order, signs)
    grid = straight_grid(scan, np.array([2.0, 2.5, 3.0]))
    assert are_parallel(scan, grid)
    assert are_parallel(grid, scan)
    assert np.allclose(grid.spacing, (2.0, 2.5, 3.0))
    assert (np.diag(grid.ijk_to_ras)[:3] > 0).all()
    assert np.linalg.det(grid.ijk_to_ras) > 0
    places = grid.affine.inverse.apply(scan.corners())
    upper = np.array(grid.shape[::-1]) - 0.5
    assert (places >= -0.5 - 1e-6).all(), "the whole scan is in it"
    assert (places <= upper + 1e-6).all(), "the whole scan is in it"
    assert (places.min(0) < 0.5).all(), "and it is no larger than needed"
    assert (places.max(0) > upper - 1).all(), "and it is no larger than needed"


TURNS = st.tuples(st.tuples(*[st.floats(-1, 1)] * 3), st.floats(0, 45)).filter(lambda turn: np.linalg.norm(turn[0]) > 0.1)


@given(turn=TURNS, order=st.permutations((0, 1, 2)), signs=st.tuples(*[st.sampled_from((-1, 1))] * 3))
def test_own_axes_are_what_the_scan_was_turned_by(turn, order, signs) -> None:
    direction, degrees = turn
    turned_by = Rotation.from_rotvec(direction / np.linalg.norm(direction) * min(degrees, 44), degrees=True).as_matrix()
    matrix = np.eye(4)
    matrix[:3, :3] = turned_by @ np.eye(3)[:, order] * signs * (0.7, 3.0, 1.1)
    assert np.allclose(own_axes(Grid((4, 5, 6), matrix)), turned_by, atol=1e-9)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0)])
@pytest.mark.parametrize("axis", "xyz")
@pytest.mark.parametrize("degrees", [45, -45])
def test_axial_and_sagittal_slices_are_known_as_such_turned_by_45_degrees(order, axis, degrees) -> None:
    turned_by = Rotation.from_euler(axis, degrees, degrees=True).as_matrix()
    matrix = np.eye(4)
    matrix[:3, :3] = turned_by[:, order] * (-0.7, 3.0, 1.1)
    assert np.allclose(own_axes(Grid((4, 5, 6), matrix)), turned_by, atol=1e-9)


@pytest.mark.parametrize("turn", [(0, 0, 0), (35, -20, 10)])
@pytest.mark.parametrize(("row", "column"), [(2, 1), ((0, 1), 2)])
def test_a_gantry_that_leans_or_slices_that_slide_leave_the_patient_straight(turn, row, column) -> None:
    sheared, turned_by = np.eye(3), Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    sheared[row, column] = 0.3
    matrix = np.eye(4)
    matrix[:3, :3] = turned_by @ sheared @ np.diag((0.5, 0.5, 2.5))
    assert np.allclose(own_axes(Grid((4, 5, 6), matrix)), turned_by, atol=1e-9)
