"""Accepting a correction: the scans and the corrected label map go to the worker, which stores them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from slicer.i18n import tr as _

from neurospineseg.client import WorkerClient
from neurospineseg.errors import InputError
from neurospineseg.mrml import node_voxels, paint_label_map
from panel.outcome import Outcome, scan_role
from panel.remaining_time import RemainingTime
from panel.run import Listener, Run, Steps


class CorrectionRun(Run):
    """Stores a corrected segmentation; ``finished`` gets the new folder and the Dice by structure.

    Args:
        scans: volume node by channel; the label map lies on the grid of the one that the segmentation was made on.
        node: the corrected segmentation node.
        outcome: what the model found, if the node comes from this session.
        folder: where cases are kept.

    Raises:
        InputError: no folder was chosen, or a scan is not the one that was segmented.
    """

    def __init__(
        self, client: WorkerClient, scans: Mapping[str, Any], node: Any, outcome: Outcome | None, folder: str, task: str, listener: Listener
    ) -> None:
        if not folder:
            raise InputError(_("No folder was chosen for corrections; choose one beside the button."))
        reference = reference_channel(node, scans)
        scans = {reference: scans[reference], **scans}
        fields = {"op": "store", "task": task, "folder": folder}
        super().__init__(client, scans, fields, listener, RemainingTime(), writes_into=Path(folder))
        self.node, self.outcome = node, outcome

    def _send(self) -> Steps:
        reference = next(iter(self.scans.values()))
        labels = np.zeros(node_voxels(reference).shape, np.uint16)
        for _structure in paint_label_map(self.node, reference, labels, self.fields["task"]):
            yield
        self.fields["labels"] = self.file("corrected.npy")
        for _written in self.write(self.fields["labels"], labels):
            yield
        if self.outcome is not None and self.outcome.is_whole and self._fits(labels.shape):
            labels[:] = 0
            yield from self.outcome.paint(labels)
            self.fields |= {"prediction": self.file("predicted.npy"), "model": self.outcome.report["model"]}
            for _written in self.write(self.fields["prediction"], labels):
                yield
        yield from super()._send()

    def _work(self) -> Steps:
        answer = yield from self._ask()
        self.times.end()
        self.listener.finished(answer, [])

    def _fits(self, shape: tuple[int, ...]) -> bool:
        """Whether the prediction was made on this grid."""
        return tuple(self.outcome.report["inputs"][self.outcome.report["reference"]]["shape_kji"]) == tuple(shape)


def reference_channel(node: Any, scans: Mapping[str, Any]) -> str:
    """The channel whose scan a segmentation was made on.

    Raises:
        InputError: it is not among the scans, or a channel holds another scan than the one that was segmented.
    """
    for channel, scan in scans.items():
        used = node.GetNodeReference(scan_role(channel))
        if used is not None and used is not scan:
            raise InputError(
                _("'{name}' was segmented from '{used}', not from '{scan}'; choose that scan in the slot {channel}.").format(
                    name=node.GetName(), used=used.GetName(), scan=scan.GetName(), channel=channel
                )
            )
    made_on = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())
    channel = next((channel for channel, scan in scans.items() if scan is made_on), None)
    if channel is None:
        raise InputError(_("None of the chosen scans is the one that '{name}' was made on; choose that scan.").format(name=node.GetName()))
    return channel
