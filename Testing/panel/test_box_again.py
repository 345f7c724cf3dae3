"""The box: its preview, segmenting inside it, segmenting again inside it with the outside as it was."""

from __future__ import annotations

import json

import numpy as np
import slicer

from neurospineseg.mrml import label_map_of
from neurospineseg.tasks.anatomy import structure
from Testing.small_scans import ball, oblique_affine


def labels_of(node, scan) -> np.ndarray:
    return label_map_of(node, scan, "tumor")[0]


def box_around(middle_ijk: tuple[int, int, int], size: float):
    """A cube in the scene with sides of ``size`` mm about a voxel of ``oblique_affine``."""
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    roi.SetCenter(*(oblique_affine() @ [*middle_ijk, 1])[:3])
    roi.SetSize(size, size, size)
    return roi


def painted(result) -> np.ndarray:
    labels = np.zeros(ball().shape, np.uint16)
    list(result.paint(labels))
    return labels


def test_only_inside_the_box_again(bench, tumor_panel, scan) -> None:
    bench.segment(tumor_panel)
    node = tumor_panel.parameters.shown
    shape = ball().shape
    broken = np.zeros(shape, np.uint16)
    broken[:, ::2, :] = structure("necrotic_core").label
    slicer.util.updateSegmentBinaryLabelmapFromArray((broken > 0).astype(np.uint8), node, "necrotic_core", scan)
    spoiled = labels_of(node, scan)
    tumor_panel.parameters.region = box_around((14, 13, 12), 40.0)
    bench.click(tumor_panel.ui.againButton)
    bench.spin(lambda: tumor_panel.ui.segmentButton.text == "Segment")
    k, j, i = np.indices(shape)
    ras = np.stack([i, j, k, np.ones_like(i)], -1) @ oblique_affine().T
    inside = (np.abs(ras[..., :3] - (oblique_affine() @ [14, 13, 12, 1])[:3]) <= 20.0).all(-1)
    after = labels_of(node, scan)
    core_now, core_spoiled = after == structure("necrotic_core").label, spoiled == structure("necrotic_core").label
    np.testing.assert_array_equal(core_now[~inside], core_spoiled[~inside])
    assert (core_now[inside] != core_spoiled[inside]).any()
    tumor_panel.correct.editor.undo()
    np.testing.assert_array_equal(labels_of(node, scan), spoiled)


def test_replacing_by_what_is_in_a_box_is_said(bench, tumor_panel, mine) -> None:
    from neurospineseg_panel.parameters import RegionKind

    tumor_panel.parameters.result = mine
    tumor_panel.parameters.region, tumor_panel.parameters.regionKind = box_around((14, 13, 12), 60.0), RegionKind.BOX
    bench.segment(tumor_panel)
    assert "hold nothing outside it" in tumor_panel.ui.statusLabel.text


def test_the_box_again_changes_what_was_predicted_in_the_box_only_and_undo_brings_it_back(bench, tumor_panel, scan) -> None:
    bench.segment(tumor_panel)
    node, correct = tumor_panel.parameters.shown, tumor_panel.correct
    first = correct._results.of(node)
    first.uncertain[:] = [
        {"ras": list((oblique_affine() @ [*ijk, 1])[:3]), "key": "necrotic_core", "marked": True, "ml": 1.0, "score": score}
        for ijk, score in (((14, 13, 12), 0.9), ((2, 2, 2), 0.5))
    ]
    before = painted(first)
    np.testing.assert_array_equal(before, labels_of(node, scan))
    tumor_panel.parameters.region = box_around((14, 13, 12), 40.0)
    bench.click(tumor_panel.ui.againButton)
    bench.spin(lambda: tumor_panel.ui.segmentButton.text == "Segment")
    second = correct._results.of(node)
    assert second is not first
    assert second.is_whole
    np.testing.assert_array_equal(painted(second), labels_of(node, scan))
    assert first.uncertain[1] in second.uncertain_regions()
    assert first.uncertain[0] not in second.uncertain_regions()
    assert json.loads(node.GetAttribute("NeuroSpineSeg.Doubtful")) == second.uncertain_regions()
    correct.editor.undo()
    assert correct._results.of(node) is first
    assert correct.uncertain_regions() == first.uncertain


def test_the_box_again_needs_the_scans_that_were_segmented(bench, tumor_panel, scan) -> None:
    bench.segment(tumor_panel)
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Other")
    other.CopyContent(scan)
    tumor_panel.parameters.region = box_around((14, 13, 12), 40.0)
    tumor_panel.parameters.t1c = other
    bench.click(tumor_panel.ui.againButton)
    assert "not segmented from 'Other'" in tumor_panel.ui.statusLabel.text


def test_preview_of_the_region(bench, tumor_panel) -> None:
    from neurospineseg_panel.parameters import RegionKind

    assert not tumor_panel.ui.previewRegionButton.enabled
    tumor_panel.parameters.regionKind = RegionKind.AUTOMATIC
    bench.click(tumor_panel.ui.previewRegionButton)
    bench.spin(lambda: tumor_panel.parameters.region is not None)
    size = tumor_panel.parameters.region.GetSize()
    assert all(40 < side < 200 for side in size)
    bench.spin(lambda: tumor_panel.ui.segmentButton.text == "Segment")
    bench.segment(tumor_panel)
    assert tumor_panel.parameters.shown is not None
