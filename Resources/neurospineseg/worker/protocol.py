"""What a window and its worker say to each other: a dataclass for each message, sent as one JSON line (see ``json_lines``).

Voxels lie as ``.npy`` files in the worker's private folder, which both map into memory; messages name these files. Where another computer
works, a relay stands in the worker's place and sends these files, see ``relay``. Window and worker are of one version of the program, so that
nothing here is kept for older ones. This module loads neither torch nor pydantic.

A request is answered by any number of ``Progress`` and then one of ``Done``, ``Refused``, ``Failed`` or, where the process ends before,
``Died``. Who asks for files to be written names a ``staging`` folder, hidden beside them, for what is half written: whoever ends the worker in
mid-run removes it; when the worker ends by itself, it does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neurospineseg.geometry.region import Region
from neurospineseg.pipeline.settings import DEFAULTS, Settings
from neurospineseg.pipeline.stages import Stage

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class ScanFile:
    """A scan's voxels (K, J, I) in a file of the private folder, and its 4x4 from (i, j, k) to RAS mm."""

    file: str
    ijk_to_ras: Matrix


@dataclass(frozen=True)
class Warm:
    """Load the networks; answered by ``Warmed``."""

    task: str
    settings: Settings = DEFAULTS


@dataclass(frozen=True)
class Segment:
    """Segment scans; answered by ``Segmented``.

    Attributes:
        inside: whether what lies outside the settings' region is to stay as it is: the answer then says where the region lies.
        levels: see ``Segmenter.run``.
    """

    task: str
    settings: Settings = DEFAULTS
    scans: dict[str, ScanFile] = field(default_factory=dict)
    inside: bool = False
    levels: dict[str, tuple[float, ...]] | None = None


@dataclass(frozen=True)
class FindRegion:
    """Look for the part of scans that is worth segmenting; answered by ``RegionFound``."""

    task: str
    settings: Settings = DEFAULTS
    scans: dict[str, ScanFile] = field(default_factory=dict)


@dataclass(frozen=True)
class RunFiles:
    """Segment files into a file with its record, as the shell does; answered by ``FilesWritten``. For the fields see ``FileJob``."""

    task: str
    scans: dict[str, Path]
    output: Path
    settings: Settings = DEFAULTS
    staging: Path | None = None
    frame: int | None = None
    orientation: str | None = None
    spacing: tuple[float, ...] | None = None
    volume: tuple[str, ...] = ()
    picture: Path | None = None


@dataclass(frozen=True)
class MatchFolder:
    """Find the cases of a folder; answered by ``FolderMatched``. For the fields see ``match_cases``."""

    task: str
    folder: Path
    output: Path | None = None


@dataclass(frozen=True)
class RunBatch:
    """Segment the cases of a table of matches; said meanwhile: ``CaseBegun``, ``CaseOver``; answered by ``BatchOver``.

    Attributes:
        table: see ``read_match_table``.
        output: see ``run_batch``.
    """

    task: str
    table: Path
    output: Path
    settings: Settings = DEFAULTS


@dataclass(frozen=True)
class StoreCorrection:
    """Keep a corrected case; answered by ``CorrectionStored``.

    Attributes:
        scans: ``labels`` and ``prediction`` lie on the grid of the first.
        folder: where cases are kept.
        labels: file of the corrected label map, uint16 (K, J, I).
        prediction: file of what the model had found, uint16 on the same grid; None where that is not known.
        model: name, version and sha256 of the model, if one was used.
    """

    task: str
    folder: Path
    scans: dict[str, ScanFile] = field(default_factory=dict)
    labels: str = ""
    prediction: str | None = None
    model: dict[str, str] | None = None
    staging: Path | None = None


@dataclass(frozen=True)
class Measure:
    """Measure a mask; answered by ``Measured``.

    Attributes:
        labels: the mask, uint16 of the task's label values.
        scans: the scan that the mask was made on, if it is there; on any grid in the same space.
        frame: RAS mm of the anterior and the posterior commissure and of a point of the mid-plane, where a person has placed them.
    """

    task: str
    labels: ScanFile | None = None
    scans: dict[str, ScanFile] = field(default_factory=dict)
    frame: Matrix | None = None


@dataclass(frozen=True)
class StudyFiles:
    """One visit: its name or date, the mask (uint16 of the task's label values) and the scan, if it is there."""

    name: str
    labels: ScanFile
    scan: ScanFile | None = None


@dataclass(frozen=True)
class Follow:
    """Measure two or more studies of one patient, the earliest first; answered by ``Followed``."""

    task: str
    studies: tuple[StudyFiles, ...] = ()


@dataclass(frozen=True)
class StopBatch:
    """End the batch that is under way as soon as its tables are written; not answered itself."""


@dataclass(frozen=True)
class AddModel:
    """Add somebody else's model to the user's own; answered by ``ModelAdded``.

    Attributes:
        path: its folder or zip file.
        channels: the model's names of its channels and the task's, where the user was asked.
    """

    task: str
    path: Path
    channels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Describe:
    """Say what there is to segment with; answered by ``Described``."""


@dataclass(frozen=True)
class Quit:
    """End the process; not answered."""


@dataclass(frozen=True)
class Warmed:
    model: str
    device: str


@dataclass(frozen=True)
class Described:
    """What ``auto`` takes for computing, its name, what else there is, and the names of the models."""

    device: str
    hardware: str
    devices: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


@dataclass(frozen=True)
class StructureBox:
    """A structure in a label map.

    Attributes:
        box: (k0, k1, j0, j1, i0, i1), first and past the last voxel, that holds it.
        confidence: share of its voxels in which the model was certain, 0 to 1; None where that was not asked for.
    """

    key: str
    label: int
    box: tuple[int, ...]
    confidence: float | None = None


@dataclass(frozen=True)
class Core:
    """See ``neurospineseg.geometry.largest_part.LargestPart``; of all structures together."""

    place: tuple[int, ...]
    start: tuple[int, ...]
    stop: tuple[int, ...]


@dataclass(frozen=True)
class UncertainPlace:
    """See ``neurospineseg.inference.uncertainty.UncertainRegion``; the structure is named by its key."""

    ras: tuple[float, ...]
    key: str
    marked: bool
    ml: float
    score: float


@dataclass(frozen=True)
class InsideFile:
    """Where a region lies on the scan's grid: file of uint8 (K, J, I), cropped, and its first voxel (k, j, i)."""

    file: str
    start: tuple[int, ...]


@dataclass(frozen=True)
class Segmented:
    """A segmentation.

    Attributes:
        labels: file of the label map, uint16 (K, J, I) on the reference scan's grid.
        report: see ``neurospineseg.pipeline.run_record``.
        sought: keys of the structures that were looked for.
        structures: those that are there.
        core: where most of them lies; None where nothing was found.
        uncertainty: file of the uncertainty, uint8 on the same grid, where it was asked for.
        uncertain: where to look first, the most uncertain first.
        inside: where the region lies, where that was asked for.
        warnings: sentences for the user.
        measurements: what was read off the mask, where the settings asked for it, see ``measurements_of``.
    """

    labels: str
    report: dict[str, Any]
    sought: tuple[str, ...] = ()
    structures: tuple[StructureBox, ...] = ()
    uncertainty: str | None = None
    uncertain: tuple[UncertainPlace, ...] = ()
    inside: InsideFile | None = None
    warnings: tuple[str, ...] = ()
    core: Core | None = None
    measurements: dict[str, Any] | None = None

    @property
    def files(self) -> list[str]:
        """All files of the private folder that belong to it."""
        named = [self.labels, self.uncertainty, self.inside and self.inside.file]
        return [name for name in named if name]


@dataclass(frozen=True)
class RegionFound:
    region: Region


@dataclass(frozen=True)
class FilesWritten:
    report: dict[str, Any]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class MatchedCase:
    """See ``neurospineseg.pipeline.case.Case``."""

    name: str
    scans: dict[str, Path] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class FolderMatched:
    """The cases of a folder, and sentences for the user."""

    cases: tuple[MatchedCase, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class BatchOver:
    """What became of each case of a batch, see ``run_batch``."""

    outcomes: dict[str, str]


@dataclass(frozen=True)
class CorrectionStored:
    """The new case's folder, and the Dice between prediction and correction by structure key."""

    folder: Path
    dice: dict[str, float]


@dataclass(frozen=True)
class Measured:
    """What ``neurospineseg.measurements.measurement.measurements_of`` reads."""

    record: dict[str, Any]


@dataclass(frozen=True)
class Followed:
    """Studies that were compared.

    Attributes:
        rows: those of the shell's table, see ``neurospineseg.measurements.over_time.HEADER``.
        maps: for each study but the first the file of what has grown and shrunk since, uint8 (K, J, I) on the first one's grid.
        notes: sentences for the user.
    """

    rows: tuple[tuple[str, ...], ...]
    maps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelAdded:
    """The new model's name; or none, and the model's own names of the channels of which it cannot be told which scans they are."""

    name: str | None
    unmatched: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


Result = (
    Warmed
    | Segmented
    | RegionFound
    | FilesWritten
    | CorrectionStored
    | Measured
    | Followed
    | FolderMatched
    | BatchOver
    | ModelAdded
    | Described
)


@dataclass(frozen=True)
class Ready:
    """The process has started, with this version of the program; belongs to no request."""

    pid: int
    version: str


@dataclass(frozen=True)
class Idle:
    """The process ends, since nothing was asked for long; belongs to no request."""


@dataclass(frozen=True)
class Progress:
    """A stage and the fraction of it that is done, 0 to 1."""

    stage: Stage
    fraction: float


@dataclass(frozen=True)
class CaseBegun:
    """A case of a batch, or of a folder that is looked through, is begun; ``number`` of ``count`` were before it."""

    case: str
    number: int
    count: int


@dataclass(frozen=True)
class CaseOver:
    """What became of a case of a batch, see ``run_batch``, and sentences for the user."""

    case: str
    outcome: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done:
    result: Result


@dataclass(frozen=True)
class Refused:
    """The input cannot be used; ``forcible``: with ``Settings.force`` it is."""

    message: str
    forcible: bool = False


@dataclass(frozen=True)
class Failed:
    """The program or the computer failed: a sentence, and details for a report."""

    message: str
    detail: str = ""


@dataclass(frozen=True)
class Died:
    """The process ended; said by the handle on it, never sent.

    Attributes:
        undone: numbers of the requests that had no final answer.
        exit_code: None if it was stopped.
        log: the end of what it printed.
    """

    undone: tuple[int, ...]
    exit_code: int | None
    message: str
    log: str = ""


Request = (
    Warm
    | Segment
    | FindRegion
    | RunFiles
    | MatchFolder
    | RunBatch
    | StopBatch
    | StoreCorrection
    | Measure
    | Follow
    | AddModel
    | Describe
    | Quit
)
Answer = Ready | Idle | Progress | CaseBegun | CaseOver | Done | Refused | Failed | Died
FINAL = (Done, Refused, Failed, Died)
