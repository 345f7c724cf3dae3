"""From files to files: scans in, a mask out with its record and a page, all written or none."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from neurospineseg.atomic_files import SEGMENTATION_ENDING, Outputs, beside, mask_ending, whole_file
from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import writing_failed
from neurospineseg.images.dicom_start import Reading
from neurospineseg.pipeline.dicom_exports import dicom_paths, need_packages, write_dicom
from neurospineseg.pipeline.settings import Settings
from neurospineseg.pipeline.stages import Progress, Stage, no_progress
from neurospineseg.tasks.structure import segment_tags
from neurospineseg.tasks.task import task_named

if TYPE_CHECKING:
    from neurospineseg.exports.dicom_source import DicomSource
    from neurospineseg.images.volume import Volume
    from neurospineseg.pipeline.segmentation_result import SegmentationResult


class SegmentsScans(Protocol):
    """What segments a case: a ``Segmenter``, or something that lets another do it."""

    def run(
        self, scans: Mapping[str, Volume], progress: Progress = ..., levels: Mapping[str, tuple[float, float, float]] | None = None
    ) -> SegmentationResult:
        """See ``Segmenter.run``."""


@dataclass(frozen=True)
class FileJob:
    """What is to be segmented into a file.

    Attributes:
        task: name of a registered task.
        scans: file, or folder of DICOM images, of each of its channels.
        output: the mask; its record and page lie beside it.
        settings: see ``Settings``.
        frame, orientation, spacing: see ``read_volume``.
        volume: which of several volumes among DICOM images, see ``read_volume``; ``KEY:NAME`` for the scan of one channel alone.
        sidecar: whether the record is written.
        page: whether a page with pictures is.
        dicom: which objects for archives are, see ``neurospineseg.pipeline.dicom_exports``; of scans that came as DICOM images.
        table: whether the measurements are, where ``settings`` ask for them.
        levels: see ``Segmenter.run``.
        overwrite: whether existing outputs may be replaced.
        staging: see ``Outputs``.
        picture: where a small picture goes, for the report of a batch; None for none. Where it cannot be written the mask is all the same.
    """

    task: str
    scans: Mapping[str, Path]
    output: Path
    settings: Settings = Settings()
    frame: int | None = None
    orientation: str | None = None
    spacing: Sequence[float] | None = None
    volume: Sequence[str] = ()
    sidecar: bool = True
    page: bool = False
    table: bool = False
    levels: Mapping[str, tuple[float, float, float]] | None = None
    dicom: tuple[str, ...] = ()
    overwrite: bool = False
    staging: Path | None = None
    picture: Path | None = None

    @property
    def paths(self) -> dict[str, Path]:
        """The files to write: ``mask``, and ``record``, ``page``, ``table`` and DICOM objects where they are wanted."""
        made = {"mask": self.output}
        if self.sidecar:
            made["record"] = beside(self.output, ".json")
        if self.page:
            made["page"] = beside(self.output, ".html")
        if self.table and self.settings.measure:
            made["table"] = beside(self.output, ".csv")
        return {**made, **dicom_paths(self.output, self.dicom)}

    def reading(self, channel: str) -> Reading:
        """How the scan of a channel is read from DICOM images."""
        return Reading(self.volume_of(channel), self.frame, self.orientation, self.spacing)

    def volume_of(self, channel: str) -> str | None:
        """The name of the volume that is the scan of a channel; its own before that of all."""
        own = [name.split(":", 1)[1] for name in self.volume if name.startswith(f"{channel}:")]
        of_all = [name for name in self.volume if ":" not in name]
        return (own or of_all)[-1] if own or of_all else None


class FileJobSteps:
    """A file job in three steps: ``read``, ``segment``, ``write``, each of which may run in another thread than the one before.

    Its outputs are reserved from the first to the last; ``give_up`` leaves nothing behind, and does nothing once they are written.

    Args:
        networks: loaded networks by bundle name, kept between jobs.
        segmenter: does the work where it is not a ``Segmenter`` of this process.

    Raises:
        InputError: the output is of no kind that can be written here.
    """

    def __init__(self, job: FileJob, networks: dict[str, Any] | None = None, segmenter: SegmentsScans | None = None) -> None:
        self._ending = _writable_ending(job.output)
        need_packages(job.dicom)
        self.job, self._networks, self._segmenter = job, networks, segmenter
        self._outputs = Outputs(list(job.paths.values()), inputs=list(job.scans.values()), overwrite=job.overwrite, staging=job.staging)
        self._reserved = ExitStack()
        self._scans: dict[str, Volume] = {}
        self._source: tuple[str, DicomSource] | None = None
        self._seconds: dict[Stage, float] = {}
        self._result: SegmentationResult | None = None

    @property
    def placed(self) -> bool:
        """Whether the outputs are in their place."""
        return self._outputs.placed

    def read(self, progress: Progress = no_progress) -> None:
        """Reserves the outputs and reads the scans.

        Raises:
            InputError: a scan cannot be read, or an output not be written.
        """
        started, job = perf_counter(), self.job
        with ExitStack() as reserved:
            reserved.enter_context(self._outputs)
            self._scans = _read(job, progress)
            if job.dicom:
                self._source = _dicom_source(job, next(key for key in task_named(job.task).channel_keys if key in self._scans))
            self._reserved = reserved.pop_all()
        self._seconds[Stage.READING_FILES] = perf_counter() - started

    def segment(self, progress: Progress = no_progress) -> SegmentationResult:
        """Segments what was read.

        Raises:
            InputError: a scan cannot be used; nothing is left behind.
        """
        started, job = perf_counter(), self.job
        try:
            progress(Stage.LOADING, 0.0)
            segmenter = self._segmenter or self._own_segmenter()
            self._seconds[Stage.LOADING] = perf_counter() - started
            self._result = segmenter.run(self._scans, progress, job.levels)
        except BaseException:
            self.give_up()
            raise
        return self._result

    def _own_segmenter(self) -> SegmentsScans:
        from neurospineseg.pipeline.segmenter import Segmenter

        return Segmenter(self.job.task, self.job.settings, self._networks)

    def write(self, progress: Progress = no_progress) -> SegmentationResult:
        """Writes what was found, all files or none.

        Raises:
            InputError: a file cannot be written.
        """
        assert self._result is not None, "nothing was segmented yet"
        job, result = self.job, self._result
        with self._reserved:
            try:
                _write(job, self._scans, result, self._seconds, self._outputs, self._ending, progress)
                if self._source is not None:
                    _write_dicom(job, result, self._source, self._outputs)
            except OSError as error:
                raise writing_failed(error, job.output.name) from error
        if not result.structures:
            for path in dicom_paths(job.output, job.dicom).values():  # of a run before, of which this one is the better
                path.unlink(missing_ok=True)
        self._scans = {}
        return result

    def give_up(self) -> None:
        """Gives the outputs back, unwritten."""
        with suppress(_GivenUp), self._reserved:
            raise _GivenUp


class _GivenUp(Exception):
    """Lets outputs be given back unwritten."""


def run_file_job(
    job: FileJob, progress: Progress, networks: dict[str, Any] | None = None, segmenter: SegmentsScans | None = None
) -> SegmentationResult:
    """Reads, segments and writes.

    Args:
        networks: loaded networks by bundle name, kept between jobs.
        segmenter: does the work where it is not a ``Segmenter`` of this process.

    Raises:
        InputError: an input or the output cannot be used; nothing is left behind.
    """
    steps = FileJobSteps(job, networks, segmenter)
    try:
        steps.read(progress)
        steps.segment(progress)
        return steps.write(progress)
    except KeyboardInterrupt:
        steps.give_up()
        if steps.placed:
            raise KeyboardInterrupt(f"Canceled when '{job.output.name}' had just been written; it is complete.") from None
        raise


def _writable_ending(output: Path) -> str:
    """The kind of mask that is asked for.

    Raises:
        InputError: it cannot be written here.
    """
    from neurospineseg.images.volume import META_IMAGE

    ending = mask_ending(output)
    if ending in META_IMAGE and importlib.util.find_spec("SimpleITK") is None:
        raise InputError(f"Writing {ending} needs the package SimpleITK, which this Python does not have; choose .nii.gz.")
    return ending


def _dicom_source(job: FileJob, channel: str) -> tuple[str, DicomSource]:
    """The channel and the images that its scan came from.

    Raises:
        InputError: it came from no DICOM images, or from some that cannot be referred to.
    """
    from neurospineseg.exports.dicom_source import dicom_source

    return channel, dicom_source(job.scans[channel], job.reading(channel))


def _write_dicom(job: FileJob, result: SegmentationResult, read: tuple[str, DicomSource], outputs: Outputs) -> None:
    """Writes what archives take under temporary names; of a mask that is empty nothing, and a warning says so."""
    from neurospineseg.exports.coded_segment import Maker, of_structure

    if not result.structures:
        result.warnings.append("Nothing was found, so that no DICOM object was written.")
        return
    channel, source = read
    if channel != result.report["reference"]:
        source = _dicom_source(job, result.report["reference"])[1]
    model = result.report["model"]
    files = {kind: outputs.temporary(path) for kind, path in dicom_paths(job.output, job.dicom).items()}
    write_dicom(files, result.labels, [of_structure(each) for each in result.structures], source, Maker(model["name"], model["version"]))


def _read(job: FileJob, progress: Progress) -> dict[str, Volume]:
    from neurospineseg.images.volume import read_volume

    progress(Stage.READING_FILES, 0.0)
    with ThreadPoolExecutor(max(1, len(job.scans))) as pool:  # unpacking leaves Python's lock
        read = partial(read_volume, frame=job.frame, orientation=job.orientation, spacing=job.spacing, compact=True)
        reads = [pool.submit(read, path, volume=job.volume_of(name)) for name, path in job.scans.items()]
        scans = {}
        for name, found in zip(job.scans, reads):
            scans[name] = found.result()
            progress(Stage.READING_FILES, len(scans) / len(job.scans))
    return scans


def _write(
    job: FileJob,
    scans: Mapping[str, Volume],
    result: SegmentationResult,
    before: Mapping[Stage, float],
    outputs: Outputs,
    ending: str,
    progress: Progress,
) -> None:
    """Writes mask, record and page under temporary names; the record gets the seconds of the stages ``before`` the run and after."""
    started, paths, report = perf_counter(), job.paths, result.report
    progress(Stage.WRITING_FILES, 0.0)
    _write_mask(result, outputs.temporary(paths["mask"]), ending)
    seconds = {**before, **report["seconds"], Stage.WRITING_FILES: perf_counter() - started}
    report["seconds"] = {Stage(stage).value: round(value, 3) for stage, value in seconds.items()}
    report["segments"] = [{"label": s.label, "key": s.key, "name": s.name, "color": list(s.color)} for s in result.structures]
    if "record" in paths:
        text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
        outputs.temporary(paths["record"]).write_text(
            text, encoding="utf-8", errors="backslashreplace"
        )  # the path of a model may be no text
    if "table" in paths and result.measurements is not None:
        from neurospineseg.measurements.table import write_table

        write_table(result.measurements, outputs.temporary(paths["table"]))
    if job.picture is not None:
        _draw_picture(job.picture, scans[report["reference"]], result)
    if "page" in paths:
        from neurospineseg.pages.html_page import Case, segments_of, write_page

        progress(Stage.DRAWING_PAGE, 0.0)
        case = Case(job.task, dict(scans), result.labels, segments_of(report), report, measured=result.measurements)
        write_page(outputs.temporary(paths["page"]), [case])


def _draw_picture(path: Path, reference: Volume, result: SegmentationResult) -> None:
    from neurospineseg.pages.slice_pictures import Segment
    from neurospineseg.pages.thumbnail import thumbnail

    segments = [Segment(each.label, each.key, each.name, each.color) for each in result.structures]
    try:
        path.unlink(missing_ok=True)  # one of an earlier mask would show something else
        path.parent.mkdir(exist_ok=True)
        with whole_file(path) as new:
            new.write_bytes(thumbnail(reference, result.labels, segments))
    except Exception as error:  # a mask must not be lost for want of its picture
        logging.getLogger(__name__).warning("No picture of a case: %s", type(error).__name__)


def _write_mask(result: SegmentationResult, path: Path, ending: str) -> None:
    if ending == SEGMENTATION_ENDING:
        from neurospineseg.images.segmentation_file import FileSegment, write_segmentation

        segments = [FileSegment(each.key, each.name, each.label, each.color, segment_tags(each)) for each in result.structures]
        write_segmentation(result.labels, segments, path)
    else:
        from neurospineseg.images.volume import write_volume

        write_volume(result.labels, path)
