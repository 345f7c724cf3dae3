"""Drawn spines: sizes, order, contrasts, and what the real scans' partial labels allow."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from Training.synthetic.spine.canvas import ARCH, BODY, CANAL, DISC, SACRUM, TISSUES
from Training.synthetic.spine.chu2015 import mark_air, mark_spinous_processes, partial_target
from Training.synthetic.spine.chu2015_sacra import OUTLINES, mark_sacrum
from Training.synthetic.spine.contrast import CHANCES, CONTRASTS, paint_spine
from Training.synthetic.spine.curve import random_curve
from Training.synthetic.spine.drawing import Spine, draw_spine
from Training.synthetic.spine.label_map import draw_from_label_map, shapes
from Training.synthetic.spine.phantom import spine_phantom
from Training.synthetic.spine.scan import cut, label_map_scan
from Training.training.partial_labels import any_of

SPACING = (2.0, 2.0, 2.0)
ANYTHING = (1 << (SACRUM + 1)) - 1


def lumbar(seed: int) -> Spine:
    return draw_spine(np.random.default_rng(seed), (120, 90, 60), SPACING, 70.0, forward=15.0)


@pytest.fixture(scope="module")
def spines() -> list[Spine]:
    return [lumbar(seed) for seed in range(8)]


def test_lumbar_sizes_are_those_measured_on_people(spines: list[Spine]) -> None:
    steps, widths, volumes = [], [], []
    for spine in spines:
        centers = [np.argwhere((spine.level == n) & (spine.classes == BODY)).mean(0) * 2 for n in (1, 2, 3, 4)]
        steps += np.linalg.norm(np.diff(centers, axis=0), axis=1).tolist()
        body = np.argwhere((spine.level == 2) & (spine.classes == BODY))
        widths.append(np.ptp(body[:, 2]) * 2 + 2)
        volumes.append(len(body) * 8 / 1000)
    assert 31 < np.mean(steps) < 39
    assert 37 < np.mean(widths) < 52
    assert 18 < np.mean(volumes) < 45


def test_levels_follow_each_other_upward(spines: list[Spine]) -> None:
    for spine in spines:
        heights = [np.argwhere((spine.level == n) & (spine.classes == BODY))[:, 0].mean() for n in (1, 2, 3, 4)]
        gaps = [np.argwhere((spine.level == n) & (spine.classes == DISC))[:, 0].mean() for n in (2, 3, 4)]
        assert heights == sorted(heights)
        assert all(below < gap < above for below, gap, above in zip(heights, gaps, heights[1:]))
        assert np.argwhere(spine.classes == SACRUM)[:, 0].mean() < heights[0]


def test_discs_are_narrower_than_bodies_and_leave_room_for_endplates() -> None:
    spine = draw_spine(np.random.default_rng(4), (180, 90, 70), (1.0, 1.0, 1.0), 60.0)
    for level in (2, 3):
        body, disc = (np.argwhere((spine.level == level) & (spine.classes == label)) for label in (BODY, DISC))
        assert np.ptp(disc[:, 2]) < np.ptp(body[:, 2])
        assert np.ptp(disc[:, 1]) <= np.ptp(body[:, 1]) + 4
    bone = spine.classes == BODY
    touching = np.zeros_like(bone)
    touching[1:] |= bone[:-1]
    touching[:-1] |= bone[1:]
    assert (touching & (spine.classes == DISC)).sum() < 0.1 * (spine.classes == DISC).sum()


def test_scoliosis_leans_as_far_as_asked() -> None:
    lower = np.arange(24) * 30.0
    straight, bent = (random_curve(np.random.default_rng(1), lower, degrees) for degrees in (0.0, 28.0))
    assert np.abs(straight.side).max() == 0
    assert 20 < np.degrees(np.abs(bent.side).max()) <= 28.1


def test_places_along_a_scoliotic_line_are_found_again() -> None:
    curve = random_curve(np.random.default_rng(1), np.arange(24) * 30.0, 28.0)
    s = np.arange(10.0, 600.0, 5.0)
    at = (s - curve.low).astype(int)
    lean, side = curve.lean[at], curve.side[at]
    right = np.stack([np.cos(side), -np.sin(lean) * np.sin(side), -np.cos(lean) * np.sin(side)])
    forward = np.stack([0 * s, np.cos(lean), -np.sin(lean)])
    for u, v in ((0, 0), (20, 0), (-20, 15)):
        points = np.stack([curve.x[at], curve.y[at], curve.z[at]]) + u * right + v * forward
        found = curve.project(tuple(points.astype(np.float32)[:, :, None, None]))
        assert all(np.abs(value[:, 0, 0] - true).max() < 0.5 for value, true in zip(found, (s, u, v)))


def test_discs_of_a_scoliotic_spine_stand_across_its_line() -> None:
    spine = draw_spine(np.random.default_rng(3), (130, 60, 55), (2.0, 2.0, 2.0), 130.0, scoliosis_degrees=28.0)
    leans, tilts = [], []
    for level in range(3, 7):
        below, above = (np.argwhere((spine.level == n) & (spine.classes == BODY)).mean(0) for n in (level - 1, level))
        disc = np.argwhere((spine.level == level) & (spine.classes == DISC))
        normal = np.linalg.svd(disc - disc.mean(0), full_matrices=False)[2][-1]
        lean, tilt = (np.degrees(np.arctan(axis[2] / axis[0])) for axis in (above - below, normal))
        leans.append(lean)
        tilts.append(tilt)
    assert max(np.abs(leans)) > 18
    assert np.abs(np.subtract(leans, tilts)).max() < 5


@pytest.mark.skipif(shapes() is None, reason="the label map is not at hand")
def test_the_label_map_gives_every_class_in_order_and_the_same_for_a_seed() -> None:
    shape = (120, 75, 28)
    tissue, classes, unknown = draw_from_label_map(np.random.default_rng(5), shape, SPACING)
    again = draw_from_label_map(np.random.default_rng(5), shape, SPACING)
    assert np.array_equal(tissue, again[0])
    assert np.array_equal(classes, again[1])
    assert np.array_equal(unknown, again[2])
    assert set(np.unique(classes)) >= {0, BODY, ARCH, DISC, CANAL}
    slices = slice(50, 70)
    body, canal, arch = (np.argwhere(classes[slices] == label)[:, 1].mean() for label in (BODY, CANAL, ARCH))
    assert arch < canal < body
    image, masks = label_map_scan(np.random.default_rng(6), SPACING, "foreground_zscore", artifact_share=0.15)
    assert image.shape == masks.shape
    assert torch.isfinite(image).all()
    assert masks.min() > 0


def test_canal_lies_behind_the_bodies_and_before_the_spinous_processes(spines: list[Spine]) -> None:
    for spine in spines:
        slices = slice(60, 90)
        body, canal, arch = (np.argwhere(spine.classes[slices] == label)[:, 1].mean() for label in (BODY, CANAL, ARCH))
        assert arch < canal < body


def test_the_same_seed_draws_the_same() -> None:
    first, second = lumbar(3), lumbar(3)
    assert np.array_equal(first.tissue, second.tissue)
    assert np.array_equal(first.classes, second.classes)


def test_contrasts_order_the_tissues_as_they_should(spines: list[Spine]) -> None:
    assert set(CHANCES) == set(CONTRASTS)
    assert sum(CHANCES.values()) == pytest.approx(1)
    assert all(len(values) == TISSUES for values in CONTRASTS.values())
    spine = spines[0]
    t2, t1, ct = (paint_spine(np.random.default_rng(4), spine.tissue, SPACING, name).numpy() for name in ("t2", "t1", "ct"))
    canal, body = spine.classes == CANAL, spine.classes == BODY
    assert t2[canal].mean() > 1.3 * t2[body].mean()
    assert t1[canal].mean() < t1[body].mean()
    assert ct[body].mean() > 100 > ct[canal].mean()


def test_partial_targets_are_certain_only_where_bodies_tell() -> None:
    bodies = np.zeros((80, 60, 40), np.int16)
    bodies[10:30, 25:45, 10:30], bodies[38:58, 25:45, 10:30] = 24, 23
    target = partial_target(bodies)
    assert (target[bodies > 0] == any_of(BODY)).all()
    assert target[34, 35, 20] == any_of(DISC)
    assert target[30, 35, 20] == any_of(0, DISC)
    assert target[34, 35, 11] == any_of(0, DISC)
    assert target[34, 58, 20] == any_of(0)
    assert target[42, 17, 20] == any_of(CANAL)
    assert target[34, 17, 20] == any_of(CANAL)
    assert target[34, 8, 20] == any_of(0, ARCH, CANAL)
    assert target[2, 35, 20] & any_of(SACRUM)
    assert not target[75, 35, 20] & any_of(SACRUM)
    assert target.min() > 0
    assert target.max() < 1 << (SACRUM + 1)


def test_most_of_a_disc_is_certain_between_rough_and_tilted_bodies() -> None:
    k, j, i = np.indices((80, 60, 60))
    height = k - 0.3 * j + np.random.default_rng(1).integers(0, 2, k.shape)
    bodies = np.zeros(k.shape, np.int16)
    sides = (slice(None), slice(20, 50), slice(10, 50))
    bodies[sides] = np.select([height < 5, height < 24, height < 32, height < 52], [0, 24, 0, 23], 0)[sides]
    between = (height > 25) & (height < 31) & (j > 23) & (j < 46) & (i > 13) & (i < 46)
    assert (partial_target(bodies)[between] == any_of(DISC)).mean() > 0.5


def test_an_outlined_sacrum_tells_its_canal_and_the_disc_above() -> None:
    last = np.zeros((150, 230, 60), bool)
    last[110:140, 173:210, 10:50] = True
    target = np.full(last.shape, ANYTHING)
    mark_sacrum(target, last, "VB2_06")
    assert target[92, 178, 30] == any_of(SACRUM)
    assert target[103, 188, 30] == any_of(DISC)
    assert target[94, 135, 30] == any_of(CANAL)
    assert target[70, 190, 30] == any_of(0)
    assert target[92, 178, 5] & any_of(0, SACRUM) == any_of(0, SACRUM)
    assert target.min() > 0


def test_every_outline_runs_downward_with_the_canal_behind_it() -> None:
    for front, back in OUTLINES.values():
        assert len(front) == len(back)
        for edge in (front, back):
            assert all(below < above for (_, above), (_, below) in zip(edge, edge[1:]))
        assert all(behind < before for (before, _), (behind, _) in zip(front, back))


def test_spinous_processes_lie_behind_and_below_their_bodies() -> None:
    bodies = np.zeros((230, 120, 40), np.int16)
    for n in range(7):
        bodies[8 + 32 * n : 32 + 32 * n, 75:105, 5:35] = 24 - n
    target = np.full(bodies.shape, ANYTHING)
    mark_spinous_processes(target, bodies)
    marked = np.argwhere(target == any_of(ARCH))
    assert 34 < marked[:, 0].min()
    assert marked[:, 0].max() < 148
    assert 30 < marked[:, 1].min()
    assert marked[:, 1].max() < 60


def test_air_is_background_and_so_is_what_lies_beyond_a_scan() -> None:
    scan = np.full((40, 60, 40), 100.0, np.float32)
    scan[:, :30] = 20.0
    bodies = np.zeros(scan.shape, np.int16)
    bodies[10:30, 40:55, 10:30] = 24
    target = np.full(scan.shape, ANYTHING)
    mark_air(target, scan, bodies)
    assert target[20, 10, 20] == any_of(0)
    assert target[20, 45, 20] == ANYTHING
    image, masks = cut(np.random.default_rng(1), (torch.ones(20, 20, 20), torch.full((20, 20, 20), any_of(BODY))), (32, 32, 32))
    assert (masks[image == 0] == any_of(0)).all()
    assert (masks[image == 1] == any_of(BODY)).all()


def test_the_phantom_names_levels_as_anatomy_does() -> None:
    image, ijk_to_ras, labels = spine_phantom(3, spacing=(4.0, 2.0, 2.0))
    assert image.shape == labels.shape
    assert {20, 21, 22, 23, 24, 26, 60} <= set(np.unique(labels).tolist())
    np.testing.assert_allclose(np.linalg.norm(ijk_to_ras[:3, :3], axis=0), (4.0, 2.0, 2.0))
