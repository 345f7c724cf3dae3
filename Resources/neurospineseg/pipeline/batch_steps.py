"""A case of a batch in steps that overlap with those of others: the file job, what is warned of, what is kept of the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from neurospineseg.errors import ImplausibleInput, InputError
from neurospineseg.images.volume import is_dicom
from neurospineseg.pipeline.file_job import FileJob, FileJobSteps
from neurospineseg.pipeline.segmentation_result import SegmentationResult
from neurospineseg.pipeline.stages import Progress


class BatchSteps:
    """A file job as one of many.

    Args:
        networks: loaded networks by bundle name, kept between jobs.
        progress: gives what is told how far the segmenting is, for as long as that takes.
        warnings: sentences for the user that are known before.
        insist: what is said beside why scans are not what the model expects.
        segmented: called with the result.
    """

    def __init__(
        self,
        job: FileJob,
        networks: dict[str, Any],
        progress: Callable[[], AbstractContextManager[Progress]],
        *,
        warnings: Sequence[str] = (),
        insist: str = "",
        segmented: Callable[[SegmentationResult], None] = lambda result: None,
    ) -> None:
        self._steps, self._progress, self._warnings = FileJobSteps(job, networks), progress, list(warnings)
        self._insist, self._segmented = insist, segmented
        self.read, self.give_up = self._steps.read, self._steps.give_up

    def segment(self) -> None:
        try:
            with self._progress() as progress:
                self._segmented(self._steps.segment(progress))
        except ImplausibleInput as error:
            raise InputError(f"{error} {self._insist}".strip()) from error

    def write(self) -> list[str]:
        return [*self._steps.write().warnings, *self._warnings]


def told_to(progress: Progress) -> Callable[[], AbstractContextManager[Progress]]:
    """As ``BatchSteps`` takes it, for what need not be opened and closed."""
    return lambda: nullcontext(progress)


def dicom_kinds_of(kinds: Sequence[str], scans: Mapping[str, Path]) -> tuple[tuple[str, ...], list[str]]:
    """Which objects for archives can be written of these scans, and a sentence where they are no DICOM images."""
    if not kinds or any(is_dicom(path) for path in scans.values()):
        return tuple(kinds), []
    return (), ["The scans are no DICOM images, so that no DICOM object was written."]
