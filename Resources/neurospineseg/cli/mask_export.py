"""Masks that lie in files, written for archives and other programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from neurospineseg.atomic_files import beside
from neurospineseg.cli.mask_file import named_segments, read_mask
from neurospineseg.cli.sidecar import read_sidecar
from neurospineseg.errors import InputError
from neurospineseg.exports.coded_segment import CodedSegment, Maker, of_file, of_structure
from neurospineseg.exports.dicom_source import dicom_source
from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.resample import resample
from neurospineseg.images.dicom_start import Reading
from neurospineseg.images.volume import Volume
from neurospineseg.pipeline.dicom_exports import write_dicom
from neurospineseg.tasks.task import task_named

SAME_MM = 0.01
LEAST_SHARE = 0.9
"""Of a segment's volume on other voxels; of less, what is lost is told."""


def coded_mask(path: Path, task: str | None) -> tuple[Volume, list[CodedSegment]]:
    """A mask and its segments with names and codes; those of a plain label map are the task's, where that is known.

    Raises:
        InputError: it cannot be read, is empty, or nothing says what its label values are.
    """
    labels, stated = read_mask(path)
    recorded, segments = named_segments(path, stated)
    known = recorded or task
    values = set(np.unique(labels.voxels).tolist()) - {0}
    if segments:
        coded = of_file(segments)
    elif known is not None:
        coded = [of_structure(structure) for structure in task_named(known).structures]
    else:
        raise InputError("The mask does not name its segments; say with --task which structures its label values are.")
    shown = [segment for segment in coded if segment.label in values]
    if not shown:
        raise InputError(f"The mask '{path.name}' holds no segment that has a name; there is nothing to write.")
    return labels, shown


def export_dicom(mask: Path, task: str | None, scan: Path, reading: Reading, files: Mapping[str, Path]) -> list[str]:
    """Writes a mask as objects for archives; returns sentences for the user.

    Args:
        scan: the DICOM images that it belongs to.
        files: by kind, see ``neurospineseg.pipeline.dicom_exports``.

    Raises:
        InputError: mask or images cannot be used.
    """
    labels, segments = coded_mask(mask, task)
    source = dicom_source(scan, reading)
    notes = list(labels.notes)
    if not labels.grid.same_as(source.grid, SAME_MM):
        labels, lost = _laid_on(labels, source.grid, segments)
        notes.append("The mask lies on other voxels than the DICOM images; each of their voxels got the segment that is nearest.")
        notes += lost
    write_dicom(files, labels, segments, source, maker_of(mask))
    return notes


def maker_of(mask: Path) -> Maker:
    """Who made a mask, by the record beside it; edited where the record is missing or the mask is newer."""
    record = read_sidecar(mask)
    if not record.get("model"):
        return Maker(edited=True)
    edited = mask.stat().st_mtime > beside(mask, ".json").stat().st_mtime
    return Maker(record["model"]["name"], record["model"]["version"], edited)


def _laid_on(labels: Volume, grid: Grid, segments: Sequence[CodedSegment]) -> tuple[Volume, list[str]]:
    """The mask on another grid, and a sentence for each segment of which much is not there any more.

    Raises:
        InputError: nothing of it lies there.
    """
    voxels = resample(labels.tensor[None].float(), labels.grid, grid, mode="nearest", fill=0.0)[0].numpy().astype(np.uint16)
    sizes = []
    for found, of in ((voxels, grid), (labels.voxels, labels.grid)):
        sizes.append(np.bincount(found.ravel(), minlength=2**16) * of.voxel_volume_ml)
    kept = [(segment.name, sizes[0][segment.label] / sizes[1][segment.label]) for segment in segments]
    if not any(share for _name, share in kept):
        raise InputError("Nothing of the mask lies where the DICOM images are; give the series that it was made of.")
    lost = [
        f"'{name}' lies beyond the DICOM images or between their voxels; it is not written."
        if not share
        else f"Only {share:.0%} of '{name}' lies on the DICOM images; the rest is not written."
        for name, share in kept
        if share < LEAST_SHARE
    ]
    return Volume(voxels, grid.affine), lost
