"""Figures of a spine: refused cases, false vertebrae, axes that lie as they like, single slices."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from Testing.three_bodies import L3, L4, L5, result, three_bodies
from Training import evaluate_spine
from Training.evaluation.spine_cases import S1, Case
from Training.evaluation.spine_scores import nothing_found, score


@pytest.fixture
def bodies() -> Case:
    return three_bodies()


def test_a_refused_case_counts_as_nothing_found(bodies: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    def refuse(*_: object) -> None:
        raise InputError("No sacrum.")

    monkeypatch.setattr(
        "Training.evaluate_spine.EvaluatedSegmenter", lambda *_: SimpleNamespace(bundle=SimpleNamespace(spec=SimpleNamespace(name="m")))
    )
    monkeypatch.setattr("Training.evaluate_spine.cases", lambda *only, **_: [bodies])
    monkeypatch.setattr("Training.evaluate_spine.evaluate_case", refuse)
    monkeypatch.setattr(sys, "argv", ["Training.evaluate_spine.py", "--model", "m"])
    evaluate_spine.main()
    printed = capsys.readouterr().out
    assert "a: No sacrum." in printed
    assert "1 cases (1 refused): Dice 0.00 (worst 0.00)" in printed
    figures = nothing_found(bodies)
    assert figures["detected"] == figures["named"] == figures["S1"] == figures["extra"] == 0


def test_false_vertebrae_and_the_size_of_the_sacrum_are_told(bodies: Case) -> None:
    labels = np.where(bodies.instances == S1, 0, bodies.instances)
    assert score(bodies, result(labels), labels > 0)["extra"] == 0
    labels[27:31, 15:30, 5:25] = L3
    labels[32:34, 16:30, 5:25] = 21
    labels[50:60] = 20
    labels[0:10] = S1
    figures = score(bodies, result(labels), labels != S1)
    assert figures["extra"] == 2
    assert figures["detected"] == 1
    assert figures["sacrum mL"] == pytest.approx(12.0)


def test_the_axes_of_a_case_do_not_matter(bodies: Case) -> None:
    labels = bodies.instances.copy()
    labels[52:60, 15:30, 5:25], labels[12:26, 15:30, 2:28] = L3, L5
    body = labels > 0
    labels[12:26, 2:15, 10:20] = L5
    matrix = np.array([[0.0, 0, 1, -9], [-1, 0, 0, 5], [0, -1, 0, 59], [0, 0, 0, 1]])

    def laid(array: np.ndarray) -> np.ndarray:
        """From (S, A, R) to (R, I, P): k along R, j downward, i backward."""
        return array.transpose(2, 0, 1)[:, ::-1, ::-1]

    turned = Case("a", "A", Volume(laid(bodies.scan.voxels), matrix), laid(bodies.instances), "bodies")
    plain, other = score(bodies, result(labels), body), score(turned, result(laid(labels)), laid(body))
    assert plain["left-right mm"] > 1
    assert other == pytest.approx(plain, nan_ok=True)


def test_a_scan_of_one_slice_can_be_judged() -> None:
    truth = np.zeros((60, 40, 1), int)
    truth[12:26, 15:30], truth[32:46, 15:30] = L5, L4
    figures = score(Case("a", "A", Volume(np.zeros(truth.shape, np.float32), np.eye(4)), truth, "bodies"), result(truth), truth > 0)
    assert figures["Dice"] == 1
    assert figures["detected"] == 1
