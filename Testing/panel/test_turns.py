"""Nothing takes the event loop long, and what happens between two of its turns does no harm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
import slicer
import vtk

from neurospineseg.mrml import label_map_of, node_from_array, place_of_segment, volumes_table
from neurospineseg.mrml.segment_masks import BINARY
from Testing.panel.prepared_worker import PreparedWorker, drawn_chain

SHAPE, COUNT = (60, 90, 200), 18


class Redraws:
    """Counts what makes the views' displayable managers update and redraw, as vtkMRMLSegmentationsDisplayableManager2D.cxx observes it."""

    EVENTS = {
        "Modified": vtk.vtkCommand.ModifiedEvent,
        "Transform": slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
        "Display": slicer.vtkMRMLDisplayableNode.DisplayModifiedEvent,
        "Representation": slicer.vtkSegmentation.RepresentationModified,
        "Added": slicer.vtkSegmentation.SegmentAdded,
        "Removed": slicer.vtkSegmentation.SegmentRemoved,
        "Segment": slicer.vtkSegmentation.SegmentModified,
    }

    def __init__(self, scene) -> None:
        self.told: Counter[str] = Counter()
        for kind in ("vtkMRMLSegmentationNode", "vtkMRMLScalarVolumeNode"):
            for node in slicer.util.getNodesByClass(kind):
                self.follow(node)
        scene.AddObserver(slicer.vtkMRMLScene.NodeAddedEvent, self.added)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def added(self, scene, event, node) -> None:
        if node.IsA("vtkMRMLSegmentationNode") or node.IsA("vtkMRMLScalarVolumeNode"):
            self.follow(node)

    def follow(self, node) -> None:
        kind = "segmentation" if node.IsA("vtkMRMLSegmentationNode") else "scan"
        for name, event in self.EVENTS.items():
            node.AddObserver(event, lambda caller, event, told=f"{kind} {name}": self.told.update([told]))


@pytest.fixture(scope="module")
def chain():
    return drawn_chain(SHAPE, COUNT)


@pytest.fixture
def panel(bench, chain, monkeypatch) -> Iterator:
    """The spine panel with a scan and a worker that answers at once."""
    from neurospineseg_panel import run_logic

    worker = PreparedWorker(*chain)
    monkeypatch.setitem(run_logic._CLIENTS, "SpineSeg", worker)
    node_from_array(np.zeros(SHAPE, np.int16), np.eye(4), slicer.mrmlScene, "scan").CreateDefaultDisplayNodes()
    yield bench.open("SpineSeg")
    worker.remove()


def only_segmentation():
    (node,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    return node


def idle(panel) -> bool:
    return panel.ui.segmentButton.text == "Segment" and panel.logic.run is None


def again_into_it(panel) -> None:
    panel.parameters.result = panel.parameters.shown


def test_the_result_is_what_the_worker_gave_in_one_layer(bench, panel, chain) -> None:
    bench.segment(panel)
    node = only_segmentation()
    np.testing.assert_array_equal(label_map_of(node, panel.parameters.image, "spine")[0], chain[0])
    assert node.GetSegmentation().GetNumberOfLayers() == 1
    assert node.GetSegmentation().GetNthSegment(0).GetRepresentation(BINARY).GetScalarType() == vtk.VTK_UNSIGNED_CHAR


@pytest.mark.parametrize("again", [False, True])
def test_the_views_are_told_seldom(bench, panel, again: bool) -> None:
    if again:
        bench.segment(panel)
        again_into_it(panel)
        bench.spin(lambda: idle(panel))
    redraws = Redraws(slicer.mrmlScene)
    bench.segment(panel)
    bench.spin(lambda: idle(panel))
    assert sum(redraws.told.values()) <= 6, redraws.told
    assert not [told for told in redraws.told if told.startswith("scan")], "nothing was done to the scan"


def test_the_views_wait_until_all_is_changed_and_draw_in_a_turn_of_their_own(bench, panel) -> None:
    paused = []
    slicer.mrmlScene.AddObserver(slicer.vtkMRMLScene.NodeAddedEvent, lambda caller, event: paused.append(bench.app.pauses))
    bench.segment(panel)
    bench.spin(lambda: idle(panel))
    assert paused
    assert set(paused) == {1}
    assert bench.app.pauses == 0


def drive_to(panel, until) -> None:
    """Takes single turns of the run until something holds."""
    panel.logic._timer.stop()
    while not until():
        assert not panel.logic.run.step()


def merging(panel) -> bool:
    return panel.logic.run._files and "Taking" in panel.ui.statusLabel.text


def state(node) -> list[tuple]:
    segmentation = node.GetSegmentation()
    return [(segment, segmentation.GetSegment(segment).GetMTime()) for segment in segmentation.GetSegmentIDs()]


def test_cancel_between_two_pieces_leaves_the_scene_as_it_was(bench, panel) -> None:
    bench.segment(panel)
    again_into_it(panel)
    before, nodes = state(only_segmentation()), slicer.mrmlScene.GetNumberOfNodes()
    bench.click(panel.ui.segmentButton)
    drive_to(panel, lambda: merging(panel))
    panel.logic.run.step()
    bench.click(panel.ui.segmentButton)
    assert "Canceled" in panel.ui.statusLabel.text
    assert state(only_segmentation()) == before
    assert slicer.mrmlScene.GetNumberOfNodes() == nodes
    assert bench.app.pauses == 0
    bench.segment(panel)


def test_cancel_comes_too_late_when_the_result_is_there(bench, panel) -> None:
    bench.click(panel.ui.segmentButton)
    drive_to(panel, lambda: panel.logic.run.done)
    bench.click(panel.ui.segmentButton)
    panel.logic._timer.start(5)
    bench.spin(lambda: idle(panel))
    assert panel.parameters.shown is only_segmentation()
    assert "Segmented by" in panel.ui.statusLabel.text
    assert bench.app.pauses == 0


@pytest.mark.parametrize("done", [False, True])
def test_the_scene_is_closed_between_two_pieces(bench, panel, done: bool, caplog) -> None:
    bench.click(panel.ui.segmentButton)
    drive_to(panel, lambda: panel.logic.run.done if done else merging(panel))
    slicer.mrmlScene.Clear(0)
    panel.logic._timer.start(5)
    bench.spin(0.2)
    assert not slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert "\n" not in panel.ui.statusLabel.text
    assert not caplog.records
    assert bench.app.pauses == 0


def test_the_segmentation_is_deleted_between_two_pieces(bench, panel) -> None:
    bench.segment(panel)
    again_into_it(panel)
    former = only_segmentation()
    bench.click(panel.ui.segmentButton)
    drive_to(panel, lambda: merging(panel))
    slicer.mrmlScene.RemoveNode(former)
    panel.logic._timer.start(5)
    bench.spin(lambda: idle(panel))
    assert only_segmentation() is not former
    assert "went into a new one" in panel.ui.statusLabel.text


def test_the_result_is_deleted_before_it_is_shown(bench, panel, caplog) -> None:
    bench.click(panel.ui.segmentButton)
    drive_to(panel, lambda: panel.logic.run.done)
    slicer.mrmlScene.RemoveNode(only_segmentation())
    panel.logic._timer.start(5)
    bench.spin(lambda: idle(panel))
    assert panel.parameters.shown is None
    assert not caplog.records


def test_the_module_is_left_between_two_pieces(bench, panel) -> None:
    bench.click(panel.ui.segmentButton)
    drive_to(panel, lambda: merging(panel))
    bench.leave(panel)
    panel.logic._timer.start(5)
    bench.spin(lambda: panel.logic.run is None and not panel.runs.busy)
    assert len(volumes_table(only_segmentation())) == COUNT
    bench.enter(panel)
    assert panel.parameters.shown is only_segmentation()


def test_a_correction_is_what_the_segmentation_was_at_one_moment(bench, panel, tmp_path, monkeypatch) -> None:
    from neurospineseg_panel import correction_run

    bench.segment(panel)
    bench.spin(lambda: idle(panel))
    node, worker = only_segmentation(), panel.logic.client
    one, other = (node.GetSegmentation().GetSegment(key) for key in ("vertebra_1", "vertebra_9"))
    painting, send, changed, stored = correction_run.painting, worker.send, [], []

    def interrupted(*given):
        pieces = painting(*given)
        yield next(pieces)
        if not changed:
            changed.append(one.GetName())
            one.SetName(other.GetName())
            other.SetName(changed[0])
        return (yield from pieces)

    monkeypatch.setattr(correction_run, "painting", interrupted)
    monkeypatch.setattr(worker, "send", lambda request: stored.append(np.load(worker.folder / request.labels)) or send(request))
    panel.parameters.corrections = str(tmp_path)
    bench.click(panel.ui.acceptButton)
    bench.spin(lambda: changed and idle(panel))
    np.testing.assert_array_equal(stored[-1], label_map_of(node, panel.parameters.image, "spine")[0])


def test_a_click_looks_for_a_segment_in_pieces_and_only_the_last_click_counts(bench, panel, monkeypatch) -> None:
    from neurospineseg.mrml import segment_masks
    from neurospineseg_panel import turns

    bench.segment(panel)
    bench.spin(lambda: idle(panel))
    looked, slabs = [], segment_masks.slabs_of
    monkeypatch.setattr(segment_masks, "slabs_of", lambda box: [slab for slab in slabs(box, 2**12) if looked.append(slab) or True])
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.0)
    places = []
    monkeypatch.setattr(panel.result, "_jump", places.append)
    for identifier in ("vertebra_1", "vertebra_9"):
        panel.result.onClicked(identifier)
        assert places == []
    bench.spin(lambda: places)
    bench.spin(0.1)
    assert len(looked) > 20
    np.testing.assert_allclose(places, [place_of_segment(only_segmentation(), "vertebra_9")])


@pytest.mark.parametrize("what", ["scene", "node", "segment"])
def test_something_goes_while_a_segment_is_looked_for(bench, panel, what: str, caplog, monkeypatch) -> None:
    from neurospineseg_panel import turns

    bench.segment(panel)
    bench.spin(lambda: idle(panel))
    node = only_segmentation()
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.0)
    panel.result.onClicked("vertebra_1")
    if what == "scene":
        slicer.mrmlScene.Clear(0)
    elif what == "node":
        slicer.mrmlScene.RemoveNode(node)
    else:
        node.GetSegmentation().RemoveSegment("vertebra_1")
    bench.spin(lambda: not panel.result._placing.busy)
    assert not caplog.records


@pytest.mark.parametrize("what", ["scene", "node", "segment"])
def test_something_goes_while_the_vertebrae_are_measured(bench, panel, what: str, caplog, monkeypatch) -> None:
    from neurospineseg_panel import turns

    bench.segment(panel)
    node = only_segmentation()
    bench.spin(lambda: idle(panel))
    names = [node.GetSegmentation().GetNthSegment(number).GetName() for number in range(COUNT)]
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.0)
    bench.click(panel.ui.renumberButton)
    if what == "scene":
        slicer.mrmlScene.Clear(0)
    elif what == "node":
        slicer.mrmlScene.RemoveNode(node)
    else:
        node.GetSegmentation().RemoveSegment("disc_2")
    bench.spin(lambda: not panel.correct.renumbering._turns.busy)
    assert {node.GetSegmentation().GetNthSegment(n).GetName() for n in range(node.GetSegmentation().GetNumberOfSegments())} <= set(names)
    assert not caplog.records
    assert ("nothing was renumbered" in panel.ui.statusLabel.text) == (what != "scene")
