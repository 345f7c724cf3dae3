"""The subthalamic nuclei of brain MR in plain Analyze pairs, a mask for each side.

    SOURCE/mri_crop/NAME.hdr NAME.img      crops of 120 x 120 x 120 voxels (or mri/, whole scans, with --crop 120)
    SOURCE/mask_left/NAME.hdr NAME.img     the same names
    SOURCE/mask_right/NAME.hdr NAME.img

Analyze does not record which side is left. --orientation says in which directions i, j and k grow (for example LAS), and
--sides whether mask_left is the patient's left (as-named) or right (swapped). Nothing is guessed: a case whose masks
contradict what was said is left out. Other formats that record their orientation need no --orientation.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume, read_volume
from Training.datasets.cropping import bounds, box_start, crop
from Training.datasets.preparing import LoadedCase, Plan, PlannedCase, require_one_grid
from Training.datasets.slices import write_slices

LABELS = {"background": 0, "left_subthalamic_nucleus": 1, "right_subthalamic_nucleus": 2}
ENDINGS = (".img", ".nii", ".nii.gz", ".nrrd", ".mha")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="folder with mri_crop (or mri), mask_left and mask_right")
    parser.add_argument("--sides", choices=("as-named", "swapped"), required=True, help="whether mask_left is the patient's left")
    parser.add_argument("--orientation", metavar="LAS", help="directions in which i, j and k grow, for files that do not record them")
    parser.add_argument("--crop", type=int, metavar="N", help="cut N x N x N voxels around both nuclei out of whole scans")
    parser.add_argument("--slices", type=Path, metavar="FOLDER", help="also write 2D slices of 40 x 40 as PNG files there")


def plan(options: argparse.Namespace) -> Plan:
    """Finds the cases.

    Raises:
        InputError: a folder is missing.
    """
    if options.crop is not None and options.crop < 2:
        raise InputError(f"--crop {options.crop} is no size; give a number of voxels such as 120.")
    kinds = {"image": next((name for name in ("mri_crop", "mri") if (options.source / name).is_dir()), "mri_crop")}
    kinds |= {"mask_left": "mask_left", "mask_right": "mask_right"}
    cases, problems, twice = [], [], set[str]()
    found = {role: _files(options.source / folder, twice, problems) for role, folder in kinds.items()}
    for name in sorted(set().union(*found.values()) - twice):
        missing = [kinds[role] for role in kinds if name not in found[role]]
        problems += [f"'{name}' is missing in '{folder}'; the case was left out." for folder in missing]
        if not missing:
            files = {role: found[role][name] for role in kinds}
            cases.append(PlannedCase(name.replace(" ", "_"), list(files.values()), partial(load, files, options)))
    finish = partial(write_slices, folder=options.slices) if options.slices else None
    return Plan("subcortical", ("image",), LABELS, cases, problems, finish=finish)


def _files(folder: Path, twice: set[str], problems: list[str]) -> dict[str, Path]:
    """A folder's files by name without ending; names that two of them have go into ``twice``."""
    if not folder.is_dir():
        raise InputError(f"'{folder}' is missing; give the folder that holds mri_crop (or mri), mask_left and mask_right.")
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("[!.]*")):
        name = next((path.name[: -len(ending)] for ending in ENDINGS if path.name.endswith(ending)), None)
        if name in found:
            twice.add(name)
            problems.append(
                f"'{found[name].name}' and '{path.name}' in '{folder.name}' are one case, which was left out; remove one of them."
            )
        elif name is not None:
            found[name] = path
    return found


def load(files: dict[str, Path], options: argparse.Namespace) -> LoadedCase:
    """Reads a case; both masks become one label map."""
    names = {role: f"{path.parent.name}/{path.name}" for role, path in files.items()}
    volumes = {role: read_volume(path, orientation=options.orientation) for role, path in files.items()}
    require_one_grid([(names[role], volume) for role, volume in volumes.items()])
    masks = {role: _mask(volumes[role], names[role]) for role in ("mask_left", "mask_right")}
    left, right = masks.values() if options.sides == "as-named" else list(masks.values())[::-1]
    if (left & right).any():
        raise InputError(
            f"'{names['mask_left']}' and '{names['mask_right']}' overlap in {(left & right).sum()} voxels; correct one of them."
        )
    image = volumes["image"]
    places = [image.grid.centroid(mask)[0] for mask in (left, right)]
    if places[0] >= places[1]:
        raise InputError(
            f"'{names['mask_left']}' and '{names['mask_right']}' lie on the wrong sides for --sides {options.sides} and the orientation "
            "of the scan; look at a case where the sides are known and correct one of the two."
        )
    labels = Volume(left.astype(np.uint8) + 2 * right.astype(np.uint8), image.ijk_to_ras)
    notes = [f"Read with --sides {options.sides}" + (f" and --orientation {options.orientation}." if options.orientation else ".")]
    if options.crop:
        size = (options.crop,) * 3
        start = box_start(labels.shape, size, *bounds(labels.voxels > 0))
        kept = crop(labels, start, size)
        if np.count_nonzero(kept.voxels) < np.count_nonzero(labels.voxels):
            notes.append(f"Part of a nucleus lies outside the {options.crop} voxels and was cut off.")
        image, labels = crop(image, start, size), kept
    return LoadedCase({"image": image}, labels, notes, {"image": names["image"], "label": names["mask_left"]})


def _mask(volume: Volume, name: str) -> np.ndarray:
    values = set(np.unique(volume.voxels).tolist())
    if len(values) != 2 or 0 not in values or not values <= {0, 1, 255}:
        listed = ", ".join(f"{value:g}" for value in sorted(values)[:4])
        raise InputError(f"'{name}' is no mask of 0 and 1 (or 255): it holds {listed}; check the file.")
    return volume.voxels > 0
