"""Heads in every contrast, and the small network that tells them apart."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from neurospineseg.checks.contrast import contrast_shares, features, head_view
from neurospineseg.models.bundle import read_bundle
from neurospineseg.models.network import build_network, load_weights
from Training import train_contrast
from Training.synthetic.brain.contrasts import CONTRASTS, SHAPE, contrasts_of
from Training.synthetic.brain.procedural import procedural_head
from Training.synthetic.nuclei.heads import Head


@pytest.fixture(scope="module")
def heads() -> list[Head]:
    drawn = (procedural_head(np.random.default_rng(seed), 4.0) for seed in range(3))
    return [Head(torch.from_numpy(labels), ijk_to_ras) for labels, ijk_to_ras in drawn]


def test_a_head_is_drawn_in_every_contrast_at_one_place(heads: list[Head]) -> None:
    (images, grid, pose), (again, *_) = (contrasts_of(np.random.default_rng(5), heads[0]) for _ in range(2))
    assert len(images) == len(CONTRASTS)
    assert all(image.shape == SHAPE and bool(image.isfinite().all()) for image in images)
    assert all(torch.equal(a, b) for a, b in zip(images, again))
    assert pose.residual_mm < 6
    assert 0.7 < pose.scale < 1.3
    assert features(head_view(images[0], grid, pose, 8.0)).shape == (18 * 24 * 9,)


def test_the_network_learns_what_is_plain_and_becomes_a_bundle(heads: list[Head], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(train_contrast, "cached_heads", lambda kind, held_out=False: heads[2:] if held_out else heads[:2])
    monkeypatch.setattr(sys, "argv", ["train_contrast.py", "--heads", "10", "--epochs", "15", "--models", str(tmp_path)])
    train_contrast.main()
    bundle = read_bundle(tmp_path / "brain_contrast")
    assert bundle.spec.role == "recognize"
    assert bundle.spec.classes == CONTRASTS
    network = load_weights(build_network(bundle.network_def), bundle.weights)
    right = 0
    for seed in range(6):
        images, grid, pose = contrasts_of(np.random.default_rng(100 + seed), heads[2])
        shares = contrast_shares(network, bundle, head_view(images[CONTRASTS.index("t2")], grid, pose, 8.0))
        assert sum(shares.values()) == pytest.approx(1)
        right += shares["t2"] > shares["t1"] and shares["t2"] > shares["flair"]
    assert right >= 5
