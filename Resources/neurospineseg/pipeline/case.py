"""One case of a batch: which file is the scan of which channel, and what tells so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """A case.

    Attributes:
        scans: the file, or the folder of one DICOM series, of each channel; empty where there is a problem.
        problem: a sentence on why it cannot be segmented; empty where nothing is known.
        dicom: a folder among whose DICOM series the scans are to be looked for when the case's turn comes; None for none.
        why: by channel, a few words on what tells that the scan is it.
    """

    name: str
    scans: Mapping[str, Path] = field(default_factory=dict)
    problem: str = ""
    dicom: Path | None = None
    why: Mapping[str, str] = field(default_factory=dict)
