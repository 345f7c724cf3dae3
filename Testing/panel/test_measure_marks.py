"""Markups where numbers were measured: they lie there, can be dragged, and what was dragged outlives measuring again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import slicer
import vtk

from neurospineseg.measurements.measurement import EDITED
from Testing.panel.measured_spine import found_in, measure, number_of

L2, L3 = "vertebra_L2", "vertebra_L3"


@pytest.fixture
def panel(bench, measuring_panel, spine):
    measure(bench, measuring_panel)
    return measuring_panel


def mark_of(panel, key: str, place: str):
    """The mark of a row that is selected."""
    from neurospineseg_panel.measure_marks import mark_key

    number = number_of(panel, key, place)
    panel.measure.tree.select(number)
    return panel.measure.marks._known[mark_key(panel.measure.measured.items, number)]


def drag(node, point: int, by) -> None:
    place = [0.0, 0.0, 0.0]
    node.GetNthControlPointPositionWorld(point, place)
    node.SetNthControlPointPositionWorld(point, *np.add(place, by))


def axis_of(node) -> np.ndarray:
    ends = np.array([node.GetNthControlPointPositionVector(number) for number in (0, 1)])
    return (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])


@pytest.mark.parametrize(
    "key, place, kind",
    [
        ("body_depth", L3, "vtkMRMLMarkupsLineNode"),
        ("upper_endplate_depth", L3, "vtkMRMLMarkupsPlaneNode"),
        ("disc_angle", "disc_L2_L3", "vtkMRMLMarkupsAngleNode"),
        ("canal_area", L3, "vtkMRMLMarkupsFiducialNode"),
    ],
)
def test_each_shape_has_its_markup_at_its_place(panel, spine, key: str, place: str, kind: str) -> None:
    node, each = mark_of(panel, key, place), found_in(spine, key, place)
    assert node.GetClassName() == kind
    assert node.GetDisplayVisibility()
    first = np.mean([each.points[0], each.points[2]], 0) if kind.endswith("AngleNode") else each.points[0]
    found = [0.0, 0.0, 0.0]
    node.GetNthControlPointPositionWorld(1 if kind.endswith("AngleNode") else 0, found)
    np.testing.assert_allclose(found, first, atol=0.002)
    assert bool(node.GetLocked()) == (key == "canal_area")


def test_slicers_own_length_of_the_line_is_the_number_told(panel, spine) -> None:
    node = mark_of(panel, "body_depth", L3)
    assert abs(node.GetLineLengthWorld() - float(found_in(spine, "body_depth", L3).value or 0)) < 0.01


def test_only_the_selected_mark_is_shown_unless_all_are_wanted(bench, panel, spine) -> None:
    one, other = mark_of(panel, "body_depth", L3), mark_of(panel, "body_width", L3)
    assert (one.GetDisplayVisibility(), other.GetDisplayVisibility()) == (0, 1)
    bench.click(panel.ui.measureAllCheckBox)
    bench.spin(lambda: not panel.measure.marks.busy)
    nodes = slicer.util.getNodesByClass("vtkMRMLMarkupsNode")
    assert len(nodes) > 20
    assert all(node.GetDisplayVisibility() for node in nodes)
    bench.click(panel.ui.measureAllCheckBox)
    assert [node for node in nodes if node.GetDisplayVisibility()] == [other]


def test_a_dragged_end_changes_the_table_and_the_list_and_says_edited(bench, panel, spine) -> None:
    before = float(found_in(spine, "body_depth", L3).value or 0)
    node = mark_of(panel, "body_depth", L3)
    drag(node, 1, 5 * axis_of(node))
    after = found_in(spine, "body_depth", L3)
    assert after.value == pytest.approx(before + 5, abs=0.01)
    assert EDITED in after.flags
    row = panel.measure.tree._rows[number_of(panel, "body_depth", L3)]
    assert (row.text(1), row.text(3)) == (after.text, EDITED)
    index = found_in(spine, "disc_height_index", "disc_L2_L3")
    assert EDITED not in index.flags, "it is over the depth of L2"


def test_what_was_dragged_outlives_measuring_again(bench, panel, spine) -> None:
    node = mark_of(panel, "body_depth", L3)
    drag(node, 1, 5 * axis_of(node))
    edited = found_in(spine, "body_depth", L3)
    measure(bench, panel)
    assert found_in(spine, "body_depth", L3).value == edited.value
    assert "Edited numbers were kept" in panel.ui.statusLabel.text
    assert node.GetScene() is slicer.mrmlScene
    bench.click(panel.ui.measureKeepCheckBox)
    measure(bench, panel)
    assert EDITED not in found_in(spine, "body_depth", L3).flags
    assert "Edited numbers were replaced" in panel.ui.statusLabel.text
    assert abs(node.GetLineLengthWorld() - float(found_in(spine, "body_depth", L3).value or 0)) < 0.01


def test_renumbering_takes_edits_and_marks_along(bench, panel, spine) -> None:
    from neurospineseg.mrml import renumber

    node = mark_of(panel, "body_depth", L3)
    drag(node, 1, 5 * axis_of(node))
    edited = found_in(spine, "body_depth", L3).value
    renumber(spine, L3, "L4")
    measure(bench, panel)
    assert found_in(spine, "body_depth", "vertebra_L4").value == edited
    assert EDITED not in found_in(spine, "body_depth", L3).flags, "that was L2 before"
    assert node.GetName() == "L4 Body depth"


def test_marks_lie_under_the_segmentations_transform(bench, measuring_panel, spine) -> None:
    transform, matrix = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode"), vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 40.0)
    transform.SetMatrixTransformToParent(matrix)
    for moved in (spine, spine.GetNodeReference(spine.GetReferenceImageGeometryReferenceRole())):
        moved.SetAndObserveTransformNodeID(transform.GetID())
    measure(bench, measuring_panel)
    node, found = mark_of(measuring_panel, "body_depth", L3), [0.0, 0.0, 0.0]
    node.GetNthControlPointPositionWorld(0, found)
    np.testing.assert_allclose(found, found_in(spine, "body_depth", L3).points[0], atol=0.002)
    assert node.GetTransformNodeID() == transform.GetID()


def test_clicks_go_on_placing_points_into_the_users_list(panel, spine) -> None:
    from neurospineseg_panel.measure_folder import placing_list_kept

    selection = slicer.vtkMRMLSelectionNode()
    selection.SetSingletonTag("Singleton")
    selection = slicer.mrmlScene.AddNode(selection)
    mine, other = (slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode") for _ in range(2))
    selection.SetActivePlaceNodeID(mine.GetID())
    with placing_list_kept(slicer.mrmlScene):
        selection.SetActivePlaceNodeID(other.GetID())
    assert selection.GetActivePlaceNodeID() == mine.GetID()


def test_a_mark_that_the_user_deleted_is_made_again_when_it_is_looked_at(panel, spine) -> None:
    node = mark_of(panel, "body_depth", L3)
    slicer.mrmlScene.RemoveNode(node)
    mark_of(panel, "body_width", L3)
    assert mark_of(panel, "body_depth", L3).GetScene() is slicer.mrmlScene


def test_a_saved_table_tells_the_same_in_another_session(bench, panel, spine) -> None:
    node = mark_of(panel, "body_depth", L3)
    drag(node, 1, 5 * axis_of(node))
    before = panel.measure.measured
    panel.measure._results.clear()
    panel.measure.show(None)
    panel.measure.show(spine)
    assert [(each.key, each.text, each.flags) for each in panel.measure.measured] == [(e.key, e.text, e.flags) for e in before]
    assert "Measured before" in panel.ui.measureLabel.text


def test_the_mark_that_was_selected_is_hidden_also_after_measuring_again(bench, panel, spine) -> None:
    one = mark_of(panel, "body_depth", L3)
    measure(bench, panel)
    other = mark_of(panel, "body_width", L3)
    assert (one.GetDisplayVisibility(), other.GetDisplayVisibility()) == (0, 1)


def test_what_is_dragged_while_the_list_is_filled_is_listed(bench, panel, spine) -> None:
    tree, measured = panel.measure.tree, panel.measure.measured
    last = len(measured) - 1
    filling = tree.filling(measured)
    next(filling)
    tree.tell(last, replace(measured.items[last], name="dragged"))
    for _ in filling:
        pass
    assert tree._rows[last].text(0) == "dragged"
