"""NIfTI and Analyze files, through nibabel, because ITK refuses or straightens a sheared sform."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import is_of_the_system, reading_failed
from neurospineseg.geometry.affine import Affine
from neurospineseg.images.data_files import check_promise, size_of
from neurospineseg.images.nifti_header import (
    agreed_affine,
    check_extensions,
    check_header,
    in_mm,
    raw_header,
    scaling,
    stated_spacing,
    unit_mm,
)

PARTS = (".hdr", ".img", ".mat")
"""Of an image in several files, which lie beside each other."""
LARGEST_MATRIX = 2**16
"""Bytes of the ``.mat`` beside an Analyze file, which holds one or two small matrices."""


@dataclass(frozen=True)
class NiftiFile:
    """What a file holds.

    Attributes:
        header: as it is stored, see ``raw_header``.
        affine: ijk to RAS as nibabel reads it, 4x4, in the header's unit.
        voxels: as stored, [k, j, i] or [t, k, j, i].
        slope, intercept: what makes gray values of them.
    """

    path: Path
    image: Any
    header: Any
    affine: np.ndarray
    voxels: np.ndarray
    slope: float
    intercept: float

    def place(self, orientation: str | None, shape: tuple[int, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
        """4x4, ijk to RAS mm, and sentences for the user.

        Args:
            orientation: axis codes for a file that records none, around the middle of an array of ``shape`` (K, J, I).

        Raises:
            InputError: the file records no orientation and none is given, or the codes are none.
        """
        unit = unit_mm(self.header)
        if self._records_orientation():
            return agreed_affine(self.path, self.header, in_mm(self.affine, unit))
        if orientation is None:
            raise InputError(
                f"'{self.path.name}' does not record which side is left; confirm its orientation with, for example, --orientation LAS."
            )
        return affine_from_codes(orientation, shape, stated_spacing(self.header) * unit).matrix, ()

    def _records_orientation(self) -> bool:
        header = self.image.header
        if "sform_code" in header:
            return int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0
        matrix = self.path.with_suffix(".mat")
        return matrix.is_file() and matrix.stat().st_size > 0


def read_nifti(path: Path) -> NiftiFile:
    """Reads NIfTI or Analyze.

    Raises:
        InputError: the file cannot be used; the message says why and what to do.
    """
    name = path.name
    try:
        _check_parts(path)
        check_extensions(path)
        image: Any = nib.load(path)
        header = raw_header(image)
        check_header(header, name)
        check_promise(image.shape, header.get_data_dtype().itemsize, Path(image.file_map["image"].filename).stat().st_size, name)
        array, affine = np.asanyarray(image.dataobj.get_unscaled()), np.asarray(image.affine, float)
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"'{name}' needs more memory than there is to read; its header may be damaged.") from error
    except Exception as error:  # nibabel, and scipy for the .mat beside a file, raise errors of many kinds on what is no image
        if isinstance(error, OSError) and is_of_the_system(error):
            raise reading_failed(error, name) from error
        raise InputError(f"'{name}' cannot be read as an image: it is truncated, damaged or not what its name says.") from error
    return NiftiFile(path, image, header, affine, array.T, *scaling(header))


def _check_parts(path: Path) -> None:
    """Raises InputError where a part of an image in several files is none that may be opened."""
    if path.suffix.lower() not in PARTS:
        return
    for part in (path.with_suffix(ending) for lower in PARTS for ending in (lower, lower.upper())):
        if os.path.lexists(part):
            size_of(part)
        if part.suffix.lower() == ".mat" and part.is_file() and part.stat().st_size > LARGEST_MATRIX:
            raise InputError(f"'{part.name}' beside the image is too large for a matrix; remove it and give --orientation.")


def affine_from_codes(codes: str, shape: tuple[int, ...], spacing: np.ndarray) -> Affine:
    """The axes that codes such as ``LAS`` name, 0 in the middle of an array of ``shape`` (K, J, I); ``spacing`` along i, j, k.

    Raises:
        InputError: the codes are no orientation.
    """
    codes = codes.upper()
    if len(codes) != 3 or any(len(set(codes) & set(pair)) != 1 for pair in ("LR", "AP", "SI")):
        raise InputError(f"'{codes}' is no orientation; give three letters such as LAS or RAS, one each of L/R, A/P and S/I.")
    orientation = nib.orientations.axcodes2ornt(tuple(codes))
    linear = np.zeros((3, 3))
    for axis, (target, sign) in enumerate(orientation):
        linear[int(target), axis] = sign * spacing[axis]
    return Affine.of(linear, -linear @ ((np.array(shape[::-1]) - 1) / 2))


def write_nifti(voxels: np.ndarray, ijk_to_ras: np.ndarray, path: Path) -> None:
    """Writes voxels (K, J, I) as ``.nii`` or ``.nii.gz``.

    Raises:
        OSError: the file cannot be written.
    """
    image = nib.Nifti1Image(voxels.T, ijk_to_ras)
    image.header.set_xyzt_units("mm")
    image.set_sform(ijk_to_ras, code=1)
    image.set_qform(ijk_to_ras, code=1, strip_shears=True)
    nib.save(image, path)
