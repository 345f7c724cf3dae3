"""Brings the deep nuclei's atlas into the labeled heads and keeps the result for training.

    python Resources/Training/prepare_nuclei.py --label-maps ../shared/data/subcortical/label_maps

The folder holds ``training_seg_NN.nii.gz`` (SynthSeg's, with FreeSurfer's numbers) and ``zonabb_mni152_2009b_asym.nii.gz``. Beside them 25
people's deep structures are made into heads, if ``--people`` is there (``packed/shapes/hoa2_subcortical.npz``), as numbers 21 to 45.
Writes ``runs/nuclei_heads``: ``deep_NN.npz`` (a box around the deep nuclei at 0.8 mm in the locator's frame: FreeSurfer's
labels, and the atlas's small nuclei as a layer of its own) and ``whole_NN.npz`` (2 mm); prints the mean places of the
locator's landmarks in the atlas's space.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from neurospineseg.errors import InputError
from neurospineseg.geometry.grid import Grid, covering_grid
from neurospineseg.geometry.resample import resample
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.inference.head_pose import fit_pose, region_center
from Training.datasets.real_data import DATA
from Training.synthetic.brain.shapes import tube
from Training.synthetic.nuclei.heads import BRAINSTEM, CACHE, HELD_OUT, LANDMARKS, NUCLEI, PEDUNCLE, RIGHT, VENTRAL_DC, Head, combined
from Training.synthetic.nuclei.people import FIRST_NUMBER, amid, people
from Training.synthetic.nuclei.registration import Deformation, centroid, sample_at, through, voxel_centers
from Training.training.program import run_program

DEEP_MM, DEEP_SPACING = (116.0, 124.0, 108.0), 0.8
PEDUNCLE_PATH = np.array([(17.5, -9, -3, 4.5), (14.5, -15, -10.5, 4.5), (11.5, -18.5, -18, 4.5), (8, -21, -27, 5)])
"""The right cerebral peduncle: R, A, S in the atlas's space and radius, mm."""
ATLAS_NUCLEI = {"red_nucleus": (1, 2), "substantia_nigra": (3, 4), "subthalamic_nucleus": (5, 6), "zona_incerta": (23, 24)}
ATLAS_PALLIDUM = {"globus_pallidus_externus": (11, 12), "globus_pallidus_internus": (13, 14)}


def nearest(volume: Volume, grid: Grid) -> np.ndarray:
    """A label map on another grid, uint16."""
    return (
        resample(torch.from_numpy(volume.voxels.astype(np.float32))[None], volume.grid, grid, mode="nearest")[0].numpy().astype(np.uint16)
    )


def smooth_labels(volume: Volume, grid: Grid) -> np.ndarray:
    """A label map on a finer grid, each label smoothed by about its voxel and the largest taken."""
    part = volume.grid.crop(*volume.grid.index_box(grid.corners()))
    values = nearest(volume, part)
    best = torch.zeros(grid.shape)
    labels = np.zeros(grid.shape, np.uint16)
    for value in np.unique(values):
        share = torch.from_numpy(ndimage.gaussian_filter((values == value).astype(np.float32), 0.6))
        share = resample(share[None], part, grid)[0]
        labels[(share > best).numpy()] = value
        best = torch.maximum(best, share)
    return labels


def with_layers(labels: np.ndarray, grid: Grid, atlas: Volume, deformation: Deformation) -> tuple[np.ndarray, np.ndarray]:
    """Labels (K, J, I) of a head with the pallidum split and the peduncle marked, and the atlas's small nuclei, uint16 (K, J, I)."""
    ras = deformation(voxel_centers(grid.shape, grid.affine))
    ijk = through(atlas.affine.inverse, ras)

    def share(value: int) -> np.ndarray:
        mask = ndimage.gaussian_filter((atlas.voxels == value).astype(np.float32), 0.6)
        return sample_at(torch.from_numpy(mask)[None], ijk)[0].numpy()

    nuclei, best = np.zeros(grid.shape, np.uint16), np.full(grid.shape, 0.42, np.float32)
    for name, sides in ATLAS_NUCLEI.items():
        for side, value in enumerate(sides):
            found = share(value)
            nuclei[found > best] = NUCLEI[name][side]
            best = np.maximum(best, found)
    result = labels.copy()
    for side, pallidum in enumerate((13, 52)):
        outer, inner = (ndimage.gaussian_filter(share(ATLAS_PALLIDUM[name][side]), 2.0) for name in ATLAS_PALLIDUM)
        here = labels == pallidum
        for name, wins in zip(ATLAS_PALLIDUM, (outer >= inner, outer < inner)):
            result[here & wins] = NUCLEI[name][side]
    x, y, z = ras.numpy().transpose(3, 0, 1, 2)
    inside = (tube((np.abs(x), y, z), PEDUNCLE_PATH) > 0) & np.isin(labels, (*VENTRAL_DC, BRAINSTEM))
    result[inside] = np.where(x[inside] < 0, PEDUNCLE, PEDUNCLE + RIGHT)
    return result, nuclei


def prepare(file: Path, atlas: Volume, coarse_atlas: tuple[np.ndarray, Grid]) -> np.ndarray:
    """Writes one head's deep box and whole; returns the landmarks' places in atlas space, (len(LANDMARKS), 2, 3)."""
    number = int(file.name.removesuffix(".nii.gz")[-2:])
    head = read_volume(file)
    head = Volume(np.round(head.voxels).astype(np.uint16), head.ijk_to_ras)
    write_whole(head, number)
    return write_deep(head, number, atlas, coarse_atlas)


def write_whole(head: Volume, number: int) -> None:
    """A head's label map at 2 mm, cut to its labels."""
    whole = covering_grid(head.grid, np.full(3, 2.0))
    labels = nearest(head, whole)
    start, stop = whole.index_box(voxel_centers(whole.shape, whole.affine)[torch.from_numpy(labels > 0)].numpy())
    cropped = whole.crop(start, stop)
    np.savez_compressed(CACHE / f"whole_{number:02d}.npz", labels=labels[tuple(map(slice, start, stop))], ijk_to_ras=cropped.ijk_to_ras)


def write_deep(head: Volume, number: int, atlas: Volume, coarse_atlas: tuple[np.ndarray, Grid], other: Path | None = None) -> np.ndarray:
    """The box around the deep nuclei of a head, with the atlas's nuclei; returns the landmarks' places in atlas space, (len(LANDMARKS), 2, 3).

    Args:
        other: the box of another head, whose tissue is taken where this one says nothing.
    """
    places = {
        f"{side}_{name}": centroid(head.voxels, head.ijk_to_ras, values)
        for name, sides in LANDMARKS.items()
        for side, values in zip(("left", "right"), sides)
    }
    deep = Grid.canonical(np.mean(list(places.values()), 0), (96, 120, 96), (2, 2, 2))
    deformation = Deformation(nearest(head, deep), deep.ijk_to_ras, coarse_atlas[0], coarse_atlas[1].ijk_to_ras)
    pose = fit_pose(places)
    box = Grid.canonical(region_center(pose), np.array(DEEP_MM), np.full(3, DEEP_SPACING), pose.axes)
    labels, nuclei = with_layers(smooth_labels(head, box), box, atlas, deformation)
    if other is not None:
        with np.load(other) as stored:
            labels = amid(labels, stored["labels"], float(stored["scale"]) / pose.scale)
    np.savez_compressed(CACHE / f"deep_{number:02d}.npz", labels=labels, nuclei=nuclei, ijk_to_ras=box.ijk_to_ras, scale=pose.scale)
    final = combined(Head(torch.from_numpy(labels.astype(np.int16)), box.ijk_to_ras, torch.from_numpy(nuclei.astype(np.int16)))).labels
    volumes = {name: tuple(int((final == value).sum() * DEEP_SPACING**3) for value in sides) for name, sides in NUCLEI.items()}
    print(number, f"loss {deformation.loss:.3f} scale {pose.scale:.3f} residual {pose.residual_mm:.1f} mm", volumes, flush=True)
    return np.array([[deformation.affine.apply(places[f"{side}_{name}"]) for side in ("left", "right")] for name in LANDMARKS])


def other_head(number: int) -> Path:
    """The box of a head whose tissue surrounds the structures of the person of this number: one after the other, none that is held out.

    Raises:
        InputError: none is prepared.
    """
    heads = [path for path in sorted(CACHE.glob("deep_*.npz")) if int(path.stem[-2:]) < min(FIRST_NUMBER, *HELD_OUT)]
    if not heads:
        raise InputError("People's structures need other heads around them; prepare heads 1 to 18 before them.")
    return heads[number % len(heads)]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--label-maps", type=Path, default=DATA / "subcortical" / "label_maps")
    made.add_argument(
        "--people", type=Path, default=DATA / "packed" / "shapes" / "hoa2_subcortical.npz", help="left out if it is not there"
    )
    made.add_argument("--heads", type=int, nargs="*", help="numbers of the heads and people to prepare; all without it")
    return made


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), prepare_heads, arguments)


def prepare_heads(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    CACHE.mkdir(parents=True, exist_ok=True)
    files = sorted(options.label_maps.glob("training_seg_[0-9][0-9].nii.gz"))
    if options.heads is not None:
        files = [file for file in files if int(file.name[13:15]) in options.heads]
    if not files and options.heads is None:
        raise InputError(f"'{options.label_maps}' holds no training_seg_NN.nii.gz that was asked for; give their folder with --label-maps.")
    atlas = read_volume(options.label_maps / "zonabb_mni152_2009b_asym.nii.gz")
    atlas = Volume(np.round(atlas.voxels).astype(np.uint16), atlas.ijk_to_ras)
    coarse = Grid.canonical((0, -8, -4), (120, 130, 110), (2, 2, 2))
    deep = Grid.canonical((0, -8, -4), (120, 130, 110), (0.5, 0.5, 0.5))
    atlas = Volume(nearest(atlas, deep), deep.ijk_to_ras)
    coarse_atlas = (nearest(atlas, coarse), coarse)
    found = [prepare(file, atlas, coarse_atlas) for file in files]
    for number, person in people(options.people) if options.people.exists() else ():
        if options.heads is None or number in options.heads:
            found.append(write_deep(person, number, atlas, coarse_atlas, other_head(number)))
    if not found:
        raise InputError(f"There is no head or person of the numbers {options.heads}; heads are 1 to 20, people 21 to 45.")
    for name, places, spread in zip(LANDMARKS, np.mean(found, 0), np.std(found, 0)):
        print(name, np.round(places, 1).tolist(), "deviation", np.round(spread, 1).tolist())


if __name__ == "__main__":
    sys.exit(main())
