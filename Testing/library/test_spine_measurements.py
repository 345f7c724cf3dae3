"""What is measured on masks of spines whose sizes are known; ``Testing/known_sizes/spines.py`` does so on many."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from neurospineseg.geometry.grid import Grid
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.intervertebral_discs import NO_DISC
from neurospineseg.measurements.measurement import CUT, UNSURE, Measurements
from neurospineseg.measurements.measuring import measure
from Testing.known_sizes.drawn_spines import DrawnSpine, draw_spine
from Testing.known_sizes.spine_voxels import drawn_labels, drawn_probabilities
from Testing.known_sizes.spines import compare
from Testing.known_sizes.true_sizes import true_sizes

UPRIGHT = np.diag([1.8, 1.8, 1.8])
TURNED = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0] * 1.8
SHEARED = np.array([[1.5, 0.2, 0.0], [0.0, 1.8, 0.3], [0.0, 0.0, -2.0]])
SLICES = np.array([[0.0, 0.0, 3.3], [-0.9, 0.0, 0.0], [0.0, -0.9, 0.0]])


@cache
def spine() -> DrawnSpine:
    """Bodies without osteophytes down to the sacrum."""
    drawn = (draw_spine(np.random.default_rng(seed), "lumbar") for seed in range(50))
    return next(each for each in drawn if each.bodies[-1].name == "S1" and not any(body.lips for body in each.bodies))


def grid_of(linear: np.ndarray, low: float = 0.0) -> Grid:
    """A grid that holds the spine; ``low`` mm of it are left out below."""
    points = np.concatenate([b.ras(np.array([[x, y, z] for x in (-45, 45) for y in (-60, 30) for z in (-25, 25)])) for b in spine().bodies])
    along = np.linalg.solve(linear, points.T).T
    first, last = along.min(0), along.max(0)
    first = first + low / np.linalg.norm(linear, axis=0) * (np.abs(linear[2]) == np.abs(linear[2]).max())
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear, linear @ first
    return Grid(tuple(int(n) for n in np.ceil(last - first)[::-1]), affine)  # type: ignore[arg-type]


@cache
def measured(name: str) -> Measurements:
    linear = {"upright": UPRIGHT, "turned": TURNED, "sheared": SHEARED, "slices": SLICES}[name]
    return measure(*drawn_labels(spine(), grid_of(linear)), "spine")


def errors(found: Measurements, unit: str) -> np.ndarray:
    truth = true_sizes(spine())
    both = [(each, truth[(each.key, each.place)]) for each in found if (each.key, each.place) in truth and each.value is not None]
    values = [(each.value, true) for each, true in both if each.unit == unit]
    return np.array([abs(float(value or 0.0) - true) / (true / 100 if unit in ("mm2", "") else 1.0) for value, true in values])


@pytest.mark.parametrize("name", ["upright", "turned", "sheared", "slices"])
@pytest.mark.parametrize("unit, most", [("mm", 0.5), ("deg", 1.0), ("mm2", 3.0), ("", 3.0), ("%", 5.0)])
def test_sizes_that_are_known(name: str, unit: str, most: float) -> None:
    assert np.median(errors(measured(name), unit)) <= most


@pytest.mark.parametrize("name", ["upright", "turned", "sheared"])
def test_few_lengths_are_far_off(name: str) -> None:
    assert np.quantile(errors(measured(name), "mm"), 0.95) < 2.0


def test_every_size_is_measured() -> None:
    assert [at for at in true_sizes(spine()) if measured("upright").find(*at) is None] == []


def test_each_number_has_an_error_bar() -> None:
    assert [each.key for each in measured("upright") if each.value is not None and None in (each.low, each.high)] == []


def test_lines_are_as_long_as_their_values() -> None:
    lines = [each for each in measured("turned") if each.shape == "line" and each.key != "slip"]
    lengths = [np.linalg.norm(np.subtract(*each.points)) for each in lines]
    np.testing.assert_allclose(lengths, [each.value for each in lines], atol=0.01)


def test_the_same_where_the_array_is_mirrored() -> None:
    """A left-handed array of the same voxels holds the same spine."""
    labels, names = drawn_labels(spine(), grid_of(UPRIGHT))
    affine = np.array(labels.ijk_to_ras)
    affine[:3, 3] += affine[:3, 0] * (labels.shape[2] - 1)
    affine[:3, 0] *= -1
    mirrored = measure(Volume(labels.voxels[:, :, ::-1].copy(), affine), names, "spine")
    values = [each.value for each in measured("upright") if each.value is not None]
    np.testing.assert_allclose([each.value for each in mirrored if each.value is not None], values, atol=0.02)


def test_what_the_edge_of_the_scan_cuts_is_said() -> None:
    lowest = spine().bodies[-2]
    grid = grid_of(UPRIGHT)
    bottom = float(lowest.center[2] - grid.corners()[:, 2].min())
    found = measure(*drawn_labels(spine(), grid_of(UPRIGHT, bottom)), "spine")
    height = found.find("body_height_front", lowest.key)
    assert (getattr(height, "value", 0), getattr(height, "flags", ())) == (None, (CUT,))


def test_a_disc_that_is_not_in_the_mask_is_said() -> None:
    labels, names = drawn_labels(spine(), grid_of(UPRIGHT))
    disc = spine().disc_key(1)
    found = measure(labels, {label: key for label, key in names.items() if key != disc}, "spine").find("disc_height_middle", disc)
    assert NO_DISC in getattr(found, "flags", ())


def test_bodies_alone_are_measured() -> None:
    """As in masks that hold neither arches nor a canal."""
    labels, names = drawn_labels(spine(), grid_of(UPRIGHT))
    found = measure(labels, {label: key for label, key in names.items() if key.startswith("vertebra")}, "spine")
    assert np.median(errors(found, "mm")) <= 0.5


def test_probabilities_give_the_error_bar_and_leave_the_number() -> None:
    grid = grid_of(UPRIGHT * 1.7)
    labels, names = drawn_labels(spine(), grid)
    found = measure(labels, names, "spine", probabilities=drawn_probabilities(spine(), grid))
    assert np.median(errors(found, "mm")) <= 0.5
    plain = measure(labels, names, "spine")
    assert [each.value for each in found] == [each.value for each in plain]
    assert [each.high for each in found] != [each.high for each in plain]


def test_an_empty_table_for_a_mask_without_vertebrae() -> None:
    found = measure(Volume(np.zeros((5, 5, 5), np.uint8), np.eye(4)), {1: "vertebra_L1"}, "spine")
    assert (len(found), len(found.notes)) == (0, 1)


def test_drawn_spines_of_other_kinds() -> None:
    """Seeds that the benchmark starts with: other regions, grids and illnesses."""
    cases = [compare(seed) for seed in (2, 3)]
    assert [each.item.key for case in cases for each in case.compared if each.far and not each.flagged] == []
    assert [case.unsaid for case in cases] == [[], []]


@pytest.mark.parametrize("seed", [13, 31, 60])
def test_rims_not_found_arches_taken_for_bodies_and_bulging_sections_are_flagged(seed: int) -> None:
    assert [(each.item.key, each.item.place) for each in compare(seed).compared if each.far and not each.flagged] == []


def test_a_body_that_is_highest_in_its_middle_is_unsure(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = measured("upright")  # kept, so that it must not be measured with what follows
    monkeypatch.setattr("neurospineseg.measurements.body_shape.MOST_BULGE", 0.5)
    found = measure(*drawn_labels(spine(), grid_of(UPRIGHT)), "spine")
    fronts = [each for each in found if each.key == "body_height_front" and each.value is not None]
    assert fronts
    assert all(UNSURE in each.flags for each in fronts)
    assert not any(UNSURE in each.flags for each in sound if each.key == "body_height_front")


def test_a_mark_of_a_person_replaces_a_number() -> None:
    item = next(each for each in measured("upright") if each.key == "body_depth")
    edited = measured("upright").replaced(item.edited(30.0, item.points))
    assert edited.find("body_depth", item.place) == replace(item, value=30.0, low=None, high=None, flags=("edited",))


def test_a_canal_beside_one_vertebra_is_not_said_to_be_missing() -> None:
    labels = np.zeros((24, 48, 40), np.uint16)
    labels[4:20, 20:40, 6:34], labels[:, 6:16, 15:25] = 21, 60
    found = measure(Volume(labels, np.diag([1.5, 1.5, 1.5, 1.0])), {21: "vertebra_L2", 60: "spinal_canal"}, "spine")
    (note,) = found.notes
    assert "canal was not measured" in note
