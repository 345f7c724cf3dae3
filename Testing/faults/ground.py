"""Where rounds of faults take place: a scan, a tiny model, folders for results, and what must hold there after each of them."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import numpy as np

from neurospineseg.pipeline.settings import Settings
from Testing.small_scans import ball, write_nifti
from Testing.tiny_model import write_tiny_model

MARK = "NEUROSPINESEG_FAULTS"
"""An environment variable that every process of a ground inherits."""


class Ground:
    """Folders below ``folder``: ``cases`` (three heads), ``output``, ``corrections``, ``models`` and ``tmp`` for all temporary files.

    Args:
        folder: a new one; processes started while the ground is there take ``tmp`` for their temporary files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.token = folder, uuid4().hex
        self.cases, self.output, self.corrections, self.temporary = (folder / name for name in ("cases", "output", "corrections", "tmp"))
        for path in (self.cases, self.output, self.corrections, self.temporary):
            path.mkdir(parents=True)
        for number in range(3):
            (self.cases / f"case{number}").mkdir()
            write_nifti(self.cases / f"case{number}" / f"case{number}_t1ce.nii.gz", ball(seed=number))
        self.model = tiny_model(folder / "models")
        os.environ |= {MARK: self.token, "TMPDIR": str(self.temporary), "OMP_NUM_THREADS": "1"}
        tempfile.tempdir = None

    @property
    def scan(self) -> Path:
        return self.cases / "case0" / "case0_t1ce.nii.gz"

    @property
    def settings(self) -> Settings:
        return Settings.of({"model": str(self.model), "device": "cpu"})

    def processes(self) -> list[int]:
        """Ids of the ground's processes, this one aside; Linux only."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and int(entry.name) != os.getpid():
                try:
                    if self.token.encode() in (entry / "environ").read_bytes():
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found

    def results(self) -> dict[str, str]:
        """Checksums of all files below ``output`` and ``corrections``, staging folders included."""
        files = [path for folder in (self.output, self.corrections) for path in folder.rglob("*") if not path.is_dir()]
        return {str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def wrong_with(self, earlier: dict[str, str], at_rest: bool = True) -> list[str]:
        """What does not hold, in sentences.

        Args:
            earlier: the results that were there before, which must be there as they were (the summary, the report and the small pictures of a batch aside).
            at_rest: whether nothing may be left of a job: no process, no temporary file, no staging folder.
        """
        now = self.results()
        wrong = [f"'{name}' was changed or lost" for name, sum_ in earlier.items() if now.get(name) != sum_ and not _may_go(name)]
        wrong += self._half_written()
        if at_rest:
            wrong += [f"process {pid} is left" for pid in self.processes()] if not within(5.0, lambda: not self.processes()) else []
            wrong += [f"'{path.name}' is left in the temporary folder" for path in self.temporary.iterdir()]
            hidden = [path for folder in (self.output, self.corrections) for path in folder.glob(".*")]
            wrong += [f"'{path.name}' is left in '{path.parent.name}'" for path in hidden]
        return wrong

    def _half_written(self) -> list[str]:
        wrong = []
        for mask in self.output.glob("*.seg.nrrd"):
            record = mask.with_name(mask.name.replace(".seg.nrrd", ".json"))
            wrong += [] if record.is_file() else [f"'{mask.name}' has no record"]
            wrong += [] if _is_mask(mask) else [f"'{mask.name}' is half written"]
        for record in self.output.glob("*.json"):
            wrong += [] if _is_json(record) else [f"'{record.name}' is half written"]
            wrong += [] if record.with_name(f"{record.stem}.seg.nrrd").is_file() else [f"'{record.name}' has no mask"]
        for case in self.corrections.glob("tumor-*"):
            wrong += [f"'{case.name}' lacks {name}" for name in ("case.json", "t1c.nii.gz", "label.nii.gz") if not (case / name).is_file()]
        for summary in self.output.glob("summary*.csv"):
            with open(summary, newline="", encoding="utf-8") as file:
                wrong += [] if next(csv.reader(file), [])[:2] == ["case", "outcome"] else [f"'{summary.name}' is half written"]
        return wrong


def _may_go(name: str) -> bool:
    return name.endswith(("summary.csv", "report.html")) or "/." in name or "/report_pictures/" in name


def _is_mask(path: Path) -> bool:
    from neurospineseg.images.segmentation_file import read_segmentation

    try:
        return read_segmentation(path)[0].voxels.shape == ball().shape
    except ValueError:
        return False


def _is_json(path: Path) -> bool:
    try:
        return "volumes" in json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False


def tiny_model(folder: Path) -> Path:
    folder.mkdir()
    return write_tiny_model(folder, seed=6)  # finds something of every class


def noise(length: int = 96) -> np.ndarray:
    """int16 (K, J, I) that packs badly, so that storing it takes a while."""
    return np.random.default_rng(0).integers(0, 30000, (length,) * 3, np.int16)


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether something comes to hold in a time."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
