"""Accepting a correction: the scans and the corrected label map go to the worker, which stores them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from slicer.i18n import tr as _

from neurospineseg.client import WorkerClient
from neurospineseg.errors import InputError
from neurospineseg.mrml import node_voxels, paint_label_map
from panel.remaining_time import RemainingTime
from panel.run import Listener, Outcome, Run, Steps


class CorrectionRun(Run):
    """Stores a corrected segmentation; ``finished`` gets the new folder and the Dice by structure.

    Args:
        scans: volume node by channel; the label map lies on the grid of the result's reference, else of the first.
        node: the corrected segmentation node.
        outcome: what the model found, if the node comes from this session.
        folder: where cases are kept.
    """

    def __init__(
        self, client: WorkerClient, scans: Mapping[str, Any], node: Any, outcome: Outcome | None, folder: str, task: str, listener: Listener
    ) -> None:
        if not folder:
            raise InputError(_("No folder was chosen for corrections; choose one beside the button."))
        if outcome is not None and outcome.report["reference"] in scans:
            first = outcome.report["reference"]
            scans = {first: scans[first], **scans}
        super().__init__(client, scans, {"op": "store", "task": task, "folder": folder}, listener, RemainingTime())
        self.node, self.outcome = node, outcome

    def _work(self) -> Steps:
        self.client.start()
        reference = next(iter(self.scans.values()))
        labels = np.zeros(node_voxels(reference).shape, np.uint16)
        for _structure in paint_label_map(self.node, reference, labels):
            yield
        self.fields["labels"] = self.file("corrected.npy")
        np.save(self.client.folder / self.fields["labels"], labels)
        yield
        if self.outcome is not None and self._fits(labels.shape):
            labels[:] = 0
            for mask in self.outcome.masks:
                mask.paint(labels)
                yield
            self.fields |= {"prediction": self.file("predicted.npy"), "model": self.outcome.report["model"]}
            np.save(self.client.folder / self.fields["prediction"], labels)
        yield from self._send()
        answer = yield from self._answer()
        self.times.end()
        self.listener.finished(answer, [])

    def _fits(self, shape: tuple[int, ...]) -> bool:
        """Whether the prediction was made on this grid."""
        return tuple(self.outcome.report["inputs"][self.outcome.report["reference"]]["shape_kji"]) == tuple(shape)
