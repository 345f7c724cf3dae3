"""A scan to be segmented from its files, and what it truly shows."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from neurospineseg.geometry.grid import Grid


@dataclass(frozen=True)
class Case:
    """One scan of a task.

    Attributes:
        name: for tables.
        scans: NIfTI file of each modality; the first one's grid is the result's.
        truth: label map with the label values of ``neurospineseg.tasks.anatomy`` on that grid; None where nobody knows.
        whole: whether every modality is there that the default model takes.
        region: the part of the scan that the model looks at; None: not looked for, or the whole of it.
        bodies: whether the truth holds the bodies of the vertebrae alone, without their arches.
    """

    name: str
    task: str
    scans: Mapping[str, Path]
    truth: Path | None = None
    whole: bool = True
    region: Grid | None = None
    bodies: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along k, j, i."""
        return tuple(int(n) for n in nib.load(next(iter(self.scans.values()))).shape[::-1])


def write_image(path: Path, voxels: np.ndarray, ijk_to_ras: np.ndarray) -> Path:
    """Writes (K, J, I) as NIfTI whose unit is mm."""
    image = nib.Nifti1Image(voxels.T, ijk_to_ras)
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    return path


def read_labels(path: Path) -> np.ndarray:
    """A label map (K, J, I)."""
    return np.asarray(nib.load(path).dataobj).T.astype(np.int32)


def save_case(case: Case, folder: Path) -> Case:
    """Notes in a folder what a case is and where its files lie, so that ``load_case`` finds it again."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {name: os.path.relpath(path, folder) for name, path in case.scans.items()}
    region = case.region and {"shape": case.region.shape, "ijk_to_ras": case.region.ijk_to_ras.tolist()}
    truth = case.truth and os.path.relpath(case.truth, folder)
    noted = {"name": case.name, "task": case.task, "scans": names, "truth": truth, "region": region}
    (folder / "case.json").write_text(json.dumps(noted, indent=1) + "\n", encoding="utf-8")
    return case


def load_case(folder: Path) -> Case:
    noted = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    scans = {name: folder / file for name, file in noted["scans"].items()}
    region = noted.get("region") and Grid(tuple(noted["region"]["shape"]), np.array(noted["region"]["ijk_to_ras"]))
    return Case(noted["name"], noted["task"], scans, noted["truth"] and folder / noted["truth"], region=region)
