"""Segmenting on another computer from a program that may wait: as ``Segmenter``, with the network over there."""

from __future__ import annotations

from collections.abc import Mapping
from time import sleep
from typing import Any

import numpy as np

from neurospineseg.errors import ImplausibleInput, InputError
from neurospineseg.geometry.triple import triple
from neurospineseg.images.volume import Volume
from neurospineseg.inference.uncertainty import UncertainRegion
from neurospineseg.measurements.measurement import measurements_of
from neurospineseg.models.catalog import models_of
from neurospineseg.pipeline.segmentation_result import SegmentationResult
from neurospineseg.pipeline.settings import DEFAULTS, Settings
from neurospineseg.pipeline.stages import Progress, no_progress
from neurospineseg.tasks.anatomy import structure
from neurospineseg.tasks.task import task_named
from neurospineseg.worker import protocol
from neurospineseg.worker.client import WorkerClient
from neurospineseg.worker.protocol import Died, Done, Failed, Refused
from neurospineseg.worker.requests import Describe, Request, ScanFile, Segment
from neurospineseg.worker.results import Described, Segmented
from neurospineseg.worker.ssh_host import SshHost

TURN_SECONDS = 0.02


class RemoteSegmenter:
    """Segments scans of one task on another computer. Only voxels, where they lie and the settings go there, and nothing stays.

    Args:
        host: the other computer.
        task: name of a registered task.
        settings: see ``Settings``; the model is one that is installed there, with the same weights as here where it is installed here.
    """

    def __init__(self, host: SshHost, task: str, settings: Settings = DEFAULTS) -> None:
        self.host, self.task, self.settings = host, task_named(task).name, settings

    def run(
        self, scans: Mapping[str, Volume], progress: Progress = no_progress, levels: Mapping[str, tuple[float, float, float]] | None = None
    ) -> SegmentationResult:
        """Segments one case, see ``Segmenter.run``; an exception from ``progress`` cancels, over there too.

        Raises:
            InputError: a scan cannot be used, or the other computer not; the message says why and what to do. ``ImplausibleInput``: it can,
                with ``Settings.force``.
        """
        client = WorkerClient(host=self.host)
        try:
            client.start()
            files = {name: _kept(client, f"scan{number}.npy", scan) for number, (name, scan) in enumerate(scans.items())}
            known = None if levels is None else {key: tuple(at) for key, at in levels.items()}
            answer = answer_of(client, Segment(self.task, self.settings, files, levels=known), progress)
            return self._result(client, answer, scans)
        finally:
            client.stop()

    def _result(self, client: WorkerClient, answer: Segmented, scans: Mapping[str, Volume]) -> SegmentationResult:
        reference = scans[answer.report["reference"]]
        labels, uncertainty = (None if name is None else _loaded(client, name) for name in (answer.labels, answer.uncertainty))
        if labels is None or labels.shape != reference.shape or labels.dtype != np.uint16:
            raise InputError(
                f"The mask that came from '{self.host.name}' does not fit the scan; install the same version on both computers."
            )
        models_of(self.task)  # so that structures of added models are known
        try:
            found = [structure(box.key) for box in answer.structures]
        except KeyError as error:
            raise InputError(
                f"The model on '{self.host.name}' finds '{error.args[0]}', which is unknown here; add the same model on this computer."
            ) from error
        notes = _notes(self.task, scans)
        places = [UncertainRegion(triple(at.ras), structure(at.key).label, at.marked, at.ml, at.score) for at in answer.uncertain]
        return SegmentationResult(
            Volume(labels, reference.ijk_to_ras),
            found,
            {**answer.report, "warnings": [*notes, *answer.report["warnings"]]},
            [*notes, *answer.warnings],
            uncertainty,
            places,
            None if answer.measurements is None else measurements_of(answer.measurements),
        )


def described(host: SshHost, progress: Progress = no_progress) -> Described:
    """What there is to segment with on another computer.

    Raises:
        InputError: it cannot be used; the message says why and what to do.
    """
    client = WorkerClient(host=host)
    try:
        return answer_of(client, Describe(), progress)
    finally:
        client.stop()


def answer_of(client: WorkerClient, request: Request, progress: Progress = no_progress) -> Any:
    """Asks a worker, waits, and returns its result.

    Raises:
        InputError: it refused, failed or died; the message says so.
    """
    number = client.request(request)
    while True:
        client.poll()
        for answer in client.answers_to(number):
            if isinstance(answer, Done):
                return answer.result
            if isinstance(answer, Refused):
                raise (ImplausibleInput if answer.forcible else InputError)(answer.message)
            if isinstance(answer, Failed | Died):
                raise InputError(answer.message)
            if isinstance(answer, protocol.Progress):
                progress(answer.stage, answer.fraction)
        sleep(TURN_SECONDS)


def _kept(client: WorkerClient, file: str, scan: Volume) -> ScanFile:
    assert client.folder is not None
    np.save(client.folder / file, scan.voxels)
    return ScanFile(file, tuple(tuple(map(float, row)) for row in scan.ijk_to_ras))


def _loaded(client: WorkerClient, file: str) -> np.ndarray:
    assert client.folder is not None
    return np.load(client.folder / file, allow_pickle=False)


def _notes(task: str, scans: Mapping[str, Volume]) -> list[str]:
    """What was found when the files were read, in the words of a run on this computer."""
    single = task_named(task).single
    return [note if single else f"The scan {name}: {note}" for name, scan in scans.items() for note in scan.notes]
