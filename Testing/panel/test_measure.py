"""The section *Measure*: the same numbers as the shell's, in a table of the scene, which never are silently old."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
import vtk

from neurospineseg.cli.main import DONE, main
from neurospineseg.geometry.affine import Affine
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.measurement import Measurements, measurements_of
from neurospineseg.mrml import node_from_array, segmentation_from_labels, write_segmentation
from neurospineseg.tasks.anatomy import structure, structures_of
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.operations import Bench
from neurospineseg.worker.operations import measure as measured_by_worker
from neurospineseg.worker.protocol import Measure
from Testing.panel.prepared_worker import PreparedWorker

TURN = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]


def two_boxes() -> np.ndarray:
    """L2 and L3 as boxes with a canal behind, uint16 (K, J, I) of 1.5 mm."""
    k, j, i = np.ogrid[:56, :48, :40]
    x, y, z = (i - 19.5) * 1.5, (j - 30.5) * 1.5, (k - 27.5) * 1.5
    labels = np.zeros((56, 48, 40), np.uint16)
    for key, middle in (("vertebra_L3", -17.0), ("vertebra_L2", 17.0)):
        labels[(abs(x) < 21) & (abs(y) < 15) & (abs(z - middle) < 12)] = structure(key).label
    labels[np.broadcast_to(x**2 + (y + 25.5) ** 2 < 64, labels.shape)] = structure("spinal_canal").label
    return labels


class MeasuringWorker(PreparedWorker):
    """Measures at once in this process; what it has measured before it knows by heart."""

    known: dict[bytes, Any] = {}

    def _answer(self, request: Any) -> Any:
        if not isinstance(request, Measure):
            return super()._answer(request)
        said = self.folder / request.labels.file
        key = hashlib.md5(said.read_bytes() + repr((request.task, request.labels.ijk_to_ras, request.frame)).encode()).digest()
        if key not in self.known:
            self.known[key] = measured_by_worker(request, Bench(self.folder, 1, lambda stage, fraction: None))
        return self.known[key]


def spine_node(affine: np.ndarray) -> Any:
    labels = two_boxes()
    scan = node_from_array(labels.astype(np.int16), affine, slicer.mrmlScene, "Scan")
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    hierarchy.CreateItem(hierarchy.GetSceneItemID(), scan)
    return segmentation_from_labels(Volume(labels, affine), structures_of("spine"), slicer.mrmlScene, "Spine", scan)


@pytest.fixture
def worker(bench) -> Iterator[MeasuringWorker]:
    made = MeasuringWorker(np.zeros((2, 2, 2), np.uint16), ())
    yield made
    made.remove()


@pytest.fixture
def panel(bench, worker) -> Any:
    made = bench.open("SpineSeg")
    made.logic.stop()
    made.logic.client = worker
    return made


@pytest.fixture
def node(panel) -> Any:
    made = spine_node(Affine.of(TURN * 1.5, np.array([3.0, -20.0, 7.0])).matrix)
    panel.parameters.shown = made
    panel.ui.measureSection.collapsed = False
    return made


def measure(bench, panel) -> None:
    bench.click(panel.ui.measureButton)
    bench.spin(lambda: not panel.runs.busy and not panel.measure._filling.busy)


def table_node(node) -> Any:
    from neurospineseg_panel.measure_folder import TABLE, own_nodes

    return own_nodes(node).get(TABLE)


def table_of(node) -> Measurements:
    from neurospineseg_panel.measure_table import read_table_node

    return read_table_node(table_node(node))[0]


def values(measured: Measurements) -> dict[str, float | None]:
    return {each.column: each.value for each in measured}


def test_shell_console_and_panel_give_the_same_numbers(bench, panel, node, tmp_path: Path) -> None:
    panel.logic.client = WorkerClient()
    write_segmentation(node, tmp_path / "mask.seg.nrrd")
    assert main(["measure", str(tmp_path / "mask.seg.nrrd"), "-o", str(tmp_path / "table.json")]) == DONE
    shell = values(measurements_of(json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))))
    console = values(panel.logic.measure(node))
    measure(bench, panel)
    assert abs(float(shell["vertebra_L3.body_height_middle [mm]"] or 0) - 24.0) < 0.3
    for found in (console, values(table_of(node))):
        assert found.keys() == shell.keys()
        assert {name: value for name, value in found.items() if shell[name] is None and value is not None} == {}
        assert max(abs(float(found[name] or 0) - float(value)) for name, value in shell.items() if value is not None) < 0.05


def test_the_list_shows_them_with_their_error_bars(bench, panel, node) -> None:
    measure(bench, panel)
    rows = {row.text(0): row.text(1) for row in panel.measure.tree._rows}
    depth = table_of(node).find("body_depth", "vertebra_L2")
    assert depth is not None
    assert rows["L2  Body depth"] == depth.text
    assert "numbers:" in panel.ui.statusLabel.text


def test_the_table_lies_in_a_folder_beside_the_segmentation(bench, panel, node) -> None:
    from neurospineseg_panel.measure_folder import FOLDER_ATTRIBUTE

    panel.logic.measure(node)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    folder = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(table_node(node)))
    assert hierarchy.GetItemAttribute(folder, FOLDER_ATTRIBUTE)
    assert hierarchy.GetItemParent(folder) == hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node))


def test_measuring_again_fills_the_same_table(bench, panel, node) -> None:
    panel.logic.measure(node)
    table = table_node(node)
    panel.logic.measure(node)
    assert len(slicer.util.getNodesByClass("vtkMRMLTableNode")) == 1
    assert table_node(node) is table


def test_what_has_changed_since_is_said_to_be_outdated(bench, panel, node) -> None:
    measure(bench, panel)
    assert "as the segmentation is now" in panel.ui.measureLabel.text
    node.GetSegmentation().GetSegment("vertebra_L3").SetColor(0.1, 0.2, 0.3)
    bench.spin(0.8)
    assert "OUTDATED" not in panel.ui.measureLabel.text
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, "vertebra_L3")
    slicer.util.updateSegmentBinaryLabelmapFromArray(np.roll(mask, 1, 2), node, "vertebra_L3")
    bench.spin(lambda: "OUTDATED" in panel.ui.measureLabel.text, 5)
    measure(bench, panel)
    assert "OUTDATED" not in panel.ui.measureLabel.text


def test_renumbering_makes_them_outdated_and_measuring_again_follows_it(bench, panel, node) -> None:
    from neurospineseg.mrml import renumber

    measure(bench, panel)
    before = table_of(node).find("body_depth", "vertebra_L3")
    renumber(node, "vertebra_L3", "L4")
    bench.spin(lambda: "OUTDATED" in panel.ui.measureLabel.text, 5)
    measure(bench, panel)
    after = table_of(node).find("body_depth", "vertebra_L4")
    assert before is not None
    assert after is not None
    assert after.value == before.value


def test_places_are_the_worlds_under_a_parent_transform(bench, panel, node) -> None:
    before = panel.logic.measure(node).find("body_depth", "vertebra_L2")
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 40.0)
    transform.SetMatrixTransformToParent(matrix)
    for moved in (node, node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())):
        moved.SetAndObserveTransformNodeID(transform.GetID())
    after = panel.logic.measure(node).find("body_depth", "vertebra_L2")
    np.testing.assert_allclose(np.array(after.points) - before.points, [[40.0, 0, 0]] * 2, atol=0.01)


def test_a_row_takes_the_slices_to_where_it_was_measured(bench, panel, node) -> None:
    measure(bench, panel)
    number = next(n for n, each in enumerate(panel.measure.measured) if each.column == "vertebra_L2.body_depth [mm]")
    for point in (panel.measure.tree.select, lambda n: panel.measure.tree.onEntered(panel.measure.tree._rows[n], 0)):
        for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
            view.JumpSliceByCentering(0.0, 0.0, 0.0)
        point(number)
        bench.spin(0.3)
        for view in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
            place = [view.GetSliceToRAS().GetElement(row, 3) for row in range(3)]
            np.testing.assert_allclose(place, np.mean(panel.measure.measured.items[number].points, 0), atol=0.6)


def test_other_programs_names_are_understood(bench, panel, node) -> None:
    segment = node.GetSegmentation().GetSegment("vertebra_L3")
    for name in ("NeuroSpineSeg.Structure", "TerminologyEntry"):
        segment.RemoveTag(name)
    segment.SetName("vertebrae_L3")
    assert panel.logic.measure(node).find("body_depth", "vertebra_L3") is not None


def test_nothing_of_the_module_in_it_is_said(bench, panel, scan, mine) -> None:
    panel.parameters.shown = mine
    panel.ui.measureSection.collapsed = False
    bench.click(panel.ui.measureButton)
    bench.spin(lambda: not panel.runs.busy)
    assert "No segment of 'Mine' shows a structure of this module" in panel.ui.statusLabel.text


def test_canceling_leaves_the_scene_as_it_is(bench, panel, node) -> None:
    panel.logic.client.send = lambda request: 0
    bench.click(panel.ui.measureButton)
    bench.spin(0.1)
    assert panel.ui.segmentButton.text == "Cancel"
    bench.click(panel.ui.segmentButton)
    bench.spin(0.2)
    assert table_node(node) is None
    assert panel.ui.statusLabel.text == "Canceled."
