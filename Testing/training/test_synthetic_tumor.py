"""Drawn gliomas: where they lie, what they are made of, how they look."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from Training.synthetic.brain.procedural import procedural_head
from Training.synthetic.tumor.contrast import CHANNELS, GROUPS, RATIOS, paint_channels, shifted
from Training.synthetic.tumor.labels import (
    BRIGHT_OUTSIDE,
    CLASSES,
    CORTEX,
    EDEMA,
    ENHANCING,
    LEFT,
    NECROSIS,
    RIGHT,
    SOFT_OUTSIDE,
    WHITE,
    among,
    brain_mask,
    grown,
)
from Training.synthetic.tumor.lesions import Focus, _other_side, draw_tumor
from Training.synthetic.tumor.lookalikes import add_lookalikes, narrowed_sulci, stripped
from Training.synthetic.tumor.noise import grain, white
from Training.synthetic.tumor.phantom import LEAST_ML, tumor_phantom

SPACING = 3.0


@pytest.fixture(scope="module")
def head() -> torch.Tensor:
    return torch.from_numpy(procedural_head(np.random.default_rng(1), SPACING)[0])


def test_a_tumor_lies_in_the_brain_and_its_edema_mostly_in_white_matter(head: torch.Tensor) -> None:
    white = cortex = 0
    for seed in range(12):
        labels, tumor, change = draw_tumor(np.random.default_rng(seed), head, SPACING)
        assert set(tumor.unique().tolist()) <= {0, *CLASSES}
        assert bool((brain_mask(labels, SPACING, 0.0) | (tumor == 0)).all())
        assert bool(((change > 0) == (tumor > 0)).all())
        assert float(change.max()) <= 1
        edema = tumor == EDEMA
        white += int((edema & among(labels, WHITE)).sum())
        cortex += int((edema & among(labels, CORTEX)).sum())
    assert white > 2 * cortex > 0


def test_the_same_seed_draws_the_same(head: torch.Tensor) -> None:
    first, second = (draw_tumor(np.random.default_rng(5), head, SPACING) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second))


def test_lookalikes_leave_no_tumor_label(head: torch.Tensor) -> None:
    for seed in range(5):
        assert not bool(among(add_lookalikes(np.random.default_rng(seed), head, SPACING), tuple(CLASSES)).any())


def test_brain_mask_grows_with_its_margin(head: torch.Tensor) -> None:
    sizes = [int(brain_mask(head, 2.0, margin).sum()) for margin in (0.0, 2.0, 4.0)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_every_contrast_has_a_ratio_for_every_tissue() -> None:
    assert {len(ratios) for ratios in RATIOS.values()} == {len(GROUPS)}
    assert tuple(RATIOS) == CHANNELS


def test_enhancing_tumor_is_brighter_than_white_matter_after_contrast_only(head: torch.Tensor) -> None:
    brighter = {name: [] for name in CHANNELS}
    for seed in range(12):
        rng = np.random.default_rng(seed)
        labels, tumor, change = draw_tumor(rng, head, SPACING)
        if int((tumor == ENHANCING).sum()) < 20:
            continue
        image = paint_channels(rng, labels, tumor, change, SPACING)
        white = among(labels, WHITE) & (tumor == 0)
        for name, channel in zip(CHANNELS, image):
            brighter[name].append(float(channel[tumor == ENHANCING].mean() / channel[white].mean()))
    assert len(brighter["t1c"]) > 3
    assert np.mean(brighter["t1c"]) > max(1.05, np.mean(brighter["t1"]) + 0.2)


def test_the_phantom_holds_the_three_parts() -> None:
    images, ijk_to_ras, labels = tumor_phantom(3, spacing_mm=3.0)
    assert tuple(images) == CHANNELS
    assert all(image.shape == labels.shape for image in images.values())
    assert {2, 3} <= set(np.unique(labels).tolist()) <= {0, 1, 2, 3}
    assert (labels > 0).sum() * 27 / 1000 > LEAST_ML
    np.testing.assert_allclose(np.linalg.norm(ijk_to_ras[:3, :3], axis=0), 3.0)


def test_a_mask_grows_and_shrinks_by_whole_voxels() -> None:
    mask = torch.zeros(9, 9, 9, dtype=torch.bool)
    mask[4, 4, 4] = True
    assert int(grown(mask, 1).sum()) == 27
    assert torch.equal(grown(grown(mask, 2), -2), mask)


def test_noise_from_the_stock_has_unit_deviation_and_depends_on_the_seed() -> None:
    for draw in (white, lambda rng, shape: grain(rng, shape, 4)):
        first, same, other = (draw(np.random.default_rng(seed), (40, 50, 60)) for seed in (1, 1, 2))
        assert first.shape == (40, 50, 60)
        assert 0.8 < float(first.std()) < 1.2
        assert torch.equal(first, same)
        assert not torch.equal(first, other)


def test_bright_tissue_lies_outside_the_brain_and_stripping_takes_it_away(head: torch.Tensor) -> None:
    seen = 0
    for seed in range(8):
        labels = add_lookalikes(np.random.default_rng(seed), head, SPACING)
        bright = labels == BRIGHT_OUTSIDE
        seen += int(bright.sum())
        assert bool(among(head, SOFT_OUTSIDE)[bright].all())
        assert int((brain_mask(labels, SPACING, 0.0) & bright).sum()) < 0.02 * max(1, int(bright.sum()))
        assert stripped(np.random.default_rng(seed), labels, SPACING).sum() < (labels > 0).sum()
    assert seen > 0


def test_narrowed_sulci_turn_fluid_into_cortex_and_nothing_else(head: torch.Tensor) -> None:
    changed = 0
    for seed in range(6):
        labels = narrowed_sulci(np.random.default_rng(seed), head, SPACING)
        differs = labels != head
        changed += int(differs.sum())
        assert bool((head[differs] == 24).all())
        assert bool(among(labels, CORTEX)[differs].all())
    assert changed > 0


def test_a_small_focus_has_a_rim_and_edema_of_its_own_size(monkeypatch: pytest.MonkeyPatch) -> None:
    foci = [Focus(np.array([40, 40, 22]), 26.0), Focus(np.array([40, 40, 62]), 5.0)]
    monkeypatch.setattr("Training.synthetic.tumor.lesions._foci", lambda *_: foci)
    monkeypatch.setattr("Training.synthetic.tumor.lesions.KINDS", {"solid": 1.0})
    necrosis = edema = 0
    for seed in range(10):
        _, tumor, _ = draw_tumor(np.random.default_rng(seed), torch.full((80, 80, 84), 2, dtype=torch.int16), 2.0)
        necrosis += int((tumor[30:51, 30:51, 52:73] == NECROSIS).sum())
        edema += int((tumor[:, :, 60:] == EDEMA).sum())
    assert necrosis < 30
    assert edema > 10_000


def test_edema_keeps_to_its_side_of_the_brain_and_the_brainstem_has_none() -> None:
    assert _other_side(2) == _other_side(903) == _other_side(907) == RIGHT
    assert {41, 953, 957} <= set(RIGHT)
    assert _other_side(52) == _other_side(957) == LEFT
    assert {2, 903, 907} <= set(LEFT)
    assert _other_side(16) == ()


def test_a_misregistered_contrast_repeats_its_edges() -> None:
    image = torch.arange(6.0).view(6, 1, 1).expand(6, 4, 4)
    assert shifted(image, np.array([1.0, 0, 0]))[:, 0, 0].tolist() == [0, 0, 1, 2, 3, 4]
    assert shifted(image, np.array([-1.5, 0, 0]))[:, 0, 0].tolist() == [1.5, 2.5, 3.5, 4.5, 5, 5]


def test_margins_are_as_wide_at_one_millimeter_as_at_two(head: torch.Tensor) -> None:
    coarse = brain_mask(head, 2.0, 2.0)
    fine = brain_mask(head.repeat_interleave(2, 0).repeat_interleave(2, 1).repeat_interleave(2, 2), 1.0, 2.0)
    assert int(fine.sum()) == pytest.approx(8 * int(coarse.sum()), rel=0.02)
