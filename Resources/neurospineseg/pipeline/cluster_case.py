"""What a worker of a cluster does with a case: it segments it with networks that it keeps, for as long as the batch that asked is there.

What comes and goes is of JSON's own types. Light: torch is imported when a case is segmented.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from neurospineseg.errors import InputError
from neurospineseg.locks import Locked, lock_file, remove_left_locks
from neurospineseg.models.fingerprint import fingerprint
from neurospineseg.pipeline.batch import OUTPUT_ENDING, mask_of
from neurospineseg.pipeline.batch_report import PICTURES, picture_of
from neurospineseg.pipeline.case import Case
from neurospineseg.pipeline.case_scans import usable_scans
from neurospineseg.pipeline.overlap import sentence_of
from neurospineseg.pipeline.settings import Settings
from neurospineseg.pipeline.summary import SUMMARY
from neurospineseg.staging import remove_abandoned
from neurospineseg.tasks.task import task_named

if TYPE_CHECKING:
    from neurospineseg.pipeline.batch_steps import BatchSteps
    from neurospineseg.pipeline.segmentation_result import SegmentationResult

LOOK_SECONDS = 2.0
SHARE_SECONDS = 5.0
"""Network shares may show a new file of another machine only after a moment."""
_NETWORKS: dict[str, dict[str, Any]] = {}
"""Loaded networks by name, of the models that were asked for last, by the fingerprint of their files: those of a name may change."""
MOST_MODELS = 3
_SEGMENTING = ThreadPoolExecutor(1, "segmenting")
"""One case is segmented at a time, in one thread: the device has one case's memory to give, and torch's threads are those of one thread."""


class Unwanted(Exception):
    """The batch that asked for a case is over."""


def token_of(output: Path) -> str:
    """What tells the batch that writes into a folder now from others: who holds the folder's lock; empty where nobody does.

    Raises:
        OSError: the folder cannot be looked into.
    """
    try:
        return hashlib.sha256(lock_file(output / SUMMARY).read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


def judged(order: Mapping[str, Any]) -> dict[str, Any]:
    """Whether this worker can segment cases of a batch.

    Args:
        order: ``output``, ``token``, ``folder`` (one that holds scans), ``task``, ``model`` and ``fingerprint`` of its files.

    Returns:
        ``unfit``, why it cannot, as the end of a sentence; empty where it can.
    """
    why = _cannot_work(order)
    return {"unfit": why} if why else {}


def _cannot_work(order: Mapping[str, Any]) -> str:
    if not os.path.isdir(order["folder"]):
        return f"cannot see the folder '{order['folder']}'; let all machines see the scans under the same path"
    if not _is_wanted(Path(order["output"]), order["token"], SHARE_SECONDS):
        return f"sees another folder '{order['output']}' than this computer, or none; let all machines see the masks under the same path"
    if not os.access(order["output"], os.W_OK):
        return f"may not write into '{order['output']}'; give the account that it runs under the right to"
    try:
        same = fingerprint(order["task"], order["model"]) == order["fingerprint"]
    except InputError:
        return f"does not know the task '{order['task']}'; install there what declares it"
    if not same:
        which = f"the model '{order['model']}'" if order["model"] else f"the default model of {order['task']}"
        return f"does not have {which} as this computer has it; install the same models there"
    return ""


def tidied(order: Mapping[str, Any]) -> dict[str, Any]:
    """Clears away what processes of this computer have left in ``output`` that were killed."""
    output = Path(order["output"])
    for folder in (output, output / PICTURES):
        remove_left_locks(folder)
        remove_abandoned(folder)
    return {}


def segment_case(order: Mapping[str, Any]) -> dict[str, Any]:
    """Segments one case.

    Args:
        order: that of ``judged``, and ``case`` (name, scans, dicom), ``job`` (fields of ``FileJob``) and ``insist``, see ``BatchSteps``.

    Returns:
        ``kept`` where the mask is there already, else ``warnings`` and, where asked for, ``measured``; ``failed``, a sentence; or ``again``, a
        sentence on why another try may succeed.
    """
    output, threads = Path(order["output"]), _threads()
    if not _is_wanted(output, order["token"], SHARE_SECONDS):
        return {"again": f"A worker does not see the folder '{output}', or the batch is over."}
    try:
        return _segmented(order, output, threads)
    except Locked as error:
        return {"again": str(error)}
    except Unwanted:
        return {"again": "The batch is over."}
    except Exception as error:  # one case must not stop thousands
        return {"failed": sentence_of(error)}


def _segmented(order: Mapping[str, Any], output: Path, threads: int) -> dict[str, Any]:
    case = _case_of(order["case"])
    target = mask_of(case, output)
    if target.exists():
        return {"kept": True}
    task, found = task_named(order["job"]["task"]), {}
    scans, notes = usable_scans(case, task, target)

    def keep(result: SegmentationResult) -> None:
        if result.measurements is not None:
            found["measured"] = result.measurements.as_json()

    steps = _steps(order, scans, target, keep)
    steps.read()
    _SEGMENTING.submit(_segment, steps, threads).result()
    return {**found, "warnings": [*notes, *steps.write()]}


def _steps(order: Mapping[str, Any], scans: Mapping[str, Path], target: Path, keep: Callable[[SegmentationResult], None]) -> BatchSteps:
    from neurospineseg.pipeline.batch_steps import BatchSteps, dicom_kinds_of, told_to
    from neurospineseg.pipeline.file_job import FileJob

    job = dict(order["job"])
    kinds, warnings = dicom_kinds_of(job.pop("dicom"), scans)
    settings, picture = Settings.of(job.pop("settings")), picture_of(target, OUTPUT_ENDING)
    made = FileJob(scans=scans, output=target, settings=settings, dicom=kinds, picture=picture, **job)
    watch = _Watch(target.parent, order["token"])
    return BatchSteps(made, _warm(order["fingerprint"]), told_to(watch), warnings=warnings, insist=order["insist"], segmented=keep)


def _warm(files: str) -> dict[str, Any]:
    """The networks of these files, kept with those of the few other models that were asked for last."""
    networks = _NETWORKS.pop(files, {})
    _NETWORKS[files] = networks
    for oldest in list(_NETWORKS)[:-MOST_MODELS]:
        _NETWORKS.pop(oldest, None)
    return networks


def _segment(steps: BatchSteps, threads: int) -> None:
    """In the thread that is for it; Dask lets a worker's libraries begin with one thread each, whatever was given to the worker."""
    import torch

    if threads and torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    steps.segment()


def _threads() -> int:
    """How many threads this worker was given; 0 where that is not known."""
    with suppress(ImportError, ValueError):  # it is called outside of a worker
        from distributed import get_worker

        return int(get_worker().state.nthreads)
    return 0


def _case_of(order: Mapping[str, Any]) -> Case:
    dicom = order["dicom"]
    return Case(order["name"], {key: Path(path) for key, path in order["scans"].items()}, dicom=None if dicom is None else Path(dicom))


class _Watch:
    """The progress of a case, which ends where nobody wants it any more.

    Raises:
        Unwanted: (when called) the batch that asked for it is over.
    """

    def __init__(self, output: Path, token: str) -> None:
        self._output, self._token, self._due = output, token, 0.0

    def __call__(self, stage: str, fraction: float) -> None:
        if monotonic() < self._due:
            return
        self._due = monotonic() + LOOK_SECONDS
        if not _is_wanted(self._output, self._token):
            raise Unwanted


def _is_wanted(output: Path, token: str, patience: float = 0.0) -> bool:
    """Whether the batch of that token writes into a folder, which may be seen late; in doubt it does, but not before the work."""
    until = monotonic() + patience
    while True:
        try:
            if token_of(output) == token:
                return True
        except OSError:
            if not patience:
                return True
        if monotonic() >= until:
            return False
        sleep(0.25)
