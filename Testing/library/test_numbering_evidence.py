"""Why levels are called as they are: rival numberings, and that unusual counts are named only where something tells."""

from __future__ import annotations

import numpy as np
import pytest

from neurospineseg.tasks.spine.evidence import Evidence, c2_by_dens, chosen, evidence_of_names, numberings, reasons, rivals_in_words
from neurospineseg.tasks.spine.renumbering import Variant
from Testing.library.test_spine_numbering import numbered
from Training.synthetic.spine.canvas import BODY, DISC, SACRUM

STEP = 6
"""Voxels of 4 mm from one drawn body to the next."""


def whole_column(bodies: int, dens: bool = True, sacrum: bool = True) -> np.ndarray:
    """Bodies above a sacrum, the uppermost but one with a dens, in voxels of 4 mm."""
    classes = np.zeros((20 + STEP * (bodies + 2), 26, 22), np.uint8)
    for number in range(bodies):
        low = 14 + STEP * number
        size = 5 if number < bodies - 2 else 4
        classes[low : low + 4, 12 - size : 12 + size, 11 - size : 11 + size] = BODY
        classes[low - 1 : low, 12 - size : 12 + size, 11 - size : 11 + size] = DISC
    if dens:
        low = 14 + STEP * (bodies - 2)
        classes[low + 3 : low + 8, 9:12, 9:13] = BODY
        classes[low + 5 : low + 11, 8:15, 6:16] = 0
        classes[low + 4 : low + 8, 9:12, 9:13] = BODY
        classes[low + 6 : low + 9, 13:18, 7:15] = BODY
    if sacrum:
        classes[3:13, 4:18, 4:18] = SACRUM
    return classes


def levels_of(bodies: int, **kind: bool) -> tuple[list[str], dict]:
    """Keys found, upward, and what the record says of the numbering."""
    _, done = numbered(whole_column(bodies, **kind), np.diag([4.0, 4.0, 4.0, 1.0]))
    return [each.key for each in done.structures if each.key.startswith("vertebra_")], done.record["numbering"]


def test_with_nothing_but_a_sacrum_the_usual_numbering_is_the_likeliest_and_rivals_are_told() -> None:
    rivals = numberings(Evidence(7, True))
    assert [(each.lowest, each.variant) for each in rivals[:3]] == [
        ("L5", Variant.STANDARD),
        ("L4", Variant.FOUR_LUMBAR),
        ("L6", Variant.L6),
    ]
    assert sum(each.likelihood for each in rivals) == pytest.approx(1)
    assert rivals_in_words(rivals) == "L5 (84 % likely; as L4 8 %, as L6 or S1 8 %)"


def test_likelihoods_are_frequencies_times_chances_of_a_shift() -> None:
    rivals = {each.lowest: each.likelihood for each in numberings(Evidence(5, True))}
    right, shifted, total = 13 / 14, 1 / 28, 416.0
    usual = (373.6 * right + 22.0 * shifted + 20.4 * shifted) / total
    assert rivals["L5"] == pytest.approx(usual, rel=0.002)


def test_without_a_sacrum_there_is_no_numbering() -> None:
    assert numberings(Evidence(24, False, c2=22)) == ()
    assert chosen(()) is None
    assert reasons(Evidence(3, False))[0] == "no sacrum is in view"


@pytest.mark.parametrize(("below_c2", "lowest"), [(21, "L4"), (22, "L5"), (23, "L6")])
def test_a_count_from_c2_decides_how_many_lumbar_vertebrae_there_are(below_c2: int, lowest: str) -> None:
    best = chosen(numberings(Evidence(below_c2 + 2, True, c2=below_c2)))
    assert best is not None
    assert best.lowest == lowest
    assert best.level(below_c2) == "C2"


def test_ribs_tell_t13_from_l6() -> None:
    thirteen = chosen(numberings(Evidence(25, True, c2=23, lowest_ribs=5)))
    six = chosen(numberings(Evidence(25, True, c2=23, lowest_ribs=6)))
    assert thirteen is not None
    assert thirteen.variant is Variant.T13
    assert six is not None
    assert six.variant is Variant.L6


def test_six_vertebrae_below_the_lowest_ribs_are_no_proof_of_a_sixth_lumbar_one() -> None:
    best = chosen(numberings(Evidence(9, True, lowest_ribs=6)))
    assert best is not None
    assert best.variant is Variant.STANDARD


def test_four_vertebrae_below_the_lowest_ribs_are_lumbar() -> None:
    best = chosen(numberings(Evidence(9, True, lowest_ribs=4)))
    assert best is not None
    assert best.lowest == "L4"


def test_c2_is_told_by_its_height_near_the_top_of_a_whole_spine_only() -> None:
    heights = [*[40.0] * 18, *[30.0] * 4, 46.0, 30.0]
    assert c2_by_dens(range(24), heights) == 22
    assert c2_by_dens(range(8), heights[-8:]) is None
    assert c2_by_dens(range(24), [30.0] * 24) is None


@pytest.mark.parametrize(("bodies", "lowest"), [(23, "L4"), (24, "L5"), (25, "L6")])
def test_a_drawn_whole_spine_is_named_by_its_own_count(bodies: int, lowest: str) -> None:
    keys, record = levels_of(bodies)
    assert record["vertebrae_below_c2"] == bodies - 2
    assert keys[0] == f"vertebra_{lowest}"
    assert keys[-1] == "vertebra_C1"


@pytest.mark.parametrize("bodies", [23, 24, 25])
def test_without_a_dens_the_usual_count_stays(bodies: int) -> None:
    keys, record = levels_of(bodies, dens=False)
    assert record["vertebrae_below_c2"] is None
    assert keys[0] == "vertebra_L5"


@pytest.mark.parametrize("bodies", [23, 25])
def test_without_a_sacrum_nothing_is_named(bodies: int) -> None:
    keys, record = levels_of(bodies, sacrum=False)
    assert keys[0] == "vertebra_1"
    assert record["rivals"] == []


def test_discs_of_six_lumbar_vertebrae_follow() -> None:
    _, done = numbered(whole_column(25), np.diag([4.0, 4.0, 4.0, 1.0]))
    discs = [each.key for each in done.structures if each.key.startswith("disc_")]
    assert discs[:3] == ["disc_L6_S1", "disc_L5_L6", "disc_L4_L5"]


def test_the_names_of_a_mask_tell_what_lies_between() -> None:
    seen = evidence_of_names({"vertebra_L5": 50.0, "vertebra_L3": 50.0, "vertebra_T12": 45.0}, True, "vertebra_T12")
    assert (seen.vertebrae, seen.missed, seen.lowest_ribs) == (6, 3, 5)


def test_of_numbered_vertebrae_the_count_is_known() -> None:
    assert evidence_of_names({"vertebra_1": 50.0, "vertebra_2": 50.0}, True).vertebrae == 2
    assert evidence_of_names({}, False).vertebrae == 0
