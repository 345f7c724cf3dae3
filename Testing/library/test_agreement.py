"""Limits of agreement between an expert's and a model's masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neurospineseg.images.volume import Volume
from neurospineseg.tasks.anatomy import structure
from Testing.known_sizes.agreement import Twice, agreement, both, plot, table
from Testing.known_sizes.patients import Pair, named
from Testing.library.test_measure_command import two_boxes


def twice(expert: float, ours: float, flagged: bool = False) -> Twice:
    return Twice("a", "Chu", "body_depth", "vertebra_L3", "mm", expert, ours, flagged)


def test_the_limits_are_1_96_standard_deviations_about_the_mean() -> None:
    made = agreement([twice(30.0, 31.0), twice(30.0, 33.0), twice(30.0, 29.0)])
    assert (made.count, made.mean, made.largest, made.median_apart) == (3, 1.0, 3.0, 1.0)
    assert made.low == pytest.approx(1.0 - 1.96 * 2.0)


def test_flagged_pairs_stay_out_of_the_table() -> None:
    members = [twice(30.0, 30.5) for _ in range(5)]
    assert "| Chu | body_depth | 5 | mm | +0.50 |" in table([*members, twice(30.0, 60.0, flagged=True)])
    assert "body_depth" not in table(members[:4])


def test_equal_masks_agree() -> None:
    pair = Pair("a", "Chu", two_boxes(), two_boxes())
    assert max(abs(each.difference) for each in both(pair)) == 0


def test_kinds_take_the_names_of_the_nearest_structures() -> None:
    ours = np.zeros((30, 6, 6), np.uint16)
    ours[2:8], ours[12:18] = structure("vertebra_L5").label, structure("vertebra_L4").label
    kinds = np.zeros(ours.shape, int)
    kinds[1:9], kinds[11:19], kinds[28:] = 1, 1, 1
    made = named(kinds, Volume(ours, np.diag([1.0, 1.0, 1.0, 1.0])))
    assert set(np.unique(made[1:9])) == {structure("vertebra_L5").label}
    assert set(np.unique(made[11:19])) == {structure("vertebra_L4").label}
    assert not made[28:].any()


def test_a_plot_is_drawn(tmp_path: Path) -> None:
    plot([twice(30.0, 31.0), twice(31.0, 31.5)], tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000
