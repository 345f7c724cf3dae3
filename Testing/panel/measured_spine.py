"""A drawn spine to be measured in the panel, by a worker that answers at once."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import slicer

from neurospineseg.geometry.affine import Affine
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.measurement import Measurement, Measurements
from neurospineseg.mrml import node_from_array, segmentation_from_labels
from neurospineseg.tasks.anatomy import structure, structures_of
from neurospineseg.worker.operations import Bench
from neurospineseg.worker.operations import follow as followed_by_worker
from neurospineseg.worker.operations import measure as measured_by_worker
from neurospineseg.worker.requests import Follow, Measure
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
        if isinstance(request, Follow):
            return followed_by_worker(request, Bench(self.folder, len(self.sent), lambda stage, fraction: None))
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


def turned_spine_node() -> Any:
    return spine_node(Affine.of(TURN * 1.5, np.array([3.0, -20.0, 7.0])).matrix)


def measure(bench, panel) -> None:
    bench.click(panel.ui.measureButton)
    bench.spin(lambda: not panel.runs.busy and not panel.measure._filling.busy and panel.ui.measureButton.enabled)


def table_node(node) -> Any:
    from neurospineseg_panel.measure_folder import TABLE, own_nodes

    return own_nodes(node).get(TABLE)


def table_of(node) -> Measurements:
    from neurospineseg_panel.measure_table import read_table_node

    return read_table_node(table_node(node))[0]


def values(measured: Measurements) -> dict[str, float | None]:
    return {each.column: each.value for each in measured}


def number_of(panel: Any, key: str, place: str) -> int:
    """The number of a measurement in the panel's list."""
    return next(number for number, each in enumerate(panel.measure.measured) if (each.key, each.place) == (key, place))


def found_in(node: Any, key: str, place: str) -> Measurement:
    """A measurement as the table in the scene tells it."""
    found = table_of(node).find(key, place)
    assert found is not None
    return found
