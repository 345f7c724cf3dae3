"""Plots, names of levels and the AC-PC frame: made with the measurements, and never older than they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import slicer
import vtk

from neurospineseg.measurements.ac_pc import AcPc
from neurospineseg.measurements.edits import frame_of
from neurospineseg.measurements.measurement import Measurement, Measurements, as_points
from neurospineseg.mrml.pieces import at_once
from neurospineseg.mrml.volume_node import to_numpy
from Testing.panel.measured_spine import found_in, measure, number_of

L2, L3 = "vertebra_L2", "vertebra_L3"


@pytest.fixture
def panel(bench, measuring_panel, spine):
    measure(bench, measuring_panel)
    return measuring_panel


def own(spine) -> dict:
    from neurospineseg_panel.measure_folder import own_nodes

    return own_nodes(spine)


def column(table, number: int) -> list[str]:
    return [table.GetTable().GetValue(row, number).ToString() for row in range(table.GetNumberOfRows())]


def test_heights_are_plotted_by_level(panel, spine) -> None:
    chart = own(spine)["chart:body_heights"]
    table = own(spine)["table:body_heights"]
    assert chart.GetNumberOfPlotSeriesNodes() == 3
    assert column(table, 0) == ["L2", "L3"]
    front = [float(text) for text in column(table, 1)]
    np.testing.assert_allclose(front, [float(found_in(spine, "body_height_front", place).value or 0) for place in (L2, L3)], atol=0.001)
    series = chart.GetNthPlotSeriesNode(0)
    assert series.GetTableNode() is table
    assert series.GetYColumnName() == table.GetColumnName(1)


def test_the_plot_of_the_selected_row_is_shown(bench, panel, spine, monkeypatch) -> None:
    from neurospineseg_panel import measure_section

    shown = []
    monkeypatch.setattr(measure_section, "show_chart", shown.append)
    panel.measure.tree.select(number_of(panel, "disc_height_middle", "disc_L2_L3"))
    bench.click(panel.ui.measurePlotButton)
    assert shown == [own(spine)["chart:disc_heights"]]


def test_a_plot_follows_a_dragged_end(bench, panel, spine) -> None:
    number = number_of(panel, "body_height_front", L3)
    ends = np.array(panel.measure.measured.items[number].points)
    panel.measure.onMoved(number, as_points([ends[0], ends[0] + 2 * (ends[1] - ends[0])]))
    bench.spin(0.3)
    assert abs(float(column(own(spine)["table:body_heights"], 1)[1]) - 48.0) < 0.5


def test_measuring_twice_makes_no_second_plot(bench, panel, spine) -> None:
    before = set(own(spine).values())
    measure(bench, panel)
    assert set(own(spine).values()) == before
    assert own(spine)["chart:body_heights"].GetNumberOfPlotSeriesNodes() == 3


def test_levels_are_named_at_the_centers_of_their_bodies(bench, panel, spine) -> None:
    bench.click(panel.ui.levelNamesCheckBox)
    bench.spin(lambda: not panel.measure.levels.busy)
    node = own(spine)["levels"]
    assert [node.GetNthControlPointLabel(number) for number in range(node.GetNumberOfControlPoints())] == ["L2", "L3"]
    middle = np.mean(found_in(spine, "body_height_middle", L2).points, 0)
    np.testing.assert_allclose(node.GetNthControlPointPositionVector(0), middle, atol=0.01)
    bench.click(panel.ui.levelNamesCheckBox)
    assert not node.GetDisplayVisibility()


def test_names_of_levels_follow_renumbering_without_measuring(bench, measuring_panel, spine) -> None:
    from neurospineseg.mrml import renumber

    bench.click(measuring_panel.ui.levelNamesCheckBox)
    bench.spin(lambda: not measuring_panel.measure.levels.busy)
    renumber(spine, L3, "L4")
    node = own(spine)["levels"]
    bench.spin(lambda: node.GetNthControlPointLabel(0) == "L3", 5)
    assert node.GetNthControlPointLabel(1) == "L4"


def matrix_of(transform) -> np.ndarray:
    matrix = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToParent(matrix)
    return to_numpy(matrix)


def nuclei() -> Measurements:
    frame = AcPc(np.array([2.0, 12, 3]), np.array([2.0, -12, 5]), np.array([3.0, 0, 60]))
    items = []
    for place, point in (("ac", frame.ac), ("pc", frame.pc), ("midline", frame.midline)):
        items += [Measurement(axis, axis, place, place, "mm", float(point[n]), shape="point", points=as_points([point])) for n, axis in enumerate("ras")]  # fmt: skip
    return Measurements("subcortical", tuple(items))


def test_the_commissures_make_a_transform_in_which_the_head_stands_upright(bench, measuring_panel, spine) -> None:
    from neurospineseg_panel.acpc_transform import place_acpc

    known: dict = {}
    place_acpc(spine, nuclei(), known)
    node = known["acpc"]
    matrix = matrix_of(node)
    frame = frame_of(nuclei())
    assert frame is not None
    np.testing.assert_allclose((matrix @ [*frame.ac, 1])[:3], [0, frame.length / 2, 0], atol=1e-6)
    np.testing.assert_allclose((matrix @ [*frame.midline, 1])[0], 0, atol=1e-6)
    spine.SetAndObserveTransformNodeID(node.GetID())
    place_acpc(spine, replace(nuclei(), items=tuple(replace(each, points=as_points(np.add(each.points, 5))) for each in nuclei())), known)
    np.testing.assert_allclose(matrix_of(node), matrix)
    spine.SetAndObserveTransformNodeID(None)
    place_acpc(spine, Measurements("subcortical"), known)
    assert node.GetScene() is None


def test_volumes_of_nuclei_are_plotted_left_beside_right(bench, measuring_panel, spine) -> None:
    from neurospineseg_panel.measure_plots import plotting

    items = [
        Measurement("volume", "Volume", f"{side}_putamen", f"{side.capitalize()} putamen", "mL", ml)
        for side, ml in (("left", 4.5), ("right", 4.75))
    ]
    known: dict = {}
    at_once(plotting(spine, Measurements("subcortical", tuple(items)), known))
    assert [column(known["table:volumes"], number) for number in range(3)] == [["Putamen"], ["4.5"], ["4.75"]]


def test_the_chart_is_shown_in_slicers_layout(panel, spine) -> None:
    from neurospineseg_panel.measure_plots import show_chart

    show_chart(own(spine)["chart:body_heights"])
    assert slicer.modules.plots.logic().GetMRMLScene() is slicer.mrmlScene
