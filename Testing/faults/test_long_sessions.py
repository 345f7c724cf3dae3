"""What a panel keeps of its results does not grow with the session."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed")

from neurospineseg.mrml.pieces import at_once
from neurospineseg_panel import segmentation_result
from neurospineseg_panel.segmentation_result import LONGEST_CHAIN, REACHABLE, PackedMask, Part, SegmentationResult, SegmentationResults

SHAPE = (9, 10, 11)
RNG = np.random.default_rng(3)


def packed(label: int, corner: tuple[int, int, int]) -> PackedMask:
    box = tuple(edge for start, size in zip(corner, SHAPE) for edge in (start, min(size, start + 5)))
    shape = [stop - start for start, stop in zip(box[::2], box[1::2])]
    return PackedMask(label, box, np.packbits(RNG.random(shape) < 0.7))


def whole() -> SegmentationResult:
    return SegmentationResult(None, {"reference": "t1c"}, "first", masks=[packed(1, (0, 0, 0)), packed(3, (4, 3, 2))], scans={"t1c": "x"})


def upon(earlier: SegmentationResult, number: int) -> SegmentationResult:
    inside = packed(1, (number % 5, number % 6, number % 4))
    part = Part(inside, frozenset({1, 3}), np.eye(4))
    masks = [packed(1, (number % 4, 0, 2)), packed(3, (1, number % 5, 3))]
    uncertain = [{"ras": [float(number % 4 + 1)] * 3, "score": number / 30}]
    return replace(earlier, token=str(number), masks=masks, part=part, earlier=earlier, uncertain=uncertain)


def painted(result: SegmentationResult) -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint16)
    at_once(result.paint(labels))
    return labels


@pytest.mark.parametrize("known", [True, False])
def test_a_long_chain_of_boxes_is_drawn_together_and_says_the_same(known: bool) -> None:
    plain = short = replace(whole(), predicted=known)
    longest = 0
    for number in range(3 * LONGEST_CHAIN):
        made = upon(plain, number)
        plain, short = made, at_once(replace(made, earlier=short).shortened(SHAPE))
        longest = max(longest, len(short.chain))
        np.testing.assert_array_equal(painted(short), painted(plain))
        assert short.is_whole == plain.is_whole == known
        assert short.uncertain_regions() == plain.uncertain_regions()
    assert longest <= LONGEST_CHAIN


def test_results_that_nothing_can_bring_back_keep_no_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {"0"}
    monkeypatch.setattr(segmentation_result, "run_tokens", lambda node: shown)
    node, results = SimpleNamespace(GetID=lambda: "node"), SegmentationResults()
    for number in range(3 * REACHABLE):
        results.add(replace(whole(), node=node, token=str(number), scans={"t1c": str(number)}))
    known = results._known["node"]
    assert [number for number, result in enumerate(known) if result.masks] == [0, *range(2 * REACHABLE, 3 * REACHABLE)]
    assert results.of(node).token == "0"
    shown |= {"5"}
    assert results.is_mixed(node), "which scans an old run was made on is still known"
