"""What Dask's workers load in the tests (``dask worker --preload``): a segmenter that needs no torch and finds the bright half of a scan.

The first worker that opens ``NEUROSPINESEG_TEST_HOLD/first``, which names its process, goes on with that case only when ``go`` lies there.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep
from types import ModuleType
from typing import Any

import numpy as np

from neurospineseg.images.volume import Volume
from neurospineseg.tasks.structure import Structure
from neurospineseg.tasks.task import task_named


@dataclass
class Result:
    """As ``SegmentationResult``."""

    labels: Volume
    structures: list[Structure]
    report: dict[str, Any]
    warnings: list[str] = field(default_factory=list)
    measurements: None = None


class Segmenter:
    """As the program's own, as far as a file job needs it."""

    def __init__(self, task: str, settings: object, networks: dict[str, Any]) -> None:
        self.structure = task_named(task).structures[0]
        networks["loaded"] = networks.get("loaded", 0) + 1
        self.loaded = networks["loaded"]

    def run(self, scans: dict[str, Volume], progress: Any, levels: object = None) -> Result:
        hold = Path(os.environ["NEUROSPINESEG_TEST_HOLD"])
        with suppress(FileExistsError):
            file = os.open(hold / "first", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            os.write(file, f"{os.getpid()}\n".encode())
            os.close(file)
            while not (hold / "go").exists():
                progress("Segmenting", 0.5)
                sleep(0.05)
        reference, scan = next(iter(scans.items()))
        voxels = np.where(scan.voxels > scan.voxels.mean(), self.structure.label, 0).astype(np.uint16)
        report = {"reference": reference, "seconds": {}, "warnings": [], "case": self.loaded, "process": os.getpid()}
        return Result(Volume(voxels, scan.grid.affine), [self.structure], report)


module = ModuleType("neurospineseg.pipeline.segmenter")
module.Segmenter = Segmenter
sys.modules[module.__name__] = module
