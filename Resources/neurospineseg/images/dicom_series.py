"""Reads one volume out of DICOM files: finds it among the series, stacks, echoes and phases there, and says what was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.images.dicom_choice import Candidate, chosen_stack
from neurospineseg.images.dicom_files import DicomFiles, find_dicom
from neurospineseg.images.dicom_frames import Frame, Series, frames_of
from neurospineseg.images.dicom_geometry import placed_affine, stated_affine
from neurospineseg.images.dicom_pixels import DicomPixels, gray_values
from neurospineseg.images.dicom_stacks import Stack, stacks_of
from neurospineseg.images.dicom_start import AS_RECORDED, Reading, is_one_image


@dataclass(frozen=True)
class DicomVolume:
    """What was read.

    Attributes:
        voxels: [k, j, i], rescaled (CT in HU); int16, uint16 or float32.
        affine: ijk to RAS.
        notes: sentences on what was left out.
        frames: the image of each k.
    """

    voxels: np.ndarray
    affine: Affine
    notes: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()


def read_dicom(path: Path, reading: Reading = AS_RECORDED) -> DicomVolume:
    """The volume in a folder and the folders in it, or the one that a file belongs to.

    Raises:
        InputError: no volume is there, several are and none is chosen, a slice is missing, its place or voxels cannot be read.
    """
    pixels = DicomPixels()
    files = find_dicom(path)
    by_series = _gray_frames(path, files)
    lost = {series: [frame for frame in frames if frame.cut] for series, frames in by_series.items()}
    candidates, repeated = [], {}
    for series, frames in by_series.items():
        stacks, repeated[series] = stacks_of([frame for frame in frames if not frame.cut], pixels.digest)
        candidates += [Candidate(series, stack) for stack in stacks]
    if not any(len(candidate.stack) > 1 for candidate in candidates):
        raise InputError(_no_volume(path, candidates, [*files.damaged, *(frame.path for frames in lost.values() for frame in frames)]))
    chosen, notes = chosen_stack(candidates, path, reading.volume, reading.frame)
    volume = _read_stack(chosen.stack, pixels, reading, path, [*files.damaged, *(frame.path for frame in lost[chosen.series])])
    if repeated[chosen.series]:
        notes.append(f"{_slices(repeated[chosen.series])} of the DICOM series were there twice; the copies were left out.")
    return DicomVolume(volume.voxels, volume.affine, (*notes, *volume.notes), volume.frames)


def _slices(count: int) -> str:
    return "1 slice" if count == 1 else f"{count} slices"


def _gray_frames(path: Path, files: DicomFiles) -> Mapping[Series, list[Frame]]:
    """The gray images by series; those of the file's own series where ``path`` is a file.

    Raises:
        InputError: there are none.
    """
    name = path.name
    headers = files.headers
    if is_one_image(path):
        own = [header for header in headers if header.path == path]
        if not own:
            raise InputError(f"'{name}' cannot be read as an image: it is truncated, damaged or not what its name says.")
        headers = [each for each in headers if each.dataset.get("SeriesInstanceUID") == own[0].dataset.get("SeriesInstanceUID")]
    found: dict[Series, list[Frame]] = {}
    for header in headers:
        try:
            frames = frames_of(header)
        except Exception:  # pydicom decodes what lies in sequences only now
            files.damaged.append(header.path)
            continue
        for frame in frames:
            found.setdefault(frame.series, []).append(frame)
    if not found and files.damaged:
        raise InputError(f"None of the {len(files.damaged)} DICOM files in '{name}' can be read; copy or export the series again.")
    if not found:
        raise InputError(f"The folder '{name}' holds no DICOM series; give a folder of slices or an image file.")
    gray = {series: kept for series, frames in found.items() if (kept := [frame for frame in frames if not frame.form[3]])}
    if not gray:
        raise InputError(f"The DICOM images in '{name}' hold colors, not gray values; export the original slices.")
    return gray


def _no_volume(path: Path, candidates: Sequence[Candidate], damaged: Sequence[Path]) -> str:
    """Why no two images make a volume."""
    name = path.name
    if damaged:
        return f"{len(damaged)} of the DICOM files in '{name}' are cut or damaged ('{damaged[0].name}'), and what is left makes no volume; copy or export the series again."
    if len(candidates) > 1:
        return f"The {len(candidates)} DICOM slices in '{name}' lie in {len(candidates)} different ways, no two parallel; a 3D volume is needed."
    return f"The DICOM series in '{name}' is a single slice or a 2D image; a 3D volume is needed."


def _read_stack(stack: Stack, pixels: DicomPixels, reading: Reading, path: Path, lost: Sequence[Path]) -> DicomVolume:
    """The voxels and the affine of a stack, without frames that cannot be read where the others lie in an even row.

    Args:
        lost: files that could not be read before.
    """
    if any("MOSAIC" in str(frame.traits["type"]) for frame in stack.frames):
        raise InputError(
            f"The images in '{path.name}' are mosaics, many slices side by side in one; convert them to single slices first, e.g. with dcm2niix."
        )
    affine = _affine(stack, reading, path, lost)
    voxels, damaged = gray_values(stack.frames, pixels)
    frames = stack.frames
    if damaged:
        lost = [*lost, *(frame.path for frame in damaged)]
        kept = [k for k, frame in enumerate(stack.frames) if frame not in damaged]
        if len(kept) < 2:
            raise InputError(_no_volume(path, (), lost))
        affine, voxels = _affine(stack.without(damaged), reading, path, lost), voxels[kept]
        frames = stack.without(damaged).frames
    notes = (f"{len(lost)} of the DICOM files are cut or damaged and were left out; the scan ends where they begin.",) if lost else ()
    return DicomVolume(voxels, affine, notes, frames)


def _affine(stack: Stack, reading: Reading, path: Path, lost: Sequence[Path]) -> Affine:
    """Ijk to RAS of a stack.

    Raises:
        InputError: its slices do not lie in an even row; those that are lost are named too.
    """
    if not stack.placed:
        if lost:
            raise InputError(_no_volume(path, (), lost))
        return stated_affine(stack, reading.orientation, reading.spacing, path.name)
    try:
        return placed_affine(stack, reading.spacing, path.name)
    except InputError as error:
        if not lost:
            raise
        raise InputError(f"{len(lost)} of the DICOM files are cut or damaged ('{lost[0].name}'), and without them: {error}") from error
