"""What the evaluation of the deep nuclei says of a head that was found and then refused, of a bias, and of drawn contrasts."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid
from neurospineseg.images.volume import Volume
from neurospineseg.tasks.anatomy import structure
from Training import evaluate_subcortical
from Training.synthetic.deform import random_linear
from Training.synthetic.nuclei.template import STN, Template, mean_ellipsoid
from Training.synthetic.nuclei.template_contrasts import LOOKS, PAINTED


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
    rows = list(evaluate_subcortical.template_rows(SimpleNamespace(run=refuse), Template("a_b", scan, truth, {}), "T1", 0, {}, []))
    figures = {(row[3], row[4]): row[5:] for row in rows}
    assert figures["locator", "place"][1] < 0.01
    assert all(figures["ellipsoid", key][0] > 0.6 and figures["model", key][0] == 0 for key in STN)


def test_a_displacement_is_told_in_the_templates_own_frame_and_outward_on_both_sides() -> None:
    grid = Grid.canonical(np.zeros(3), np.full(3, 40.0), np.ones(3))
    pose = Affine.of(random_linear(np.random.default_rng(0), 30, scale=0.0, shear=0.0), (3.0, -5.0, 8.0)).matrix
    posed = Grid(grid.shape, pose @ grid.ijk_to_ras)
    truth, found = np.zeros(grid.shape, bool), np.zeros(grid.shape, bool)
    truth[20, 20, 10], found[23, 22, 9] = True, True
    away = {key: evaluate_subcortical.displacement(key, found, truth, posed, np.linalg.inv(pose)) for key in STN}
    assert away["left_subthalamic_nucleus"] == pytest.approx((1, 2, 3))
    assert away["right_subthalamic_nucleus"] == pytest.approx((-1, 2, 3))


def test_a_drawn_contrast_shows_the_nuclei_at_their_ratio_and_leaves_air_alone() -> None:
    voxels = np.full((20, 20, 20), 100.0, np.float32)
    voxels[:5] = 0
    share = np.zeros(voxels.shape, np.float32)
    share[10:16, 8:14, 8:14] = 1
    template = Template("a_b", Volume(voxels, np.eye(4)), share.astype(np.uint8), {"red_nucleus": share})
    for contrast, look in LOOKS.items():
        drawn = template.seen(contrast).voxels
        assert drawn[13, 11, 11] == pytest.approx(100 * look.ratios[PAINTED.index("red_nucleus")], rel=1e-3)
        assert not drawn[:5].any()
