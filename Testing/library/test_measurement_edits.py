"""Numbers whose points a person moves: what is drawn is what is told, and what hangs on it follows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.ac_pc import AcPc
from neurospineseg.measurements.edits import FRAME_MOVED, frame_of, is_movable, moved, value_at
from neurospineseg.measurements.measurement import EDITED, Measurement, Measurements, as_points
from neurospineseg.measurements.measuring import measure
from neurospineseg.tasks.anatomy import structure
from Testing.known_sizes.tumors import draw_tumor


def tilted_boxes() -> Volume:
    """L2 and L3 as boxes with a canal behind; L2 leans by 9 degrees and lies 4 mm farther to the front. 1.5 mm."""
    places = (np.indices((60, 52, 40))[::-1].reshape(3, -1).T - [19.5, 30.5, 27.5]) * 1.5
    labels, lean = np.zeros(len(places), np.uint16), Rotation.from_euler("x", -9, degrees=True)
    labels[(np.abs(places - [0, 0, -17]) < [21, 15, 12]).all(1)] = structure("vertebra_L3").label
    labels[(np.abs(lean.apply(places - [0, 4, 18])) < [21, 15, 12]).all(1)] = structure("vertebra_L2").label
    labels[places[:, 0] ** 2 + (places[:, 1] + 25.5) ** 2 < 64] = structure("spinal_canal").label
    return Volume(labels.reshape(60, 52, 40), Affine.of(np.eye(3) * 1.5, np.array([-29.0, -46.0, -41.0])).matrix)


@pytest.fixture(scope="module")
def spine() -> Measurements:
    names = {structure(key).label: key for key in ("vertebra_L2", "vertebra_L3", "spinal_canal")}
    return measure(tilted_boxes(), names, "spine")


def line(key: str, place: str, *ends: tuple[float, float, float], value: float | None = None) -> Measurement:
    length = float(np.linalg.norm(np.subtract(*ends)))
    return Measurement(key, key, place, place, "mm", length if value is None else value, 0.0, 99.0, "line", as_points(ends))


def number_of(measured: Measurements, key: str, place: str) -> int:
    return next(number for number, each in enumerate(measured) if (each.key, each.place) == (key, place))


def told(measured: Measurements, key: str, place: str = "") -> float:
    found = measured.find(key, place)
    assert found is not None
    assert found.value is not None
    return found.value


def test_what_is_drawn_of_a_spine_is_what_is_told(spine: Measurements) -> None:
    drawn = [(each, value_at(each, each.points)) for each in spine if each.points and each.key != "canal_area"]
    assert len({each.key for each, _ in drawn}) >= 14
    assert abs(told(spine, "disc_angle", "disc_L2_L3")) > 5
    assert abs(told(spine, "slip", "disc_L2_L3")) > 2
    assert {each.column: (each.value, value) for each, value in drawn if abs((value or 0) - (each.value or 0)) > 0.05} == {}


def test_what_is_drawn_of_a_tumor_is_what_is_told() -> None:
    tumor = draw_tumor(1)
    found = measure(tumor.labels, {1: "necrotic_core", 2: "edema", 3: "enhancing_tumor"}, "tumor")
    drawn = [(each, value_at(each, each.points)) for each in found if each.points]
    assert drawn
    assert {each.column: (each.value, value) for each, value in drawn if abs((value or 0) - (each.value or 0)) > 0.05} == {}


def test_a_moved_end_changes_the_length_and_says_edited(spine: Measurements) -> None:
    number = number_of(spine, "body_depth", "vertebra_L3")
    before = spine.items[number]
    ends = np.array(before.points)
    after = moved(spine, number, [ends[0], ends[0] + 2 * (ends[1] - ends[0])]).items[number]
    assert after.value == pytest.approx(2 * float(before.value or 0), abs=0.01)
    assert EDITED in after.flags
    assert after.low is None


def test_quotients_follow_the_lengths_that_they_are_made_of() -> None:
    heights = [line(f"body_height_{where}", "vertebra_L3", (0, y, 0), (0, y, 20)) for y, where in enumerate(("back", "middle", "front"))]
    ratio = Measurement("body_front_to_back", "", "vertebra_L3", "L3", "", 1.0, 0.9, 1.1)
    other = replace(ratio, place="vertebra_L4")
    after = moved(Measurements("spine", (*heights, ratio, other)), 2, [(0, 2, 0), (0, 2, 10)])
    assert told(after, "body_front_to_back", "vertebra_L3") == 0.5
    assert after.find("body_front_to_back", "vertebra_L4") == other


def test_a_slip_to_the_other_side_is_negative() -> None:
    slip = line("slip", "disc_L4_L5", (0, 0, 0), (0, 3, 0))
    depth = line("upper_endplate_depth", "vertebra_L5", (0, 0, 0), (0, 30, 0))
    percent = Measurement("slip_percent", "", "disc_L4_L5", "", "%", 10.0, 9.0, 11.0)
    after = moved(Measurements("spine", (slip, depth, percent)), 0, [(0, 0, 0), (0, -6, 0)])
    assert told(after, "slip", "disc_L4_L5") == -6.0
    assert told(after, "slip_percent", "disc_L4_L5") == pytest.approx(-20.0)
    assert told(moved(after, 0, [(0, 0, 0), (0, 1.5, 0)]), "slip", "disc_L4_L5") == 1.5


def test_an_angle_that_opens_to_the_back_is_negative() -> None:
    points = [(0, 0, 10), (0, 30, 10), (0, 0, 0), (0, 30, 0)]
    angle = Measurement("disc_angle", "", "disc_L4_L5", "", "deg", 0.0, -1.0, 1.0, "angle", as_points(points))
    after = moved(Measurements("spine", (angle,)), 0, [(0, 0, 10), (0, 30, 10 - 30 * np.tan(np.radians(7))), *points[2:]])
    assert told(after, "disc_angle", "disc_L4_L5") == pytest.approx(-7.0, abs=0.01)


def nuclei() -> Measurements:
    frame = AcPc(np.array([0, 12.0, 0]), np.array([0, -12.0, 0]), np.array([0, 0, 60.0]))
    points = {"ac": frame.ac, "pc": frame.pc, "midline": frame.midline}
    items = [line("ac_pc_length", "", tuple(frame.ac), tuple(frame.pc))]
    for place, point in points.items():
        items += [Measurement(axis, axis, place, place, "mm", float(point[n]), shape="point", points=as_points([point])) for n, axis in enumerate("ras")]  # fmt: skip
    center = as_points([(11.0, -3.0, -4.0)])
    for key, value in (("lateral", 11.0), ("front_back", -3.0), ("up_down", -4.0), ("lowest", -4.0)):
        items.append(Measurement(key, key, "right_subthalamic_nucleus", "", "mm", value, shape="point", points=center))
    return Measurements("subcortical", tuple(items))


def test_a_moved_commissure_moves_the_frame() -> None:
    before = nuclei()
    after = moved(before, number_of(before, "r", "ac"), [(0, 16.0, 0)])
    assert told(after, "a", "ac") == 16.0
    assert told(after, "ac_pc_length") == 28.0
    assert told(after, "front_back", "right_subthalamic_nucleus") == pytest.approx(-5.0)
    frame = frame_of(after)
    assert frame is not None
    assert frame.length == 28.0
    lowest = after.find("lowest", "right_subthalamic_nucleus")
    assert lowest is not None
    assert FRAME_MOVED in lowest.flags


def test_a_dragged_end_of_the_line_between_them_is_a_moved_commissure() -> None:
    after = moved(nuclei(), 0, [(0, 12.0, 0), (0, -14.0, 0)])
    assert told(after, "a", "pc") == -14.0
    assert told(after, "front_back", "right_subthalamic_nucleus") == pytest.approx(-2.0)


def test_commissures_on_one_line_with_the_midline_are_refused() -> None:
    before = nuclei()
    with pytest.raises(InputError, match="lie on one line"):
        moved(before, number_of(before, "r", "midline"), [(0, 50.0, 0)])


def test_an_area_is_not_set_by_a_point() -> None:
    area = Measurement("canal_area", "Canal, area", "vertebra_L3", "L3", "mm2", 200.0, shape="point", points=((0.0, 0.0, 0.0),))
    assert not is_movable(area, None)
    with pytest.raises(InputError, match="cannot be set by moving points"):
        moved(Measurements("spine", (area,)), 0, [(1, 1, 1)])
