"""Commissures that a person places: the frame follows at once, and measuring again keeps it and finds the nuclei's ends in it."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk

from neurospineseg.images.volume import Volume
from neurospineseg.measurements.edits import FRAME_MOVED, frame_of
from neurospineseg.measurements.measurement import EDITED, Measurements
from neurospineseg.mrml import segmentation_from_labels
from neurospineseg.mrml.volume_node import to_numpy
from neurospineseg.tasks.anatomy import structures_of
from Testing.known_sizes.heads import draw_head
from Testing.panel.measured_spine import MeasuringWorker, found_in, measure, number_of

STN = "right_subthalamic_nucleus"


@pytest.fixture
def panel(bench):
    """The subcortical panel with the drawn nuclei of a head, measured."""
    worker, made = MeasuringWorker(np.zeros((2, 2, 2), np.uint16), ()), bench.open("SubcorticalSeg")
    made.logic.stop()
    made.logic.client = worker
    labels = draw_head(0).labels
    small = Volume(labels.voxels.astype(np.uint16), labels.ijk_to_ras)
    made.head = segmentation_from_labels(small, structures_of("subcortical"), slicer.mrmlScene, "Head")
    made.parameters.shown = made.head
    made.ui.measureSection.collapsed = False
    measure(bench, made)
    yield made
    worker.remove()


def own(panel) -> dict:
    from neurospineseg_panel.measure_folder import own_nodes

    return own_nodes(panel.head)


def matrix_of(transform) -> np.ndarray:
    matrix = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToParent(matrix)
    return to_numpy(matrix)


def drag_ac(panel, by) -> None:
    number = number_of(panel, "r", "ac")
    panel.measure.tree.select(number)
    (node,) = [node for key, node in own(panel).items() if key == "mark:ac/r"]
    place = np.array(node.GetNthControlPointPositionVector(0))
    node.SetNthControlPointPositionWorld(0, *(place + by))


def test_a_dragged_commissure_moves_frame_transform_and_coordinates_at_once(bench, panel) -> None:
    before = frame_of(panel.measure.measured)
    assert before is not None
    drag_ac(panel, 4 * before.to_ras.linear[:, 1])
    bench.spin(0.3)
    after = frame_of(panel.measure.measured)
    assert after is not None
    assert after.length == pytest.approx(before.length + 4, abs=0.01)
    np.testing.assert_allclose(matrix_of(own(panel)["acpc"]), after.to_ras.inverse.matrix, atol=0.01)
    center = found_in(panel.head, "front_back", STN)
    assert EDITED in center.flags
    assert FRAME_MOVED in found_in(panel.head, "foremost", STN).flags


def test_measuring_again_keeps_the_frame_and_finds_the_ends_in_it(bench, panel) -> None:
    before = found_in(panel.head, "front_back", STN).value
    frame = frame_of(panel.measure.measured)
    assert frame is not None
    drag_ac(panel, 4 * frame.to_ras.linear[:, 1])
    measure(bench, panel)
    after = found_in(panel.head, "front_back", STN)
    assert after.value == pytest.approx(float(before or 0) - 2, abs=0.02)
    assert EDITED not in after.flags, "it was measured in the frame as it was placed"
    assert FRAME_MOVED not in found_in(panel.head, "foremost", STN).flags
    assert EDITED in found_in(panel.head, "ac_pc_length", "").flags
    measure(bench, panel)
    assert found_in(panel.head, "ac_pc_length", "").value == pytest.approx(frame.length + 4, abs=0.01)


def test_volumes_of_pairs_are_plotted(panel) -> None:
    assert own(panel)["chart:volumes"].GetNumberOfPlotSeriesNodes() == 2


def test_a_commissure_that_is_dragged_while_it_is_measured_stays_there(bench, panel) -> None:
    before = frame_of(panel.measure.measured)
    assert before is not None
    answered = panel.logic.client._answer

    def dragging(request):
        drag_ac(panel, 4 * before.to_ras.linear[:, 1])
        return answered(request)

    panel.logic.client._answer = dragging
    measure(bench, panel)
    after = frame_of(panel.measure.measured)
    assert after is not None
    assert after.length == pytest.approx(before.length + 4, abs=0.01)


def test_the_transform_stays_while_something_is_under_it(panel) -> None:
    from neurospineseg_panel.acpc_transform import place_acpc

    known, scan = own(panel), slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Mine")
    scan.SetAndObserveTransformNodeID(known["acpc"].GetID())
    place_acpc(panel.head, Measurements("subcortical", ()), dict(known))
    assert scan.GetParentTransformNode() is known["acpc"]
    scan.SetAndObserveTransformNodeID(None)
    place_acpc(panel.head, Measurements("subcortical", ()), dict(known))
    assert "acpc" not in own(panel)
