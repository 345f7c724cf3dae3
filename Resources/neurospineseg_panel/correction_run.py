"""Accepting a correction: the scans and the corrected label map go to the worker, which stores them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.mrml import PaintedSegment, node_voxels, painting
from neurospineseg.mrml.pieces import Pieces
from neurospineseg.mrml.segment_masks import state_of_segments
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.requests import StoreCorrection
from neurospineseg_panel.correction_scans import reference_channel
from neurospineseg_panel.remaining_time import RemainingTime
from neurospineseg_panel.run import Listener, Run, Steps
from neurospineseg_panel.segmentation_result import SegmentationResult


class CorrectionRun(Run):
    """Stores a corrected segmentation; ``finished`` gets the new folder and the Dice by structure.

    Args:
        scans: volume node by channel; the label map lies on the grid of the one that the segmentation was made on.
        node: the corrected segmentation node.
        result: what the model found, if the node comes from this session.
        folder: where cases are kept.

    Raises:
        InputError: no folder was chosen, or a scan is not the one that was segmented.
    """

    def __init__(
        self,
        client: WorkerClient,
        scans: Mapping[str, Any],
        node: Any,
        result: SegmentationResult | None,
        folder: str,
        task: str,
        listener: Listener,
    ) -> None:
        if not folder:
            raise InputError(_("No folder was chosen for corrections; choose one beside the button."))
        reference = reference_channel(node, scans, result)
        scans = {reference: scans[reference], **scans}
        super().__init__(client, scans, StoreCorrection(task, Path(folder)), listener, RemainingTime(), writes_into=Path(folder))
        self.node, self.result = node, result
        self._notes: list[str] = []

    def _send(self) -> Steps:
        assert isinstance(self.request, StoreCorrection)
        reference = next(iter(self.scans.values()))
        labels, painted = yield from self._corrected(reference, self.request.task)
        self._notes = judged(painted)
        corrected, predicted, model = self.file("corrected.npy"), None, None
        for _written in self.write(corrected, labels):
            yield None
        if self.result is not None and self.result.is_whole and self._fits(self.result, labels.shape):
            labels = np.zeros(labels.shape, np.uint16)
            yield from self.result.paint(labels)
            predicted, model = self.file("predicted.npy"), self.result.report["model"]
            for _written in self.write(predicted, labels):
                yield None
        self.request = replace(self.request, labels=corrected, prediction=predicted, model=model)
        yield from super()._send()

    def _corrected(self, reference: Any, task: str) -> Pieces[tuple[np.ndarray, list[PaintedSegment]]]:
        """The label map of one moment: drawn anew where the segmentation was changed while it was drawn."""
        while True:
            state, labels = state_of_segments(self.node), np.zeros(node_voxels(reference).shape, np.uint16)
            painted = yield from painting(self.node, reference, labels, task)
            if state_of_segments(self.node) == state:
                return labels, painted

    def _work(self) -> Steps:
        answer = yield from self._ask()
        self.times.end()
        self.listener.finished(answer, self._notes)

    def _fits(self, result: SegmentationResult, shape: tuple[int, ...]) -> bool:
        """Whether a result was made on this grid."""
        reference = result.report["reference"]
        made_on = result.scans.get(reference) == next(iter(self.scans.values())).GetID()
        return made_on and tuple(result.report["inputs"][reference]["shape_kji"]) == tuple(shape)


def judged(painted: Sequence[PaintedSegment]) -> list[str]:
    """Sentences on segments that were left out or joined.

    Raises:
        InputError: no segment shows a structure of the module. One that the user emptied does: nothing is there, then.
    """
    if all(segment.structure is None for segment in painted):
        raise InputError(
            _(
                "No segment shows a structure of this module, so nothing was stored; give the segments their terminology in the Segment Editor."
            )
        )
    strangers = [f"'{segment.name}'" for segment in painted if segment.structure is None and segment.voxels]
    notes = []
    if strangers:
        notes.append(
            _("Not stored, since they show no structure of this module: {names}. Give them their terminology and accept again.").format(
                names=", ".join(strangers)
            )
        )
    for segment in painted:
        if segment.covered:
            notes.append(
                _("'{name}' covers voxels of other segments ({count}), which were stored as it.").format(
                    name=segment.name, count=segment.covered
                )
            )
        if segment.structure is not None and segment.outside:
            notes.append(
                _("Voxels of '{name}' that lie outside the scan were not stored ({count}).").format(
                    name=segment.name, count=segment.outside
                )
            )
    for structure in dict.fromkeys(segment.structure for segment in painted if segment.structure is not None):
        alike = [f"'{segment.name}'" for segment in painted if segment.structure == structure and segment.voxels]
        if len(alike) > 1:
            notes.append(_("{names} were stored as one structure, {structure}.").format(names=", ".join(alike), structure=structure.name))
    return notes
