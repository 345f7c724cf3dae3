"""Keeps patients with gliomas, heads without, and drawn heads ready for ``synthetic/examples/tumor_patients.py``.

    python Resources/Training/prepare_gliomas.py --patients DATA/tumor --healthy DATA/no_tumor
    python Resources/Training/prepare_gliomas.py --data DATASET
    python Resources/Training/prepare_gliomas.py --drawn 120 --shapes DATA/packed/shapes/glioma_shapes.npz

A patient is a folder with ``t1c``, ``t1``, ``t2``, ``flair`` and ``seg`` as ``.nii.gz`` files on one grid (``seg``: 1 necrotic or
non-enhancing core, 2 edema, 3 or 4 enhancing), brain extracted or not; DATASET is what ``prepare.py brats`` leaves, whose cases for testing are left out; a head without a tumor is one with a folder or a file for each contrast it
has. Drawn heads hold tumors of real shapes where ``--shapes`` are given, and other drawn ones. What is there already is kept.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from neurospineseg.errors import InputError
from neurospineseg.geometry.grid import straight_grid
from neurospineseg.geometry.resample import resample
from neurospineseg.images.intensity import onto_grid
from neurospineseg.images.volume import Volume, read_volume
from Training.datasets.glioma_cases import in_8_bits, write_case
from Training.datasets.raw_dataset import RawDataset, read_dataset
from Training.synthetic.examples.tumor_patients import CHANNELS, cases_folder
from Training.synthetic.tumor.real_shapes import Heads
from Training.training.program import run_program

CLASSES = ("necrotic_core", "edema", "enhancing_tumor")


def contrast_file(folder: Path, name: str) -> Path | None:
    """The file of one contrast: ``NAME.nii.gz``, or what a folder ``NAME`` holds; None where there is neither."""
    file = folder / f"{name}.nii.gz"
    return file if file.is_file() else next(iter(sorted((folder / name).glob("*.nii.gz"))), None)


def scans_of(folder: Path) -> dict[str, Volume]:
    """The contrasts that a case has.

    Raises:
        InputError: it has none.
    """
    files = {name: contrast_file(folder, name) for name in CHANNELS}
    scans = {name: read_volume(file) for name, file in files.items() if file is not None}
    if not scans:
        raise InputError(f"'{folder.name}' holds none of {', '.join(CHANNELS)}; give folders with one file for each.")
    return scans


def truth_of(folder: Path) -> Volume:
    """A patient's ``seg.nii.gz`` with 3 for enhancing tumor, which older data sets call 4."""
    truth = read_volume(folder / "seg.nii.gz")
    return Volume(np.where(truth.voxels == 4, 3, truth.voxels).astype(np.uint8), truth.ijk_to_ras)


def named_truth(data: RawDataset, case: str) -> Volume:
    """The label map of a data set's case, its classes numbered as in ``datasets.glioma_cases``.

    Raises:
        InputError: the data set lacks one of them.
    """
    truth, table = read_volume(data.label_file(case)), np.zeros(max(data.labels.values()) + 1, np.uint8)
    for number, name in enumerate(CLASSES, 1):
        if name not in data.labels:
            raise InputError(f"The data set '{data.folder.name}' has no class '{name}'; prepare it with the classes of gliomas.")
        table[data.labels[name]] = number
    return Volume(table[truth.voxels.astype(int)], truth.ijk_to_ras)


def on_grid(scans: Mapping[str, Volume], truth: Volume | None, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """A case's contrasts, uint8 (4, K, J, I), and classes, uint8 (K, J, I), on its first scan's straight grid of ``spacing`` mm."""
    grid = straight_grid(next(iter(scans.values())).grid, np.full(3, spacing))
    image = np.zeros((len(CHANNELS), *grid.shape), np.uint8)
    for number, name in enumerate(CHANNELS):
        if name in scans:
            scan = scans[name]
            image[number] = in_8_bits(onto_grid(scan.tensor, scan.background, scan.grid, grid, "foreground_zscore"))
    if truth is None:
        return image, np.zeros(grid.shape, np.uint8)
    return image, resample(torch.from_numpy(truth.voxels)[None].float(), truth.grid, grid, mode="nearest")[0].numpy().astype(np.uint8)


def keep_real(parent: Path, kind: str, spacing: float, target: Path) -> None:
    for folder in sorted(path for path in parent.iterdir() if path.is_dir()):
        place = target / f"{kind}_{folder.name}"
        if not place.exists():
            write_case(place, kind, *on_grid(scans_of(folder), truth_of(folder) if kind == "patient" else None, spacing))
            print(place.name, flush=True)


def keep_data_set(data: RawDataset, spacing: float, target: Path) -> None:
    for case in data.split.train + data.split.val:
        place = target / f"patient_{case}"
        if not place.exists():
            write_case(place, "patient", *on_grid(data.scans(case), named_truth(data, case), spacing))
            print(place.name, flush=True)


def keep_drawn(heads: Heads, count: int, target: Path, seed: int) -> None:
    for number in range(count):
        place = target / f"drawn_{seed:02d}_{number:04d}"
        if not place.exists():
            image, classes, _ = heads.head(np.random.default_rng([seed, number]))
            write_case(place, "drawn", np.stack([in_8_bits(channel) for channel in image]), classes.numpy())
            print(place.name, flush=True)


def prepare(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    target = options.output or cases_folder(options.spacing)
    target.mkdir(parents=True, exist_ok=True)
    for parent, kind in ((options.patients, "patient"), (options.healthy, "healthy")):
        if parent is not None:
            keep_real(parent, kind, options.spacing, target)
    for folder in options.data:
        keep_data_set(read_dataset(folder), options.spacing, target)
    keep_drawn(Heads(options.spacing, options.shapes, options.small), options.drawn, target, options.seed)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--patients", type=Path, metavar="FOLDER", help="of patients with a glioma")
    made.add_argument("--data", type=Path, action="append", default=[], metavar="DATASET", help="prepared data set; may be given again")
    made.add_argument("--healthy", type=Path, metavar="FOLDER", help="of heads without a tumor")
    made.add_argument("--drawn", type=int, default=0, metavar="N", help="heads to draw")
    made.add_argument("--seed", type=int, default=1, help="of the drawn heads")
    made.add_argument("--shapes", type=Path, metavar="FILE", help="outlines of real gliomas, see synthetic/real_glioma.py")
    made.add_argument("--small", type=float, default=0.0, metavar="SHARE", help="of the real outlines, 0 to 1, that become small tumors")
    made.add_argument("--spacing", type=float, default=1.0, help="voxel size, mm")
    made.add_argument("--output", type=Path, metavar="FOLDER", help="default: where tumor_patients looks for it")
    return made


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), prepare, arguments)


if __name__ == "__main__":
    sys.exit(main())
