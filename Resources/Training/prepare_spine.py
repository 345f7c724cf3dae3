"""Prepares the real spines that teach ``spine_3d``: each scan with the classes its voxels may be, as arrays.

    python Resources/Training/prepare_spine.py --teacher spine_3d

Read are the folder ``spine`` of what ``unpack.py`` wrote (``NEUROSPINESEG_UNPACKED``) and the sets of ``NEUROSPINESEG_DATA``. What no
label tells is taken from a former model where that is sure and agrees with what is labeled (``synthetic/spine/teaching.py``).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

from neurospineseg.errors import InputError
from neurospineseg.geometry.grid import straight_grid
from neurospineseg.geometry.resample import resample
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.inference.device import choose_device, choose_precision
from neurospineseg.inference.onto_model_grid import to_model_grid
from neurospineseg.inference.predict import predict
from neurospineseg.models.bundle import Bundle, find_bundle
from neurospineseg.models.network import build_to_run, load_weights
from neurospineseg.tasks.spine.parts import standard_parts
from Training.datasets.real_data import DATA, UNPACKED
from Training.synthetic.spine import chu2015
from Training.synthetic.spine.patients import FOLDER, SETS
from Training.synthetic.spine.teaching import agreeing, bodies_target, discs_target, spider_target
from Training.training.program import run_program

ASIDE_MM = {"VB1": 0.0, "VB3": 4.0}
"""MyoSegmenTUM's labels end some millimeters outside the visible bodies at the sides."""


def sources() -> Iterator[tuple[str, Path, Path]]:
    """Name, scan and labels of every case that is there."""
    for folder in sorted((UNPACKED / "spine").glob("SPIDER_*")):
        yield folder.name.removesuffix("_t2space_part"), folder / "img.nii.gz", folder / "seg.nii.gz"
    for folder in (DATA / "spine" / "chu2015", DATA / "spine" / "evaluate"):
        for scan in sorted(folder.glob("*_img.nii.gz")):
            name = scan.name.removesuffix("_img.nii.gz")
            yield name, scan, scan.with_name(f"{name}_seg.nii.gz")


def upright(volume: Volume) -> Volume:
    """The volume with its axes exchanged and reversed so that i, j, k run nearest to R, A, S."""
    turn = io_orientation(volume.ijk_to_ras)
    voxels = np.ascontiguousarray(apply_orientation(volume.voxels.transpose(), turn).transpose())
    return Volume(voxels, volume.ijk_to_ras @ inv_ornt_aff(turn, volume.shape[::-1]))


def answers(bundle: Bundle, network: torch.nn.Module, scan: Volume) -> np.ndarray:
    """The former model's probabilities of the six parts on the scan's grid, (6, K, J, I); background where it did not look."""
    spec, device = bundle.spec, choose_device("cpu")
    working = straight_grid(scan.grid, np.array(spec.spacing))
    found = predict(network, to_model_grid({spec.channels[0]: scan}, working, spec), spec, device, choose_precision(device))[0]
    return resample(standard_parts(found, spec.classes), working, scan.grid, antialias=False).numpy()


def target_of(name: str, scan: Volume, labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Bit masks (K, J, I), uint8."""
    kind = SETS[name.split("_")[0]]
    if kind == "spider":
        target = spider_target(labels, probabilities, np.asarray(scan.spacing))
    elif kind == "discs":
        target = discs_target(labels, probabilities)
    elif kind == "chu":
        target = agreeing(chu2015.load(name)[1].numpy().astype(np.int64), probabilities)
    else:
        target = bodies_target(labels, probabilities, ASIDE_MM[name[:3]])
    return target.astype(np.uint8)


def prepare(teacher: str, only: list[str]) -> int:
    """Writes every case, or those whose name holds one of the given texts; returns how many."""
    bundle = find_bundle(teacher)
    network = load_weights(build_to_run(bundle.network_def), bundle.weights)
    FOLDER.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, scan_file, label_file in sources():
        if only and not any(text in name for text in only):
            continue
        scan, labels = (upright(read_volume(path)) for path in (scan_file, label_file))
        probabilities = answers(bundle, network, scan)
        target = target_of(name, scan, labels.voxels.round().astype(np.int16), probabilities)
        voxels = scan.voxels.round().astype(np.int16)
        np.savez(FOLDER / f"{name}.npz", voxels=voxels, target=target, ijk_to_ras=scan.ijk_to_ras)
        shares = {str(value): round(float(share), 4) for value, share in zip(*_shares(target))}
        print(name, scan.shape, shares, flush=True)
        count += 1
    return count


def _shares(target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, counts = np.unique(target, return_counts=True)
    return values, counts / target.size


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--teacher", default="spine_3d", metavar="BUNDLE", help="the former model: its name or folder")
    made.add_argument("--only", action="append", default=[], metavar="TEXT", help="cases whose name holds this text")
    return made


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), run, arguments)


def run(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    count = prepare(options.teacher, options.only)
    if not count:
        raise InputError(f"There are no cases in '{UNPACKED}' or '{DATA}'; set NEUROSPINESEG_UNPACKED and NEUROSPINESEG_DATA.")
    print(f"{count} cases are in {FOLDER}.")


if __name__ == "__main__":
    sys.exit(main())
