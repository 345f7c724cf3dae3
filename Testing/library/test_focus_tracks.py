"""Foci that are found again, and thresholds as lines beside numbers over time."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from neurospineseg.geometry.affine import Affine
from neurospineseg.measurements.change_plot import places_in_time, write_plot
from neurospineseg.measurements.focus_tracks import with_matched_foci
from neurospineseg.measurements.measurement import Measurement, Measurements
from neurospineseg.measurements.over_time import changes, write_changes
from neurospineseg.measurements.rano import rano_lines

HERE = Affine.of(np.eye(3))
Focus = tuple[tuple[float, float, float], float]


def study(*foci: Focus, enhancing: float = 10.0) -> Measurements:
    """Foci at centers (RAS mm) with volumes in mL and a product of a hundred times that."""
    items = [Measurement("volume", "Volume", "enhancing_tumor", "Enhancing tumor", "mL", enhancing, enhancing - 0.1, enhancing + 0.1)]
    for number, (center, ml) in enumerate(foci, 1):
        place = (f"focus_{number}", f"Focus {number}")
        items.append(Measurement("volume", "Volume", *place, "mL", ml, ml, ml))
        items += [Measurement(f"center_{axis}", axis, *place, "mm", value, value, value) for axis, value in zip("ras", center)]
        items.append(Measurement("longest_diameter", "Longest", *place, "mm", ml, ml, ml))
        items.append(Measurement("product", "Product", *place, "mm2", 100 * ml, 100 * ml, 100 * ml))
    return Measurements("tumor", tuple(items))


def volumes(found: list[tuple[str, Measurements]], letter: str) -> list[float | None]:
    items = [measured.find("volume", f"matched_focus_{letter}") for _, measured in found]
    return [None if item is None else item.value for item in items]


def test_foci_are_matched_by_place_not_by_size() -> None:
    first, second = study(((30, 0, 0), 9.0), ((-30, 0, 0), 4.0)), study(((-31, 1, 0), 12.0), ((30, 2, 0), 5.0))
    found = with_matched_foci([("a", first), ("b", second)], [HERE, HERE])
    assert volumes(found, "A") == [9.0, 5.0]
    assert volumes(found, "B") == [4.0, 12.0]


def test_the_head_may_have_moved() -> None:
    move = Affine.of(np.eye(3), (60.0, 0.0, 0.0))
    found = with_matched_foci([("a", study(((30, 0, 0), 3.0))), ("b", study(((-30, 0, 0), 4.0)))], [HERE, move])
    assert volumes(found, "A") == [3.0, 4.0]


def test_a_new_focus_gets_a_letter_of_its_own_and_a_former_one_keeps_its() -> None:
    one, other = ((30, 0, 0), 3.0), ((-30, 0, 0), 4.0)
    found = with_matched_foci([("a", study(one)), ("b", study(other)), ("c", study(other, one))], [HERE] * 3)
    assert volumes(found, "A") == [3.0, None, 3.0]
    assert volumes(found, "B") == [None, 4.0, 4.0]


def followed() -> list:
    names = ("2024-01-31", "2024-03-31", "2024-09-30")
    made = [study(((30, 0, 0), ml), enhancing=ml) for ml in (10.0, 4.0, 6.0)]
    return changes(with_matched_foci(list(zip(names, made)), [HERE] * 3))


def test_matched_foci_are_followed_and_counted_once() -> None:
    last = [each for each in followed() if each.study == "2024-09-30"]
    assert next(each for each in last if each.measured.place == "matched_focus_A" and each.measured.key == "volume").from_first == -4.0
    assert next(each for each in last if each.measured.key == "sum_of_products").measured.value == 600.0


def test_lines_stand_above_the_lowest_and_below_the_first() -> None:
    assert {(line.key, line.name): line.value for line in rano_lines(followed())} == pytest.approx(
        {
            ("sum_of_products", "25 % above the lowest"): 500.0,
            ("sum_of_products", "50 % below the first"): 500.0,
            ("volume", "40 % above the lowest"): 5.6,
            ("volume", "65 % below the first"): 3.5,
        }
    )


def test_the_table_has_the_lines_with_their_version_and_no_category(tmp_path: Path) -> None:
    found = followed()
    write_changes(found, tmp_path / "table.csv", rano_lines(found))
    text = (tmp_path / "table.csv").read_text(encoding="utf-8-sig")
    rows = [row for row in csv.DictReader(text.splitlines()) if row["group"] == "Lines"]
    assert [row["measure"] for row in rows][0] == "25 % above the lowest (RANO 2.0)"
    assert not any(word in text.lower() for word in ("progress", "response", "stable"))


def test_a_plot_has_a_curve_for_each_place_and_the_lines(tmp_path: Path) -> None:
    found = followed()
    write_plot(found, rano_lines(found), tmp_path / "plot.svg")
    drawn = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert drawn.count("<polyline") == 3
    assert drawn.count("RANO 2.0") == 4


def test_dates_lie_apart_as_time_does() -> None:
    assert places_in_time(["2024-01-01", "2024-01-11", "2024-01-31"]) == [0.0, 10.0, 30.0]
    assert places_in_time(["early", "late"]) == [0.0, 1.0]
