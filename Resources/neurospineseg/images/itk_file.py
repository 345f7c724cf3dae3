"""Files that SimpleITK reads and writes: NRRD and MetaImage. Kept apart, because SimpleITK takes a hundred megabytes to hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import reading_failed, writing_failed
from neurospineseg.geometry.affine import LPS_AND_RAS, Affine
from neurospineseg.images.data_files import check_promise
from neurospineseg.images.plain_path import is_utf_8, plain_path

BLOCK = 2**20
MOST_READ = 2**30
"""Bytes."""


def read_itk(path: Path, image_io: str, stored: int, unpacked: np.ndarray | None = None) -> tuple[np.ndarray, Affine]:
    """Voxels [k, j, i], or [t, k, j, i] where there are several volumes or components, and their ijk to RAS.

    Args:
        path: a file whose header was looked at: ITK trusts every word of it.
        image_io: ITK's name of the reader.
        stored: bytes of the files that hold the voxels.
        unpacked: the numbers in these, flat, where they were unpacked before.

    Raises:
        InputError: the file cannot be used; the message says why and what to do.
    """
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    name = path.name
    try:
        with plain_path(path) as plain:
            image = _described(plain, image_io, stored)
            array = sitk.GetArrayFromImage(image.Execute()) if unpacked is None else unpacked.reshape(_shape(image))
    except RuntimeError as error:
        reason = str(error).lower()
        if "determinant" in reason or "direction" in reason:
            raise InputError(f"'{name}' has a direction matrix that is singular or not a number; correct the file's header.") from error
        if "spacing" in reason:
            raise InputError(f"'{name}' states a voxel spacing that is zero or negative; correct the file's header.") from error
        _check_reading(path)
        if not is_utf_8(name):
            raise InputError(
                f"The name of '{name}' is not in UTF-8, so that it cannot be read with what lies beside it; rename it."
            ) from error
        raise InputError(f"'{name}' cannot be read as an image: it is truncated, damaged or not what its name says.") from error
    components = image.GetNumberOfComponents()
    if components in (3, 4) and array.dtype == np.uint8:
        raise InputError(f"'{name}' holds colors or records, not gray values; export a gray-scale volume.")
    if components > 1 and array.dtype.kind != "c":
        array = np.moveaxis(array, -1, 0)
    dimension = image.GetDimension()
    if dimension < 3:
        raise InputError(f"'{name}' is a single slice or a 2D image; a 3D volume is needed.")
    direction = np.array(image.GetDirection()).reshape(dimension, dimension)[:3, :3]
    return array, Affine.from_lps(direction, np.array(image.GetSpacing())[:3], np.array(image.GetOrigin())[:3])


def _described(path: Path, image_io: str, stored: int) -> sitk.ImageFileReader:
    reader = sitk.ImageFileReader()
    reader.SetImageIO(image_io)
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    check_promise(reader.GetSize(), reader.GetNumberOfComponents(), stored, path.name)
    return reader


def _shape(image: sitk.ImageFileReader) -> list[int]:
    components = image.GetNumberOfComponents()
    return [*image.GetSize()[::-1], *([components] if components > 1 else [])]


def write_itk(voxels: np.ndarray, ijk_to_ras: np.ndarray, path: Path) -> None:
    """Writes voxels (K, J, I) with compression.

    Raises:
        InputError: the file cannot be written.
    """
    to_lps = Affine(LPS_AND_RAS @ ijk_to_ras)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(to_lps.spacing.tolist())
    image.SetDirection(to_lps.axes.ravel().tolist())
    image.SetOrigin(to_lps.offset.tolist())
    plain = path if is_utf_8(path.name) else path.with_name(f"image{path.suffix}")
    try:
        plain.touch()
        with plain_path(plain) as linked:
            sitk.WriteImage(image, str(linked), useCompression=True)
        plain.rename(path)
    except RuntimeError as error:
        _check_writing(path)
        raise InputError(f"'{path.name}' cannot be written; check the folder and the free space.") from error


def _check_reading(path: Path) -> None:
    """Reads a file, at most ``MOST_READ``, since ITK does not say why it could not.

    Raises:
        FileError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            while file.tell() < MOST_READ and file.read(BLOCK):
                pass
    except OSError as error:
        raise reading_failed(error, path.name) from error


def _check_writing(path: Path) -> None:
    """Writes more into a file, since ITK does not say why it could not.

    Raises:
        FileError: it cannot be written.
    """
    try:
        with open(path, "ab") as file:
            file.write(bytes(BLOCK))
    except OSError as error:
        raise writing_failed(error, path.name) from error
