"""The SPIDER lumbar MR data set: T1, T2 and T2 SPACE series of one spine each (van der Graaf et al., Scientific Data 2024).

    SOURCE/images/N_t1.mha   N_t2.mha   N_t2_SPACE.mha
    SOURCE/masks/            the same names

N is the patient; capital and small letters are alike. Masks hold 1-25 vertebrae counted upward from L5, 100 the canal,
101-125 vertebrae that are partly in view, 201-225 discs counted upward from L5-S1. Each series becomes a case with the
classes vertebra, disc and canal; a patient's series stay on one side of the split. Sizes and spacings are given along
superior, anterior, right: the axes of each scan that lie nearest to them.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume, read_volume
from Training.datasets.body_box import cropped
from Training.datasets.class_names import mapped, told, values_of, whole
from Training.datasets.preparing import LeftOut, LoadedCase, Plan, PlannedCase, require_one_grid
from Training.datasets.raw_dataset import IGNORE
from Training.datasets.regrid import of_size, of_spacing, onto
from Training.datasets.spider_labels import without_fragments

NAME = re.compile(r"(\d+)_(t1|t2|t2_space)\.mha", re.IGNORECASE)
SERIES = ("t1", "t2", "t2_space")
CANAL, PARTIAL = 100, range(101, 126)
NOT_KNOWN = "SPIDER has no such label"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="folder with images and masks")
    parser.add_argument("--series", type=_series, default=SERIES, help="which to take; default t1,t2,t2_space")
    parser.add_argument(
        "--partial", choices=("vertebra", "ignore", "background"), default="vertebra", help="what vertebrae partly in view become"
    )
    parser.add_argument("--crop-non-spinal", action="store_true", help="cut away air and what shows no signal, never a labeled voxel")
    parser.add_argument("--scale", choices=("minmax", "zscore", "none"), default="none", help="of each scan's intensities")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--resize", type=triple(int), metavar="S,A,R", help="voxels of every case, for example 256,128,32")
    size.add_argument("--spacing", type=triple(float), metavar="S,A,R", help="mm, for example 1,1,3")


def triple(kind: Callable) -> Callable[[str], tuple]:
    """Reads ``a,b,c`` of a kind, all above 0."""

    def read(text: str) -> tuple:
        values = tuple(kind(part) for part in text.split(","))
        if len(values) != 3 or not all(0 < value < np.inf for value in values):
            raise ValueError
        return values

    read.__name__ = "three numbers above 0"
    return read


def _series(text: str) -> tuple[str, ...]:
    wanted = tuple(part.strip().lower() for part in text.split(","))
    if set(wanted) - set(SERIES):
        raise argparse.ArgumentTypeError(f"'{text}' is not made of {', '.join(SERIES)}")
    return wanted


def plan(options: argparse.Namespace) -> Plan:
    problems: list[str] = []
    images, masks = (_files(options.source, kind, problems) for kind in ("images", "masks"))
    labels = values_of("spine", ("vertebra", "disc", "canal") + ((IGNORE,) if options.partial == "ignore" else ()))
    cases = []
    for key in sorted(images.keys() | masks.keys()):
        patient, series = key
        if series not in options.series:
            continue
        if key not in images:
            problems.append(f"masks/{masks[key].name} has no image of that name; the series is passed over.")
        elif key not in masks:
            problems.append(f"images/{images[key].name} has no mask of that name; the series is passed over.")
        else:
            group, files = f"spider_{patient:03d}", (images[key], masks[key])
            cases.append(PlannedCase(f"{group}_{series}", files, partial(load, *files, labels, options), group))
    return Plan("spine", ("image",), labels, sorted(cases, key=lambda case: case.name), problems)


def _files(source: Path, kind: str, problems: list[str]) -> dict[tuple[int, str], Path]:
    """A folder's files by patient and series."""
    folder, found = source / kind, {}
    if not folder.is_dir():
        raise InputError(f"'{source}' has no folder '{kind}'; give the folder that holds SPIDER's images and masks.")
    for path in sorted(folder.glob("[!.]*")):
        match = NAME.fullmatch(path.name)
        if match is None:
            if path.suffix.lower() == ".mha":
                problems.append(f"{kind}/{path.name} is not named like 12_t1.mha, 12_t2.mha or 12_t2_SPACE.mha; it is passed over.")
            continue
        key = int(match[1]), match[2].lower()
        if key in found:
            problems.append(f"{kind}/{path.name} and {found[key].name} are the same series; the first is passed over.")
        found[key] = path
    return found


def load(image: Path, mask: Path, labels: dict[str, int], options: argparse.Namespace) -> LoadedCase:
    """One series, cleaned, its labels by class."""
    names = {"image": f"images/{image.name}", "label": f"masks/{mask.name}"}
    scan, instances = read_volume(image), whole(read_volume(mask), mask.name)
    require_one_grid([(names["image"], scan), (names["label"], instances)])
    if not instances.voxels.any():
        raise LeftOut(f"masks/{mask.name} is empty.")
    cleaned, notes = without_fragments(instances)
    classes, lacking = mapped(cleaned, _table(labels, options.partial))
    notes += told(lacking, NOT_KNOWN)
    if not np.any(classes.voxels == labels["vertebra"]):
        raise LeftOut(f"masks/{mask.name} has no vertebra.")
    case = LoadedCase({"image": scan}, classes, notes, names)
    if options.crop_non_spinal:
        case = cropped(case)
    if options.resize or options.spacing:
        grid = case.labels.grid
        case = onto(case, of_size(grid, options.resize) if options.resize else of_spacing(grid, options.spacing))
    return replace(case, scans={"image": scaled(case.scans["image"], options.scale)})


def _table(labels: dict[str, int], partly: str) -> dict[int, int]:
    return {
        0: 0,
        **dict.fromkeys(range(1, 26), labels["vertebra"]),
        CANAL: labels["canal"],
        **dict.fromkeys(PARTIAL, labels[partly]),
        **dict.fromkeys(range(201, 226), labels["disc"]),
    }


def scaled(scan: Volume, how: str) -> Volume:
    """Intensities from 0 to 1 (``minmax``), of mean 0 and deviation 1 (``zscore``) or as they are (``none``)."""
    if how == "none":
        return scan
    values = scan.voxels.astype(np.float64)
    offset, unit = (values.min(), np.ptp(values)) if how == "minmax" else (values.mean(), values.std())
    return Volume(((values - offset) / max(unit, 1e-12)).astype(np.float32), scan.ijk_to_ras)
