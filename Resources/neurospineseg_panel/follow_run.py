"""Following a patient: the segmentations of several studies go to the worker, which compares them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.mrml import node_geometry, node_voxels
from neurospineseg.pipeline.stages import Stage
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.requests import Follow, ScanFile, StudyFiles
from neurospineseg.worker.results import Followed
from neurospineseg_panel.follow_nodes import making_follow_nodes
from neurospineseg_panel.measure_run import USUAL_SECONDS, matrix_of, scan_of_segmentation
from neurospineseg_panel.painted_mask import painting_mask
from neurospineseg_panel.remaining_time import RemainingTime
from neurospineseg_panel.run import Listener, Pause, Run, Steps


@dataclass(frozen=True)
class NodeStudy:
    """One study: the date or name that it is called by, and its segmentation node."""

    name: str
    node: Any


class FollowRun(Run):
    """Compares the segmentations of two or more studies; ``finished`` gets the table node of the changes.

    Args:
        studies: the earliest first; each is registered to the first by the scans that the segmentations refer to, where both are there.
        task: whose structures they hold.

    Raises:
        InputError: there are fewer than two, two are called the same, or one is in no scene.
    """

    def __init__(self, client: WorkerClient, studies: Sequence[NodeStudy], task: str, listener: Listener) -> None:
        if len(studies) < 2:
            raise InputError(_("There is one study only; check two or more segmentations of the same patient."))
        if len({study.name for study in studies}) < len(studies):
            raise InputError(_("Two studies have the same name or date; rename one of the segmentations."))
        gone = next((study.name for study in studies if study.node.GetScene() is None), None)
        if gone is not None:
            raise InputError(_("'{name}' is in no scene any more; choose the studies anew.").format(name=gone))
        times = RemainingTime()
        times.usual = dict(USUAL_SECONDS)
        super().__init__(client, {}, Follow(task), listener, times)
        self.studies, self.task, self.scene = tuple(studies), task, studies[0].node.GetScene()
        self._grid: tuple[np.ndarray, tuple[int, ...]] | None = None

    def step(self) -> bool:
        if not self.over and any(not self.scene.IsNodePresent(study.node) for study in self.studies):
            self.abandon(_("A segmentation was removed while it was being measured."))
        return super().step()

    def _send(self) -> Steps:
        assert isinstance(self.request, Follow)
        files = []
        for number, study in enumerate(self.studies):
            self._tell(Stage.SENDING, number / len(self.studies))
            yield Pause.TURN
            affine, labels, _segments, _state = yield from painting_mask(study.node, self.task)
            if number == 0:
                self._grid = (affine, labels.shape)
            mask = yield from self._sent(f"labels{number}.npy", labels, affine)
            scan = scan_of_segmentation(study.node)
            sent = None if scan is None else (yield from self._sent(f"scan{number}.npy", node_voxels(scan), node_geometry(scan)))
            files.append(StudyFiles(study.name, mask, sent))
        self.request = replace(self.request, studies=tuple(files))
        yield from super()._send()

    def _sent(self, name: str, voxels: np.ndarray, affine: np.ndarray) -> Any:
        file = self.file(name)
        for _written in self.write(file, voxels):
            yield None
        return ScanFile(file, matrix_of(affine))

    def _work(self) -> Steps:
        answer: Followed = yield from self._ask()
        self._tell(Stage.TAKING_RESULT, 0.0)
        self._files += answer.maps
        yield Pause.TURN
        assert self._grid is not None
        maps = [np.load(self.place(name)) for name in answer.maps]
        with slicer.util.RenderBlocker():
            table = yield from making_follow_nodes(self.studies, self.task, answer.rows, maps, self._grid[0])
            self.times.end()
            self.listener.finished(table, list(answer.notes))
            self._told = True
            yield Pause.TURN


def study_name(node: Any) -> str:
    """The date of the study that a segmentation lies in, as DICOM tells it, written 2024-05-31; the node's name where none is told."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(node.GetScene())
    constants = slicer.vtkMRMLSubjectHierarchyConstants
    item = hierarchy.GetItemByDataNode(node) if hierarchy is not None else 0
    study = hierarchy.GetItemAncestorAtLevel(item, constants.GetDICOMLevelStudy()) if item else 0
    date = hierarchy.GetItemAttribute(study, constants.GetDICOMStudyDateAttributeName()) if study else ""
    digits = "".join(letter for letter in date if letter.isdigit())
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}" if len(digits) >= 8 else node.GetName()
