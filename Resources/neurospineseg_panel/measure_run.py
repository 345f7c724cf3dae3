"""Measuring: the segmentation and its scan go to the worker, its numbers into a table of the scene."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.measurements.measurement import Measurements, measurements_of
from neurospineseg.pipeline.stages import Stage
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.requests import Matrix, Measure, ScanFile
from neurospineseg.worker.results import Measured
from neurospineseg_panel.measure_edits import moved_frame
from neurospineseg_panel.measure_folder import TABLE, own_nodes
from neurospineseg_panel.measure_nodes import measuring_nodes
from neurospineseg_panel.measured_segmentation import MeasuredSegmentation, measured_as_one
from neurospineseg_panel.painted_mask import painting_mask
from neurospineseg_panel.remaining_time import RemainingTime
from neurospineseg_panel.run import Listener, Pause, Run, Steps

USUAL_SECONDS = {Stage.SENDING: 0.3, Stage.MEASURING: 4.0, Stage.TAKING_RESULT: 0.5}


class MeasureRun(Run):
    """Measures a segmentation and puts the numbers into the scene; ``finished`` gets a ``MeasuredSegmentation``.

    Args:
        node: the segmentation; measured on its own grid, in world coordinates.
        scan: what it was made on, for measures that look at the image; None without one.
        task: whose structures it holds.
        keep_edits: whether numbers that a person has moved stay as they are, and commissures where they were placed.

    Raises:
        InputError: the segmentation is in no scene.
    """

    def __init__(self, client: WorkerClient, node: Any, scan: Any, task: str, listener: Listener, keep_edits: bool = True) -> None:
        if node.GetScene() is None:
            raise InputError(_("'{name}' is in no scene; add it to one first.").format(name=node.GetName()))
        times = RemainingTime()
        times.usual = dict(USUAL_SECONDS)
        frame = moved_frame(own_nodes(node).get(TABLE)) if keep_edits else None
        super().__init__(client, {} if scan is None else {"scan": scan}, Measure(task, frame=frame), listener, times)
        self.node, self.task, self.scene, self.keep_edits = node, task, node.GetScene(), keep_edits
        self._state: tuple = ()
        self._segments: dict[str, str] = {}

    def step(self) -> bool:
        if not self.over and not self.scene.IsNodePresent(self.node):
            self.abandon(_("The segmentation was removed while it was being measured."))
        return super().step()

    def _send(self) -> Steps:
        assert isinstance(self.request, Measure)
        self._tell(Stage.SENDING, 0.0)
        yield Pause.TURN
        affine, labels, self._segments, self._state = yield from painting_mask(self.node, self.task)
        file = self.file("labels.npy")
        for _written in self.write(file, labels):
            yield None
        self.request = replace(self.request, labels=ScanFile(file, matrix_of(affine)))
        yield from super()._send()

    def _work(self) -> Steps:
        answer: Measured = yield from self._ask()
        self._tell(Stage.TAKING_RESULT, 0.0)
        yield Pause.TURN
        found: Measurements = measurements_of(answer.record)
        result = MeasuredSegmentation(self.node, found, self._segments, self._state)
        notes = [*found.notes, *measured_as_one(self.node, self.task)]
        with slicer.util.RenderBlocker():
            result = yield from measuring_nodes(result, notes, self.keep_edits)
            self.times.end()
            self.listener.finished(result, notes)
            self._told = True
            yield Pause.TURN


def matrix_of(affine: np.ndarray) -> Matrix:
    return tuple(tuple(map(float, row)) for row in affine)


def scan_of_segmentation(node: Any) -> Any:
    """The scan that a segmentation was made on; None where that is not known or not there."""
    scan = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())
    is_scan = scan is not None and scan.IsA("vtkMRMLScalarVolumeNode") and scan.GetImageData() is not None
    return scan if is_scan else None
