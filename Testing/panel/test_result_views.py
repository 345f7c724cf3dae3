"""After Segment the views show the result: slices that show something else jump to it, 3D is framed on it."""

from __future__ import annotations

import numpy as np
import pytest
import slicer

from neurospineseg.mrml import node_from_array
from neurospineseg_panel.segmentation_result import PackedMask, SegmentationResult

MIDDLE = (40.0, 40.0, 40.0)


@pytest.fixture
def result(bench):
    """A ball-like block from 30 to 50 mm in each direction of a scan of 1 mm."""
    scan = node_from_array(np.zeros((80, 80, 80), np.int16), np.eye(4), slicer.mrmlScene, "Scan")
    from neurospineseg.worker.results import Core

    mask = PackedMask(1, (30, 51, 30, 51, 30, 51), np.packbits(np.ones((21, 21, 21), np.uint8)))
    core = Core((40, 40, 40), (30, 30, 30), (51, 51, 51))
    return SegmentationResult(None, {"reference": "image"}, masks=[mask], scans={"image": scan.GetID()}, core=core)


def place(view) -> list[float]:
    return [view.GetSliceToRAS().GetElement(row, 3) for row in range(3)]


def views() -> dict:
    return {view.GetLayoutName(): view for view in slicer.util.getNodesByClass("vtkMRMLSliceNode")}


def show(result) -> None:
    from neurospineseg_panel.result_views import show_result

    show_result(result)


def test_slices_that_do_not_show_the_result_jump_to_it(result) -> None:
    for view in views().values():
        view.JumpSliceByCentering(-300.0, -300.0, -300.0)
    show(result)
    for view in views().values():
        np.testing.assert_allclose(place(view), MIDDLE, atol=0.6)


def test_a_slice_that_shows_it_stays_where_it_is(result) -> None:
    kept, gone = views()["Red"], views()["Yellow"]
    kept.JumpSliceByCentering(44.0, 35.0, 47.0)
    gone.JumpSliceByCentering(-90.0, -90.0, -90.0)
    show(result)
    np.testing.assert_allclose(place(kept), (44.0, 35.0, 47.0))
    np.testing.assert_allclose(place(gone), MIDDLE, atol=0.6)


def test_a_slice_through_it_that_is_moved_aside_jumps(result) -> None:
    view = views()["Red"]
    view.JumpSliceByCentering(400.0, 40.0, 40.0)
    show(result)
    np.testing.assert_allclose(place(view), MIDDLE, atol=0.6)


def test_3d_is_framed_on_it_from_the_side_it_looks_from(result) -> None:
    camera = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLCameraNode")
    camera.SetFocalPoint(0.0, 0.0, 0.0)
    camera.SetPosition(0.0, 500.0, 0.0)
    show(result)
    np.testing.assert_allclose(camera.GetFocalPoint(), MIDDLE)
    way = np.subtract(camera.GetPosition(), MIDDLE)
    np.testing.assert_allclose(way / np.linalg.norm(way), (0.0, 1.0, 0.0))
    radius = np.sqrt(3) * 10.5
    assert radius < np.linalg.norm(way) * np.sin(np.radians(camera.GetViewAngle() / 2)) < 1.3 * radius


def test_nothing_found_moves_nothing(result) -> None:
    from dataclasses import replace

    view = views()["Red"]
    view.JumpSliceByCentering(-300.0, -300.0, -300.0)
    show(replace(result, core=None, masks=[]))
    np.testing.assert_allclose(place(view), (-300.0, -300.0, -300.0))


def test_the_click_on_segment_shows_its_result(bench, tumor_panel) -> None:
    for view in views().values():
        view.JumpSliceByCentering(-300.0, -300.0, -300.0)
    bench.segment(tumor_panel)
    assert all(np.linalg.norm(place(view)) < 250 for view in views().values())
