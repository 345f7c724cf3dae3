"""Real spines that teach: SPIDER's patients, and lumbar scans of four sources whose bodies or discs are labeled.

``prepare_spine.py`` writes each as arrays; here they are found, dealt into folds and read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from neurospineseg.geometry.grid import Grid

FOLDER = Path(os.environ.get("NEUROSPINESEG_SPINES", Path(__file__).resolve().parents[2] / "runs" / "spine_patients"))
SETS = {"SPIDER": "spider", "VB1": "bodies", "VB2": "chu", "VB3": "bodies", "IVD": "discs"}
"""How the names of a set's cases begin, and the kind of its labels."""
FOLDS = 3


@dataclass(frozen=True)
class Patient:
    """A case as ``prepare_spine.py`` keeps it: ``voxels`` and ``target`` (K, J, I) with i, j, k along R, A, S."""

    name: str

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        with np.load(FOLDER / f"{self.name}.npz") as kept:
            return dict(kept)

    @property
    def kind(self) -> str:
        return SETS[self.name.split("_")[0]]

    @property
    def voxels(self) -> torch.Tensor:
        """Gray values, float32."""
        return torch.from_numpy(self._arrays["voxels"].astype(np.float32))

    @property
    def target(self) -> torch.Tensor:
        """Bit masks of the classes each voxel may be, uint8."""
        return torch.from_numpy(self._arrays["target"])

    @property
    def grid(self) -> Grid:
        return Grid(tuple(self._arrays["voxels"].shape), self._arrays["ijk_to_ras"])


def fold_of(names: list[str]) -> dict[str, int]:
    """The fold of every case: of each set the names, sorted, are dealt in turn."""
    folds = {}
    for prefix in SETS:
        own = sorted(name for name in names if name.split("_")[0] == prefix)
        folds |= {name: number % FOLDS for number, name in enumerate(own)}
    return folds


def patients(fold: int = -1) -> list[Patient]:
    """Those prepared that a training of ``fold`` may see: all but the fold's own; all for -1. None where nothing was prepared."""
    folds = fold_of([path.stem for path in FOLDER.glob("*.npz")])
    return [Patient(name) for name in sorted(folds) if folds[name] != fold]


def held_out(fold: int) -> list[str]:
    """Names of the prepared cases that a training of ``fold`` does not see."""
    folds = fold_of([path.stem for path in FOLDER.glob("*.npz")])
    return sorted(name for name in folds if folds[name] == fold)
