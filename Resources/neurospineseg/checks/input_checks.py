"""Is this a scan that the model can work on? Repairs what is harmless, warns, or refuses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from neurospineseg.errors import InputError
from neurospineseg.geometry.agreement import dice
from neurospineseg.geometry.grid import Grid, covering_grid
from neurospineseg.geometry.resample import resample
from neurospineseg.images.intensity import quantile, subsample
from neurospineseg.images.volume import Volume
from neurospineseg.tasks.task import Task

REPAIRABLE_SHARE = 0.2
LEAST_SILHOUETTE_DICE = 0.96
"""Six pairs of contrasts known to lie on each other (two public data sets) reach 0.968 to 0.994; a shift of 3 mm
takes drawn heads to 0.95-0.97 and one of 6 mm to 0.92-0.95; scans of two frames of reference had 0.92 to 0.96."""


def repaired(volume: Volume, name: str) -> tuple[Volume, list[str]]:
    """The volume with every NaN or infinite voxel replaced by the lowest finite value, and warnings.

    Raises:
        InputError: over a fifth of the voxels are not numbers, or all finite voxels are equal.
    """
    warnings: list[str] = []
    voxels = volume.voxels
    if voxels.dtype.kind in "iu":
        low = float(voxels.min())
        if float(voxels.max()) == low:
            raise InputError(_constant(name, low))
        return volume, warnings
    finite = np.isfinite(voxels)
    share = 1.0 - finite.mean()
    if share > REPAIRABLE_SHARE:
        raise InputError(f"In {name}, {share:.0%} of the voxels are not numbers (NaN or infinity); export the scan again.")
    low = float(voxels.min(where=finite, initial=np.inf))
    if share > 0:
        count = int((~finite).sum())
        voxels = np.where(finite, voxels, np.float32(low))
        warnings.append(f"In {name}, {count} voxels ({share:.2%}) were not numbers (NaN or infinity); they were set to {low:g}.")
    if float(voxels.max()) == low:
        raise InputError(_constant(name, low))
    return Volume(voxels, volume.ijk_to_ras), warnings


def _constant(name: str, value: float) -> str:
    return f"Every voxel of {name} has the same value ({value:g}); check that the right image was given."


def check_field_of_view(volume: Volume, task: Task, name: str) -> None:
    """Raises InputError where the volume is too small to hold the anatomy, or larger than any scanner's."""
    extent = np.sort(volume.extent_mm)
    if (extent < np.array(task.least_extent_mm)).any():
        least = " x ".join(f"{length:.0f}" for length in task.least_extent_mm)
        raise InputError(
            f"The field of view of {name} is {_lengths(volume.extent_mm)} mm, too small to hold the anatomy (at least {least} mm); check the spacing or give a larger scan."
        )
    if (extent > np.array(task.greatest_extent_mm)).any():
        raise InputError(
            f"The field of view of {name} is {_lengths(volume.extent_mm)} mm, with voxels of {_lengths(volume.spacing)} mm: larger than a scanner's. "
            "Its header states a wrong spacing or unit (pixdim and xyzt_units in NIfTI, space directions and space units in NRRD, "
            "ElementSpacing in MetaImage, PixelSpacing in DICOM); correct that field."
        )


def _lengths(lengths: np.ndarray) -> str:
    return " x ".join(f"{length:.3g}" if length < 10 else f"{length:.0f}" for length in lengths)


def shared_field_of_view(reference: Grid, other: Grid) -> float:
    """Share of the reference's field of view, sampled at 32^3 places, that lies inside the other's."""
    steps = [(np.arange(32) + 0.5) / 32 * n - 0.5 for n in reference.shape[::-1]]
    ijk = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 3)
    place = (other.affine.inverse @ reference.affine).apply(ijk)
    upper = np.array(other.shape[::-1]) - 0.5
    return float(((place >= -0.5) & (place <= upper)).all(1).mean())


def _silhouette(volume: Volume, coarse: Grid) -> torch.Tensor:
    image = resample(volume.tensor[None], volume.grid, coarse, fill=float(volume.voxels.min()), antialias=False)[0]
    image = image - image.min()
    return image > 0.15 * quantile(subsample(image), 0.98)


def check_overlaps(scans: Mapping[str, Volume], reference_name: str) -> list[str]:
    """Warnings where a modality seems not to lie on the reference scan: of the bodies' silhouettes at 4 mm the Dice is low.

    Raises:
        InputError: one shares less than a tenth of the reference's field of view.
    """
    reference = scans[reference_name]
    others = {name: volume for name, volume in scans.items() if name != reference_name}
    if not others:
        return []
    coarse = covering_grid(reference.grid, np.full(3, 4.0))
    body, within = _silhouette(reference, coarse), torch.from_numpy(reference.grid.holds(coarse))
    warnings = []
    for name, other in others.items():
        share = shared_field_of_view(reference.grid, other.grid)
        if share < 0.1:
            raise InputError(
                f"The scans {reference_name} and {name} do not overlap in space ({share:.0%} of the field of view); check that they are of one patient and one session, or use --register."
            )
        if share < 0.8:
            warnings.append(f"The scan {name} covers only {share:.0%} of {reference_name}; outside it the model works without {name}.")
        shared = (within & torch.from_numpy(other.grid.holds(coarse))).numpy()
        here, there = body[shared].numpy(), _silhouette(other, coarse)[shared].numpy()
        alike = dice(here, there) if here.any() else 0.0
        if alike < LEAST_SILHOUETTE_DICE:
            warnings.append(
                f"The scan {name} seems not to lie on {reference_name} (silhouettes agree by {alike:.0%}); if that is so, use --register."
            )
    return warnings
