"""Labels, contrasts and mirror images of the heads that teach the subcortical models."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

RESOURCES = Path(__file__).resolve().parents[2] / "Resources"
sys.path[:0] = [str(RESOURCES / "Training"), str(RESOURCES)]

from synthetic.brain import DEEP_NUCLEI  # noqa: E402
from synthetic.nuclei import LANDMARKS, NUCLEI, Head, class_lookup, class_names, mirrored  # noqa: E402
from synthetic.nuclei_contrast import random_contrast  # noqa: E402
from synthetic.nuclei_registration import affine_by_centroids  # noqa: E402


def test_numbers_agree_with_the_procedural_head() -> None:
    for name, sides in NUCLEI.items():
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
