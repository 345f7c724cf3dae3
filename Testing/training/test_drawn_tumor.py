"""Examples that the tumor model is trained on: how they are normalized, cut, and which channels they have."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neurospineseg.images.intensity import normalize
from Training.synthetic.brain.procedural import procedural_head
from Training.synthetic.examples import tumor_glioma, tumor_glioma_1mm
from Training.synthetic.nuclei.heads import Head


@pytest.fixture
def examples(monkeypatch: pytest.MonkeyPatch) -> tumor_glioma.Examples:
    labels, ijk_to_ras = procedural_head(np.random.default_rng(1), 3.0)
    monkeypatch.setattr(tumor_glioma, "cached_heads", lambda kind: [Head(torch.from_numpy(labels), ijk_to_ras)])
    return tumor_glioma.Examples(None, procedural_share=0.0)


def test_scans_are_normalized_as_the_library_does() -> None:
    rng = np.random.default_rng(2)
    image = torch.zeros(1, 40, 40, 40)
    image[:, 6:34, 6:34, 6:34] = torch.from_numpy(rng.normal(100, 20, (1, 28, 28, 28)).astype(np.float32))
    ours, library = tumor_glioma.normalized(image), normalize(image, "foreground_zscore")
    assert float((ours - library).abs().max()) < 0.2
    assert torch.equal(ours == 0, library == 0)


def test_an_example_is_a_patch_with_a_channel_at_least(examples: tumor_glioma.Examples) -> None:
    for seed in range(4):
        image, bits = examples.example(np.random.default_rng(seed))
        assert image.shape == (4, *tumor_glioma.PATCH)
        assert bits.shape == tumor_glioma.PATCH
        assert bool(torch.isfinite(image).all())
        assert bool(image.any())
        assert set(bits.unique().tolist()) <= {1, 2, 4, 8}


@pytest.mark.parametrize(("asked", "least", "most"), [(0.25, 0.2, 0.4), (0.8, 0.75, 0.9), (1.0, 1.0, 1.0)])
def test_all_channels_are_given_as_often_as_asked(asked: float, least: float, most: float) -> None:
    rng = np.random.default_rng(5)
    whole = np.mean([bool(tumor_glioma.Examples.given(rng, asked).all()) for _ in range(600)])
    assert least <= whole <= most


def test_every_set_of_channels_is_given() -> None:
    rng = np.random.default_rng(3)
    sets = {tuple(tumor_glioma.Examples.given(rng).flatten().int().tolist()) for _ in range(600)}
    assert len(sets) == 15
    assert (0, 0, 0, 0) not in sets


def test_a_harder_scan_differs_from_the_one_of_the_same_seed(examples: tumor_glioma.Examples) -> None:
    easy, harder = (examples.scan(np.random.default_rng(4), harder)[0] for harder in (False, True))
    assert easy.shape[0] == harder.shape[0] == 4
    assert not torch.equal(easy, harder)


def test_what_resembles_a_tumor_can_be_left_out(examples: tumor_glioma.Examples) -> None:
    plain = tumor_glioma.Examples(None, procedural_share=0.0, lookalikes=0.0)
    with_them, without = (drawing.scan(np.random.default_rng(4))[0] for drawing in (examples, plain))
    assert not torch.equal(with_them, without)


def test_at_one_millimeter_the_same_head_has_smaller_voxels(examples: tumor_glioma.Examples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tumor_glioma, "FIELD_MM", (96.0, 104.0, 96.0))
    monkeypatch.setattr(tumor_glioma_1mm.Examples, "pool", 1)
    image, bits = tumor_glioma_1mm.Examples(None, procedural_share=0.0).example(np.random.default_rng(6))
    assert image.shape == (4, *tumor_glioma_1mm.PATCH)
    assert bits.shape == tumor_glioma_1mm.PATCH
