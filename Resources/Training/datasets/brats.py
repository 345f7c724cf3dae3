"""Gliomas: BraTS 2013 to 2024, and the Medical Segmentation Decathlon's Task01.

The folder holds, at any depth, a folder per case with one file each of

    *_flair  *_t1  *_t1ce  *_t2   *_seg  .nii or .nii.gz   (to 2021)
    *-t2f    *-t1n *-t1c   *-t2w  -seg   .nii or .nii.gz   (since 2023)

or the Decathlon's imagesTr/BRATS_001.nii.gz (4D: FLAIR, T1w, T1gd, T2w) and labelsTr. What the label values mean is told
from all cases together; where that is not clear, --labels must say it.
"""

from __future__ import annotations

import argparse
import re
from functools import partial
from pathlib import Path

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume, read_volume
from Training.datasets.brats_files import NAMED, Found, find
from Training.datasets.brats_labels import KNOWN, LABELS, SCHEMES, decide, in_our_classes, in_words, values_of
from Training.datasets.brats_shaping import around_brain, scaled, write_arrays
from Training.datasets.preparing import LeftOut, LoadedCase, Plan, PlannedCase
from Training.datasets.progress import each

CHANNELS = ("t1c,t1,t2,flair", "t1c,t2,flair")
PATIENT = re.compile(r"(BraTS(?:-[A-Za-z]+)+-\d+|BraTS1\d_.+)[-_]\d+", re.IGNORECASE)
"""BraTS-GLI-00001-001 and Brats18_CBICA_AAB_1 are single scans of the patients BraTS-GLI-00001 and Brats18_CBICA_AAB."""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="folder of the cases")
    parser.add_argument("--labels", choices=sorted(SCHEMES), help="what the label values mean; default: told from the values")
    parser.add_argument("--channels", choices=CHANNELS, default=CHANNELS[0], help="default %(default)s")
    parser.add_argument(
        "--scale", choices=("none", "minmax"), default="none", help="minmax: each channel's voxels other than zero to 0-1; default none"
    )
    parser.add_argument("--crop", type=int, metavar="N", help="cut N x N x N voxels around the brain, without cutting the tumor")
    parser.add_argument("--least-tumor-ml", type=float, default=0.0, metavar="ML", help="leave out cases with a smaller tumor")
    parser.add_argument("--npy", action="store_true", help="also write npy/CASE_image.npy (C,K,J,I float32) and npy/CASE_label.npy")


def plan(options: argparse.Namespace) -> Plan:
    """Finds the cases and reads their label maps' values.

    Raises:
        InputError: the folder does not exist, or the meaning of the values is not clear.
    """
    if options.crop is not None and options.crop < 2:
        raise InputError(f"--crop {options.crop} is no size; give a number of voxels such as 128.")
    channels = tuple(options.channels.split(","))
    search = find(options.source, channels)
    cases, problems, scheme = list(search.cases), list(search.problems), options.labels
    if scheme is None:
        cases, seen, unfit = _scanned(cases)
        problems += unfit
        if cases:
            scheme = decide(seen, decathlon=search.decathlon, since_2023=all(case.since_2023 for case in cases))
    planned = [
        PlannedCase(
            re.sub(r"[^A-Za-z0-9_.-]", "_", found.name),
            list(dict.fromkeys(path for path, _ in found.files.values())),
            partial(load, found, scheme, channels, options),
            _patient(found.name),
            f"{scheme} {[frame for _, frame in found.files.values()]}",
        )
        for found in cases
    ]
    return Plan("tumor", channels, LABELS, planned, problems, finish=write_arrays if options.npy else None)


def _patient(name: str) -> str:
    match = PATIENT.fullmatch(name)
    return match[1] if match else name


def _scanned(cases: list[Found]) -> tuple[list[Found], list[frozenset[float]], list[str]]:
    """The cases whose label maps hold only 0 to 4, the values of each, and sentences about the others."""
    good, seen, problems = [], [], []
    for found in each(cases, "Reading label values"):
        path, frame = found.files["label"]
        try:
            values = values_of(read_volume(path, frame=frame))
        except InputError as error:
            problems.append(str(error))
            continue
        if values <= KNOWN:
            good.append(found)
            seen.append(values)
        else:
            odd = min(values - KNOWN)
            problems.append(
                f"'{path.name}' holds the label {odd:g}, which no BraTS label map has, so the case is left out; check the file."
            )
    return good, seen, problems


def load(found: Found, scheme: str, channels: tuple[str, ...], options: argparse.Namespace) -> LoadedCase:
    """Reads a case and brings it into the form that the options ask for."""
    mask, (_, frame) = found.files["label"][0], found.files[channels[0]]
    names = {role: path.name if frame is None else f"{path.parent.name}/{path.name}" for role, (path, _) in found.files.items()}
    labels = in_our_classes(read_volume(mask), scheme, names["label"])
    notes = [in_words(scheme)]
    if frame is None and NAMED.fullmatch(mask.name) is None:
        notes.append(f"The label map is '{mask.name}'.")
    tumor_ml = np.count_nonzero(labels.voxels) * labels.grid.voxel_volume_ml
    if tumor_ml < options.least_tumor_ml:
        raise LeftOut(f"Its tumor of {tumor_ml:.2f} mL is smaller than --least-tumor-ml {options.least_tumor_ml:g}.")
    scans = {channel: read_volume(found.files[channel][0], frame=found.files[channel][1]) for channel in channels}
    if options.scale == "minmax":
        scans = {channel: Volume(scaled(scan.voxels), scan.ijk_to_ras) for channel, scan in scans.items()}
    if options.crop:
        scans, labels, changes = around_brain(scans, labels, options.crop)
        notes += changes
    return LoadedCase(scans, labels, notes, names)
