"""What a request comes to: a dataclass for each kind of result, see ``protocol``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neurospineseg.geometry.region import Region


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
