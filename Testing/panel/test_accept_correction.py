"""A correction is accepted: which scan it goes with, what is stored of it and what is said, canceling."""

from __future__ import annotations

import json

import numpy as np
import pytest
import slicer

from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.mrml import label_map_of, node_from_array, segmentation_from_labels
from neurospineseg.tasks.anatomy import structure, structures_of
from Testing.small_scans import ball, oblique_affine


def accepted(bench, panel, folder) -> list:
    panel.parameters.corrections = str(folder)
    bench.click(panel.ui.acceptButton)
    bench.spin(lambda: panel.ui.segmentButton.text == "Segment")
    bench.spin(0.2)
    return sorted(folder.iterdir()) if folder.exists() else []


def test_a_correction_is_never_stored_with_another_scan(bench, tumor_panel, scan, tmp_path) -> None:
    bench.segment(tumor_panel)
    tumor_panel.parameters.corrections = str(tmp_path / "cases")
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Other")
    other.CopyContent(scan)
    tumor_panel.parameters.t1c = other
    bench.click(tumor_panel.ui.acceptButton)
    assert "not segmented from 'Other'" in tumor_panel.ui.statusLabel.text
    tumor_panel.parameters.t1c, tumor_panel.parameters.flair = None, other
    bench.click(tumor_panel.ui.acceptButton)
    assert "'Other' in the slot flair was not segmented" in tumor_panel.ui.statusLabel.text
    assert not (tmp_path / "cases").exists()


def test_after_undo_a_correction_goes_with_the_scan_that_is_shown(bench, tumor_panel, scan, tmp_path) -> None:
    bench.segment(tumor_panel)
    node = tumor_panel.parameters.shown
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Other")
    other.CopyContent(scan)
    tumor_panel.parameters.t1c, tumor_panel.parameters.result = other, node
    bench.segment(tumor_panel)
    tumor_panel.correct.editor.undo()
    assert not accepted(bench, tumor_panel, tmp_path / "cases")
    tumor_panel.parameters.t1c = scan
    assert len(accepted(bench, tumor_panel, tmp_path / "cases")) == 1


def test_a_segmentation_from_a_file_is_accepted_on_the_scan_whose_grid_it_has(bench, tumor_panel, mine, scan, tmp_path) -> None:
    mine.SetNodeReferenceID(mine.GetReferenceImageGeometryReferenceRole(), None)
    tumor_panel.parameters.shown = mine
    assert len(accepted(bench, tumor_panel, tmp_path / "cases")) == 1
    assert "Not stored" in tumor_panel.ui.statusLabel.text
    assert "'My cyst'" in tumor_panel.ui.statusLabel.text
    scan.SetSpacing(1.0, 2.0, 3.0)
    assert len(accepted(bench, tumor_panel, tmp_path / "cases")) == 1
    assert "on the grid of none" in tumor_panel.ui.statusLabel.text


def test_what_is_covered_or_outside_is_said(bench, tumor_panel, mine, scan, tmp_path) -> None:
    everything = np.ones(ball().shape, np.uint8)
    editor = slicer.util.updateSegmentBinaryLabelmapFromArray
    segment = mine.GetSegmentation().AddEmptySegment("", "Enhancing tumor")
    editor(everything, mine, segment, scan)
    tumor_panel.parameters.shown = mine
    assert len(accepted(bench, tumor_panel, tmp_path / "cases")) == 1
    assert "'Enhancing tumor' covers voxels of other segments (125)" in tumor_panel.ui.statusLabel.text


def test_nothing_to_accept_is_a_sentence(bench, tumor_panel, scan, tmp_path) -> None:
    labels = np.full(ball().shape, structure("vertebra_L3").label, np.uint16)
    tumor_panel.parameters.shown = segmentation_from_labels(
        Volume(labels, oblique_affine()), structures_of("spine"), slicer.mrmlScene, "Spine", scan
    )
    assert not accepted(bench, tumor_panel, tmp_path / "cases")
    assert "nothing was stored" in tumor_panel.ui.statusLabel.text


def test_a_correction_holds_the_structures_of_its_task_only(scan) -> None:
    labels = np.zeros(ball().shape, np.uint16)
    labels[2:5], labels[8:10] = structure("left_subthalamic_nucleus").label, structure("edema").label
    node = segmentation_from_labels(
        Volume(labels, oblique_affine()), [structure("left_subthalamic_nucleus"), structure("edema")], slicer.mrmlScene, "Both", scan
    )
    np.testing.assert_array_equal(label_map_of(node, scan, "tumor")[0], np.where(labels == structure("edema").label, labels, 0))


def test_accepting_a_correction(bench, tumor_panel, scan, tmp_path) -> None:
    bench.segment(tumor_panel)
    node = tumor_panel.parameters.shown
    predicted = label_map_of(node, scan, "tumor")[0]
    slicer.util.updateSegmentBinaryLabelmapFromArray(np.zeros(predicted.shape, np.uint8), node, "necrotic_core", scan)
    tumor_panel.ui.correctionsFolderButton.directory = str(tmp_path / "cases")
    assert tumor_panel.parameters.corrections == str(tmp_path / "cases")
    for count in (1, 2):
        bench.click(tumor_panel.ui.acceptButton)
        bench.spin(lambda: tumor_panel.ui.segmentButton.text == "Segment")
        bench.spin(1.0)
        cases = sorted((tmp_path / "cases").iterdir())
        assert len(cases) == count, "an earlier case is never overwritten"
    case = cases[0]
    assert sorted(path.name for path in case.iterdir()) == ["case.json", "label.nii.gz", "t1c.nii.gz"]
    stored, image = read_volume(case / "label.nii.gz"), read_volume(case / "t1c.nii.gz")
    np.testing.assert_array_equal(stored.voxels, label_map_of(node, scan, "tumor")[0])
    np.testing.assert_array_equal(image.voxels, ball())
    np.testing.assert_allclose(stored.ijk_to_ras, oblique_affine(), atol=1e-4)
    description = json.loads((case / "case.json").read_text())
    assert description["dice_prediction_correction"]["necrotic_core"] == 0.0
    assert description["model"]["name"] == "tiny_tumor"
    assert "Mean Dice" in tumor_panel.ui.statusLabel.text


def test_accepting_without_a_folder(bench, tumor_panel) -> None:
    bench.segment(tumor_panel)
    bench.click(tumor_panel.ui.acceptButton)
    assert "No folder was chosen" in tumor_panel.ui.statusLabel.text


def test_canceling_while_a_correction_is_stored_leaves_nothing_of_it(bench, tumor_panel, tmp_path) -> None:
    noise = np.random.default_rng(0).integers(0, 30000, (200, 256, 256), np.int16)
    scan = node_from_array(noise, np.diag([0.5, 0.5, 0.5, 1.0]), slicer.mrmlScene, "noise")
    labels = np.zeros(noise.shape, np.uint16)
    labels[90:110, 90:110, 90:110] = structure("edema").label
    tumor_panel.parameters.t1c = scan
    tumor_panel.parameters.shown = segmentation_from_labels(
        Volume(labels, np.diag([0.5, 0.5, 0.5, 1.0])), structures_of("tumor"), slicer.mrmlScene, "Mine", scan
    )
    cases = tmp_path / "cases"
    tumor_panel.ui.correctionsFolderButton.directory = str(cases)
    bench.click(tumor_panel.ui.acceptButton)
    bench.spin(lambda: cases.is_dir() and any(list(room.iterdir()) for room in cases.iterdir()))
    bench.click(tumor_panel.ui.segmentButton)
    assert list(cases.iterdir()) == []
    assert "Canceled" in tumor_panel.ui.statusLabel.text


@pytest.mark.parametrize("idle", [False, True])
def test_the_worker_ends_while_a_correction_is_drawn(bench, tumor_panel, tmp_path, monkeypatch, idle: bool) -> None:
    bench.segment(tumor_panel)
    tumor_panel.ui.correctionsFolderButton.directory = str(tmp_path / "cases")
    client = tumor_panel.logic.client
    client.stop()
    monkeypatch.setattr(client, "idle_seconds", 0.5 if idle else 60.0)
    tumor_panel.logic._timer.stop()
    bench.click(tumor_panel.ui.acceptButton)
    tumor_panel.logic._timer.stop()
    tumor_panel.logic.run.step()
    if idle:
        bench.spin(lambda: client.poll() is not None and not client.running)
    else:
        client.stop()
    tumor_panel.logic._timer.start(5)
    bench.spin(lambda: tumor_panel.logic.run is None)
    if idle:
        assert len(list((tmp_path / "cases").iterdir())) == 1, tumor_panel.ui.statusLabel.text
    else:
        assert "ended before the work was done" in tumor_panel.ui.statusLabel.text
