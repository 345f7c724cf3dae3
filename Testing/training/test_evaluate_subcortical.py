"""What the evaluation of the deep nuclei says of a head that was found and then refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from neurospineseg.errors import InputError
from neurospineseg.geometry.grid import Grid
from neurospineseg.images.volume import Volume
from neurospineseg.tasks.anatomy import structure
from Training import evaluate_subcortical
from Training.synthetic.nuclei.template import STN, Template, mean_ellipsoid


def test_a_refusal_after_the_head_was_found_leaves_the_locator_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = Grid.canonical(np.array([0.0, -12, -8]), np.full(3, 60.0), np.ones(3))
    truth = np.zeros(grid.shape, np.uint8)
    for key in STN:
        truth[mean_ellipsoid(grid, key.split("_")[0], np.eye(4))] = structure(key).label
    scan = Volume(np.full(grid.shape, 100.0, np.float32), grid.ijk_to_ras)
    poses: list[np.ndarray] = []
    draw_pose = evaluate_subcortical.random_pose

    def posed(*given: object) -> np.ndarray:
        poses.append(draw_pose(*given))
        return poses[-1]

    def refuse(*_: object) -> None:
        raise InputError("Left and right are exchanged.")

    monkeypatch.setattr(evaluate_subcortical, "random_pose", posed)
    monkeypatch.setattr(evaluate_subcortical, "located", lambda *_: np.linalg.inv(poses[-1]))
    rows = list(evaluate_subcortical.template_rows(SimpleNamespace(run=refuse), Template("a_b", scan, scan, truth), "T1", 0, {}, []))
    figures = {(row[3], row[4]): row[5:] for row in rows}
    assert figures["locator", "place"][1] < 0.01
    assert all(figures["ellipsoid", key][0] > 0.6 and figures["model", key][0] == 0 for key in STN)
