"""What the worker does on request, each in a function of its own; torch is loaded by the first that needs it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.geometry.bounding_box import bounding_box
from neurospineseg.geometry.largest_part import largest_part
from neurospineseg.geometry.triple import triple
from neurospineseg.pipeline.stages import Progress, Stage
from neurospineseg.tasks.task import registered_tasks, task_named
from neurospineseg.worker.protocol import CaseBegun, CaseOver
from neurospineseg.worker.requests import (
    AddModel,
    Describe,
    FindRegion,
    Follow,
    MatchFolder,
    Measure,
    RunBatch,
    RunFiles,
    ScanFile,
    Segment,
    StoreCorrection,
    Warm,
)
from neurospineseg.worker.results import (
    BatchOver,
    Core,
    CorrectionStored,
    Described,
    FilesWritten,
    FolderMatched,
    Followed,
    InsideFile,
    MatchedCase,
    Measured,
    ModelAdded,
    RegionFound,
    Result,
    Segmented,
    StructureBox,
    UncertainPlace,
    Warmed,
)

if TYPE_CHECKING:
    from neurospineseg.geometry.grid import Grid
    from neurospineseg.geometry.region import Region
    from neurospineseg.images.volume import Volume
    from neurospineseg.pipeline.segmentation_result import SegmentationResult
    from neurospineseg.pipeline.segmenter import Segmenter


@dataclass
class Bench:
    """Where the work is done.

    Attributes:
        folder: private, of the voxel files.
        networks: loaded networks by bundle name, kept between requests.
        number: the request's.
        progress: tells the window; raises KeyboardInterrupt where a batch is to be stopped.
        tell: says more than how far it is.
    """

    folder: Path
    number: int
    progress: Progress
    networks: dict[str, Any] = field(default_factory=dict)
    tell: Callable[[CaseBegun | CaseOver], None] = lambda answer: None

    def save(self, name: str, voxels: np.ndarray) -> str:
        """Writes voxels into the folder; returns the file's name, which is this request's own."""
        file = f"{self.number}-{name}.npy"
        try:
            np.save(self.folder / file, voxels)
        except OSError:
            (self.folder / file).unlink(missing_ok=True)  # what fits on a full disk is of no use
            raise
        return file

    def scans(self, files: dict[str, ScanFile]) -> dict[str, Volume]:
        """Scans as ``read_volume`` keeps them when compact; pages of the files themselves where these have such a type."""
        from neurospineseg.images.volume import KEPT, Volume

        made = {}
        for name, scan in files.items():
            voxels = np.load(self.folder / scan.file, mmap_mode="c", allow_pickle=False)
            made[name] = Volume(voxels if voxels.dtype in KEPT else np.asarray(voxels, np.float32), np.array(scan.ijk_to_ras, float))
        return made

    def segmenter(self, request: Warm | Segment | FindRegion) -> Segmenter:
        from neurospineseg.pipeline.segmenter import Segmenter

        return Segmenter(request.task, request.settings, self.networks)


def warm(request: Warm, bench: Bench) -> Warmed:
    segmenter = bench.segmenter(request)
    segmenter.load()
    return Warmed(segmenter.bundle.spec.name, str(segmenter.device))


def describe(request: Describe, bench: Bench) -> Described:
    bench.progress(Stage.LOADING, 0.0)
    import torch

    from neurospineseg.inference.device import choose_device
    from neurospineseg.models.catalog import models_of

    device = choose_device("auto")
    devices = [f"cuda:{number}" for number in range(torch.cuda.device_count())] + ["mps"] * torch.backends.mps.is_available()
    hardware = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{os.cpu_count()} CPUs"
    return Described(
        str(device), hardware, (*devices, "cpu"), tuple(model.name for task in registered_tasks() for model in models_of(task.name))
    )


def find_region(request: FindRegion, bench: Bench) -> RegionFound:
    return RegionFound(bench.segmenter(request).find_region(bench.scans(request.scans), bench.progress))


def segment(request: Segment, bench: Bench) -> Segmented:
    scans = bench.scans(request.scans)
    bench.progress(Stage.LOADING, 0.0)
    inside = _region_to_stay_in(request, bench, scans)
    if inside is not None:
        inside.part_of(next(iter(scans.values())).grid, 0.0)
        request = replace(request, settings=replace(request.settings, region=None if task_named(request.task).renumbers else inside))
    segmenter = bench.segmenter(request)
    result = segmenter.run(
        scans, bench.progress, None if request.levels is None else {key: triple(at) for key, at in request.levels.items()}
    )
    uncertainty, boxes = result.uncertainty, _boxes(result)
    return Segmented(
        labels=bench.save("labels", result.labels.voxels),
        report=result.report,
        sought=tuple(structure.key for structure in segmenter.sought),
        structures=boxes,
        uncertainty=None if uncertainty is None else bench.save("uncertainty", uncertainty),
        uncertain=_places(request.task, result),
        inside=None if inside is None else _inside(inside, result.labels.grid, bench),
        warnings=tuple(dict.fromkeys(result.warnings)),
        core=_core(result.labels.voxels, boxes),
        measurements=None if result.measurements is None else result.measurements.as_json(),
    )


def _region_to_stay_in(request: Segment, bench: Bench, scans: dict[str, Volume]) -> Region | None:
    """The region outside which nothing is to change; None for none."""
    region = request.settings.region
    if not request.inside or region is None:
        return None
    return bench.segmenter(request).find_region(scans, bench.progress) if region == "auto" else region


def _boxes(result: SegmentationResult) -> tuple[StructureBox, ...]:
    made = []
    for structure in result.structures:
        box = bounding_box(result.labels.voxels == structure.label)
        if box is not None:
            sure = result.confidence(structure, tuple(map(slice, *box)))
            made.append(StructureBox(structure.key, structure.label, tuple(edge for side in zip(*box) for edge in side), sure))
    return tuple(made)


def _core(labels: np.ndarray, boxes: Sequence[StructureBox]) -> Core | None:
    """Where most of a label map's structures lies."""
    if not boxes:
        return None
    edges = np.array([box.box for box in boxes]).reshape(-1, 3, 2)
    start, stop = edges[:, :, 0].min(0), edges[:, :, 1].max(0)
    part = largest_part(labels[tuple(map(slice, start, stop))] > 0)
    if part is None:
        return None
    return Core(*(tuple(int(n) for n in start + corner) for corner in (part.place, part.start, part.stop)))


def _places(task: str, result: SegmentationResult) -> tuple[UncertainPlace, ...]:
    keys = {structure.label: structure.key for structure in task_named(task).structures}
    return tuple(
        UncertainPlace(place.ras, keys[place.label], place.marked, place.ml, place.score)
        for place in result.uncertain_regions
        if place.label in keys
    )


def _inside(region: Region, grid: Grid, bench: Bench) -> InsideFile:
    """Writes where a region lies on the scan's grid."""
    inside = region.contains(grid).view(np.uint8)
    box = bounding_box(inside)
    if box is None:
        raise InputError("The box of the region holds no voxel of the scan; make it larger.")
    start, stop = box
    return InsideFile(bench.save("inside", inside[tuple(map(slice, start, stop))]), start)


def store_correction(request: StoreCorrection, bench: Bench) -> CorrectionStored:
    from neurospineseg.images.volume import Volume
    from neurospineseg.pipeline import corrections

    def voxels(file: str) -> np.ndarray:
        return np.load(bench.folder / file, mmap_mode="r", allow_pickle=False)

    scans = {name: Volume(voxels(scan.file), np.array(scan.ijk_to_ras, float)) for name, scan in request.scans.items()}
    labels = Volume(np.array(voxels(request.labels)), next(iter(scans.values())).ijk_to_ras)
    prediction = None if request.prediction is None else np.array(voxels(request.prediction))
    folder, scores = corrections.store_correction(request.folder, request.task, scans, labels, prediction, request.model, request.staging)
    return CorrectionStored(folder, scores)


def run_files(request: RunFiles, bench: Bench) -> FilesWritten:
    from neurospineseg.pipeline.file_job import FileJob, run_file_job

    said = (request.frame, request.orientation, request.spacing, request.volume)
    job = FileJob(request.task, request.scans, request.output, request.settings, *said, staging=request.staging, picture=request.picture)
    result = run_file_job(job, bench.progress, bench.networks)
    return FilesWritten(result.report, tuple(dict.fromkeys(result.warnings)))


def measure(request: Measure, bench: Bench) -> Measured:
    from neurospineseg.measurements import measuring

    assert request.labels is not None
    bench.progress(Stage.MEASURING, 0.0)
    volumes = bench.scans({"": request.labels, **request.scans})
    labels, scan = volumes.pop(""), next(iter(volumes.values()), None)
    names = {structure.label: structure.key for structure in task_named(request.task).structures}
    if request.frame is None:
        return Measured(measuring.measure(labels, names, request.task, scan).as_json())
    from neurospineseg.measurements.ac_pc import AcPc
    from neurospineseg.measurements.nuclei import measure_nuclei_in

    ac, pc, midline = map(np.array, request.frame)
    return Measured(measure_nuclei_in(measuring.MeasuredMask(labels, names, scan), AcPc(ac, pc, midline)).as_json())


def follow(request: Follow, bench: Bench) -> Followed:
    from neurospineseg.measurements.over_time import change_rows
    from neurospineseg.pipeline import follow_up

    task = task_named(request.task)
    names = {structure.label: structure.key for structure in task.structures}
    core = next((union.parts for union in task.composites if union.key == "tumor_core"), tuple(names.values()))
    studies = list[follow_up.Study]()
    for study in request.studies:
        bench.progress(Stage.READING_FILES, len(studies) / len(request.studies))
        volumes = bench.scans({"labels": study.labels, **({"scan": study.scan} if study.scan is not None else {})})
        studies.append(follow_up.Study(study.name, volumes["labels"], names, volumes.get("scan")))
    bench.progress(Stage.MEASURING, 0.0)
    found = follow_up.follow(studies, request.task, core)
    maps = tuple(bench.save(f"change{number}", changed.voxels) for number, changed in enumerate(found.maps))
    return Followed(tuple(map(tuple, change_rows(found.changes, found.lines))), maps, found.notes)


def match_folder(request: MatchFolder, bench: Bench) -> FolderMatched:
    from neurospineseg.pipeline.match_table import match_cases

    told: list[str] = []

    def begun(number: int, count: int) -> None:
        bench.tell(CaseBegun("", number, count))
        bench.progress(Stage.READING_FILES, number / max(1, count))

    cases = match_cases(request.task, request.folder, request.output, told.append, begun)
    return FolderMatched(tuple(MatchedCase(case.name, dict(case.scans), dict(case.why), case.problem) for case in cases), tuple(told))


def run_cases(request: RunBatch, bench: Bench) -> BatchOver:
    from neurospineseg.pipeline.batch import OUTPUT_ENDING, InSteps, run_batch
    from neurospineseg.pipeline.batch_report import picture_of
    from neurospineseg.pipeline.batch_steps import BatchSteps, told_to
    from neurospineseg.pipeline.file_job import FileJob
    from neurospineseg.pipeline.match_table import read_match_table

    settings = replace(request.settings, uncertainty=True)

    def steps_of(scans: Mapping[str, Path], output: Path) -> BatchSteps:
        job = FileJob(request.task, scans, output, settings, picture=picture_of(output, OUTPUT_ENDING))
        return BatchSteps(job, bench.networks, told_to(bench.progress))

    outcomes = run_batch(
        request.task,
        request.output,
        request.output,
        InSteps(steps_of),
        lambda number, count, case: bench.tell(CaseBegun(case, number, count)),
        lambda sentence: None,
        cases=read_match_table(request.table, request.task),
        report=True,
        over=lambda case, outcome, warnings: bench.tell(CaseOver(case, outcome, tuple(warnings))),
    )
    return BatchOver(outcomes)


def add_model(request: AddModel, bench: Bench) -> ModelAdded:
    from neurospineseg.pipeline import adding
    from neurospineseg.pipeline.matching import Unmatched

    bench.progress(Stage.LOADING, 0.0)
    try:
        added = adding.add_model(request.path, adding.Wishes(task=request.task, channels=request.channels))
    except Unmatched as error:
        return ModelAdded(None, error.names)
    return ModelAdded(added.bundle.spec.name, notes=added.notes)


OPERATIONS: dict[type, Callable[[Any, Bench], Result]] = {
    Warm: warm,
    Describe: describe,
    Segment: segment,
    FindRegion: find_region,
    RunFiles: run_files,
    StoreCorrection: store_correction,
    Measure: measure,
    Follow: follow,
    MatchFolder: match_folder,
    RunBatch: run_cases,
    AddModel: add_model,
}
