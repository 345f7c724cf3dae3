"""What a window asks its worker for: a dataclass for each request, see ``protocol``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from neurospineseg.pipeline.settings import DEFAULTS, Settings

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
SERVED_ELSEWHERE = (Warm, Segment, FindRegion, Describe)
"""What another computer is asked for: requests that name no file of the computer that asks."""
