"""Labels, contrasts and mirror images of the heads that teach the subcortical models."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neurospineseg.geometry.grid import Grid
from Training.synthetic.brain.head_pool import HeadPool
from Training.synthetic.brain.procedural import DEEP_NUCLEI
from Training.synthetic.deform import likeliest_at, nearest_at
from Training.synthetic.examples import subcortical_nuclei_3d
from Training.synthetic.nuclei.contrast import random_contrast
from Training.synthetic.nuclei.heads import DEEP_GRAY, LANDMARKS, NUCLEI, Head, class_lookup, class_names, mirrored, overlaid
from Training.synthetic.nuclei.registration import affine_by_centroids
from Training.synthetic.nuclei.scan import drawn_head, scanned
from Training.synthetic.nuclei.template import mean_ellipsoid
from Training.training.network_shape import model_spec
from Training.training.recipe import read_recipe


def test_numbers_agree_with_the_procedural_head() -> None:
    for name, sides in DEEP_GRAY.items():
        assert DEEP_NUCLEI[name][:2] == sides


def test_classes_are_left_then_right() -> None:
    assert class_names(NUCLEI)[:3] == ("background", "left_subthalamic_nucleus", "right_subthalamic_nucleus")
    lookup = class_lookup(LANDMARKS)
    for number, sides in enumerate(LANDMARKS.values()):
        assert {int(lookup[label]) for label in sides[0]} == {1 + 2 * number}
        assert {int(lookup[label]) for label in sides[1]} == {2 + 2 * number}


def test_mirror_exchanges_sides_and_is_its_own_inverse() -> None:
    labels = torch.zeros(2, 2, 4, dtype=torch.int16)
    labels[..., 0], labels[..., 3] = NUCLEI["subthalamic_nucleus"][0], 16
    once = mirrored(Head(labels, np.eye(4)))
    assert (once.labels[..., 3] == NUCLEI["subthalamic_nucleus"][1]).all()
    assert (once.labels[..., 0] == 16).all()
    assert torch.equal(mirrored(once).labels, labels)


def test_contrast_treats_both_sides_alike() -> None:
    for seed in range(10):
        means, deviations = random_contrast(np.random.default_rng(seed))
        for left, right in NUCLEI.values():
            assert means[left] == means[right]
        assert (deviations >= 0).all()


def test_affine_by_centroids_recovers_a_scaling() -> None:
    rng = np.random.default_rng(0)
    atlas, head = np.zeros((40, 40, 40), int), np.zeros((40, 40, 40), int)
    pairs = [
        (7, 11),
        (8, 50),
        (9, 12),
        (10, 51),
        (11, 13),
        (12, 52),
        (15, 10),
        (16, 49),
        (17, 17),
        (18, 53),
        (19, 26),
        (20, 58),
        (21, 18),
        (22, 54),
    ]
    for (there, here), place in zip(pairs, rng.permutation(36**3)[: len(pairs)]):
        corner = tuple(int(n) + 2 for n in np.unravel_index(place, (36, 36, 36)))
        atlas[corner], head[corner] = there, here
    matrix = affine_by_centroids(head, np.diag([2.0, 2, 2, 1]), atlas, np.eye(4))
    np.testing.assert_allclose(matrix, np.diag([0.5, 0.5, 0.5, 1]), atol=1e-6)


def test_nuclei_take_only_the_room_there_is() -> None:
    labels = torch.tensor([[[2, 10, 28, 4]]], dtype=torch.int16)
    nuclei = torch.tensor([[[953, 953, 0, 953]]], dtype=torch.int16)
    assert overlaid(labels, nuclei).flatten().tolist() == [953, 10, 28, 4]


def test_a_layer_of_nuclei_moves_by_itself() -> None:
    labels = torch.full((40, 40, 40), 2, dtype=torch.int16)
    nuclei = torch.zeros_like(labels)
    nuclei[15:25, 15:25, 25:33] = NUCLEI["red_nucleus"][1]
    grid = Grid.canonical(np.zeros(3), np.full(3, 40.0), np.ones(3))
    found, lateral_mm = drawn_head(
        Head(labels, grid.ijk_to_ras, nuclei), grid, np.random.default_rng(1), linear=np.eye(3), field_mm=0.0, nuclei_mm=0.7
    )
    before, after = (torch.nonzero(part > 900).float().mean(0) for part in (nuclei, found))
    assert 0.05 < float((before - after).norm()) < 4
    assert 0.6 < int((found > 900).sum()) / int((nuclei > 0).sum()) < 1.6
    assert float(lateral_mm[0, 0, 0]) == pytest.approx(19.5, abs=1e-3)


def test_a_scan_is_reproducible_and_keeps_the_anatomy_in_place() -> None:
    grid = Grid.canonical(np.zeros(3), np.full(3, 40.0), np.ones(3))
    image = torch.full(grid.shape, 20.0)
    image[15:25, 15:25, 10:30] = 120.0
    first, second = (scanned(image, grid, np.random.default_rng(4), share=0.0) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert bool(first[1].all())
    place = torch.nonzero(first[0] > first[0].mean() + first[0].std()).float().mean(0)
    assert torch.allclose(place, torch.tensor([19.5, 19.5, 19.5]), atol=1.0)


def test_the_left_half_teaches_as_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subcortical_nuclei_3d, "cached_heads", lambda kind: [])
    recipe = read_recipe("subcortical_nuclei_3d")
    spec = model_spec(recipe, (), (), ())
    assert spec.network_classes == ("background", *DEEP_GRAY)
    assert len(recipe.loss.class_weights) == len(spec.network_classes)
    drawing = subcortical_nuclei_3d.Examples(spec)
    region = drawing.region(np.random.default_rng(0))
    for name in ("putamen", "thalamus", "subthalamic_nucleus"):
        number = spec.network_classes.index(name)
        masks = [drawing.half(region, side)[1] == number for side in (0, 1)]
        places = [torch.nonzero(mask)[:, 2].float().mean() for mask in masks]
        assert all(mask.any() for mask in masks)
        assert abs(float(places[0] - places[1])) < 8
    drawing.regions, drawing.taken = [region, region], 1
    image, bits = drawing.example(np.random.default_rng(1))
    assert image.shape == (spec.inputs, *spec.patch)
    assert bits.shape == spec.patch
    assert int(bits.min()) >= 1
    assert bool(torch.isfinite(image).all())


def test_the_mean_ellipsoid_has_the_table_s_volume_and_place() -> None:
    grid = Grid.canonical(np.array([0.0, -12, -8]), np.full(3, 50.0), np.full(3, 0.5))
    *_, center, volume, _, _, _ = DEEP_NUCLEI["subthalamic_nucleus"]
    mask = mean_ellipsoid(grid, "left", np.eye(4))
    place = grid.ijk_to_ras[:3, :3] @ np.argwhere(mask).mean(0)[::-1] + grid.ijk_to_ras[:3, 3]
    np.testing.assert_allclose(place, np.array(center) * (-1, 1, 1), atol=0.2)
    assert mask.sum() / 8 == pytest.approx(volume, rel=0.05)


def test_without_labeled_heads_a_pool_gives_procedural_ones_and_renews_them(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def head(*_: object) -> tuple[np.ndarray, np.ndarray]:
        drawn.append(len(drawn))
        return np.full((2, 2, 2), drawn[-1], np.int16), np.eye(4)

    monkeypatch.setattr("Training.synthetic.brain.head_pool.procedural_head", head)
    pool, rng = HeadPool([], 0.2, 3, 0.1, 4.0), np.random.default_rng(0)
    taken = [pool.take(rng) for _ in range(60)]
    assert all(procedural for _, procedural in taken)
    assert len(pool.procedural) == 3
    assert 3 < len(drawn) < 20
    single = HeadPool([], 0.2, 1, 1.0, 4.0)
    assert all(len(single.procedural) == 1 for _ in range(5) if single.take(rng))
    labeled = Head(torch.ones(1, 1, 1), np.eye(4))
    mixed = HeadPool([labeled], 0.2, 3, 0.1, 4.0)
    share = np.mean([mixed.take(rng)[1] for _ in range(400)])
    assert 0.1 < share < 0.3


def test_a_cut_field_of_view_leaves_no_dark_rim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "Training.synthetic.nuclei.scan.field_of_view", lambda shape, *_: (slice(None), slice(shape[1] // 3, None), slice(None))
    )
    for step in ("bias_field", "gamma", "artifacts", "rician_noise"):
        monkeypatch.setattr(f"Training.synthetic.nuclei.scan.{step}", lambda image, *_: image)
    grid = Grid.canonical(np.zeros(3), np.full(3, 40.0), np.ones(3))
    image, inside = scanned(torch.full(grid.shape, 100.0), grid, np.random.default_rng(4), share=1.0)
    assert 0.3 < float(inside.float().mean()) < 0.9
    assert float(image[inside].min()) > 99
    assert not image[~inside].any()


def test_a_mirrored_head_has_its_halves_exchanged_only() -> None:
    labels = torch.zeros(2, 2, 100, dtype=torch.int16)
    pairs = ((25, 57), (136, 163), (137, 164), (907, 957), (2, 41))
    for n, (left, right) in enumerate(pairs):
        labels[0, 0, n], labels[0, 0, 99 - n] = left, right
    assert torch.equal(mirrored(Head(labels, np.eye(4))).labels, labels)


def test_a_label_map_drawn_finer_than_it_is_has_fewer_steps() -> None:
    axis = torch.arange(24.0) - 11.5
    ball = (axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None] ** 2 < 81).to(torch.int16) * 7
    fine = torch.arange(-0.25, 23.5, 0.5)
    places = list(torch.meshgrid(fine, fine, fine, indexing="ij"))[::-1]
    truth = sum((place - 11.5) ** 2 for place in places) < 81
    nearest, likeliest = (int(((draw(ball, places) > 0) != truth).sum()) for draw in (nearest_at, likeliest_at))
    assert likeliest < 0.85 * nearest
    assert torch.equal(likeliest_at(ball, [place.round() for place in places]), nearest_at(ball, [place.round() for place in places]))
    assert not likeliest_at(torch.ones(4, 4, 4, dtype=torch.int16), [place * 0 - 3 for place in places]).any()
