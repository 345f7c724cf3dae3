"""What is compared of a spine, and with what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.tasks.anatomy import structures_of
from Testing.three_bodies import L3, L4, L5, result, three_bodies
from Training.evaluate_spine import EvaluatedSegmenter, Worst, paired, summary
from Training.evaluation.spine_cases import S1, Case, cases, sacra
from Training.evaluation.spine_scores import comparable, score


@pytest.fixture
def bodies() -> Case:
    return three_bodies()


def with_arches(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """The truth with arches behind, a vertebra above that has no truth, and where bodies are."""
    labels = case.instances.copy()
    labels[52:60, 15:30, 5:25] = L3
    body = labels > 0
    labels[12:26, 2:15, 10:20] = L5
    return labels, body


def test_arches_and_vertebrae_above_all_labeled_ones_do_not_count(bodies: Case) -> None:
    labels, body = with_arches(bodies)
    found = comparable(bodies, labels, body)
    assert set(np.unique(found)) == {0, L5, L4}
    figures = score(bodies, result(labels), body)
    assert figures["Dice"] == 1
    assert figures["S1"] == 1
    assert figures["detected"] == 1
    assert figures["named"] == 1
    assert figures["volume ratio"] == 1
    assert figures["HD95 mm"] == 0


def test_a_shifted_name_is_detected_but_not_named(bodies: Case) -> None:
    labels, body = with_arches(bodies)
    labels[labels == L4] = 20
    figures = score(bodies, result(labels), body)
    assert figures["detected"] == 1
    assert figures["named"] == 0.5


def test_what_is_too_wide_shows_in_the_boundary_but_not_in_the_middle_slices(bodies: Case) -> None:
    labels = np.where(bodies.instances == S1, 0, bodies.instances)
    wide = labels.copy()
    for value in (L5, L4):
        rows = (labels == value).any((1, 2))
        wide[rows, 15:30, 2:28] = value
    figures = score(bodies, result(wide), wide > 0)
    assert figures["Dice"] < 0.9
    assert figures["middle Dice"] == 1
    assert figures["left-right mm"] > 2
    assert figures["up-down mm"] == 0
    assert figures["volume ratio"] == pytest.approx(1.3)


def test_groups_are_averaged_and_models_paired_by_case() -> None:
    first = [{"case": name, "group": "A", "Dice": value} for name, value in (("a", 0.5), ("b", 0.7))]
    second = [{"case": name, "group": "A", "Dice": value} for name, value in (("b", 0.8), ("a", 0.7))]
    assert "Dice 0.60 (worst 0.50)" in summary(first)
    assert "+0.150 (+0.100 to +0.200)" in paired(first, second)


def test_only_the_worst_of_the_cases_that_are_known_entirely_is_drawn(bodies: Case, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(100, 30, bodies.instances.shape).astype(np.float32)
    known = replace(bodies, scan=Volume(noise, np.eye(4)), group="drawn, harder", everything=bodies.instances)
    found = SimpleNamespace(labels=Volume(bodies.instances.astype(np.uint16), np.eye(4)), structures=structures_of("spine"))
    worst = Worst()
    worst.look({"Dice": 0.1}, bodies, found)
    worst.look({"Dice": 0.6}, known, found)
    worst.look({"Dice": 0.4}, replace(known, name="b"), found)
    assert [(dice, case.name) for dice, case, _ in worst.kept.values()] == [(0.4, "b")]
    worst.draw(tmp_path)
    (picture,) = tmp_path.iterdir()
    assert picture.name == "worst_drawn_harder.jpg"
    assert picture.stat().st_size < 120_000


def test_a_factor_for_an_unknown_class_is_refused() -> None:
    with pytest.raises(InputError, match="no class 'bone'"):
        EvaluatedSegmenter("spine_3d", factors={"bone": 2.0})


def test_of_the_scans_that_teach_a_fold_takes_only_its_own(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VB1_02", "VB1_07", "VB2_02", "VB2_04", "VB3_01"):
        np.savez(tmp_path / f"{name}.npz")
    monkeypatch.setattr("Training.synthetic.spine.patients.FOLDER", tmp_path)
    names = [case.name for case in cases("VB1", "VB2_0", "VB3_0", "crop CT", fold=1)]
    assert names == ["VB2_04", "VB1_07", "crop CT"]


def test_a_scan_is_cut_through_s1_and_dimmed_below_l5(bodies: Case) -> None:
    lowest = np.argwhere(bodies.instances == L5)[:, 0].min()
    cut, dim = sacra(bodies)
    first = bodies.scan.shape[0] - cut.scan.shape[0]
    assert first == max(0, lowest - 16)
    assert np.array_equal(cut.instances, bodies.instances[first:])
    assert np.allclose(cut.scan.grid.corners().max(0), bodies.scan.grid.corners().max(0))
    assert np.array_equal(dim.scan.voxels[lowest + 5 :], bodies.scan.voxels[lowest + 5 :])
    assert (np.abs(dim.scan.voxels[:lowest]) <= np.abs(bodies.scan.voxels[:lowest])).all()
