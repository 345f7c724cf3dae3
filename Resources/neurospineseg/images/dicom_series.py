"""Reads one DICOM series through GDCM."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine


def read_dicom(path: Path) -> tuple[np.ndarray, Affine]:
    """The series in a folder, or the series that a file belongs to.

    Returns:
        Voxels (K, J, I), rescaled (CT in HU), and their ijk to RAS.

    Raises:
        InputError: no DICOM there, several series in the folder, a slice missing, or a damaged file.
    """
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    files = _series_files(path)
    try:
        if len(files) == 1:
            image = sitk.ReadImage(files[0])
        else:
            reader = sitk.ImageSeriesReader()
            reader.SetFileNames(files)
            image = reader.Execute()
            _check_slice_positions(files)
    except RuntimeError as error:
        raise InputError(
            f"The DICOM series in '{path.name}' cannot be read: a file is truncated, damaged or compressed in a way that is not read."
        ) from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() > 1 or min(image.GetSize()) < 2:
        raise InputError(f"The DICOM series in '{path.name}' is not a gray-scale 3D volume; export the original slices.")
    direction = np.array(image.GetDirection()).reshape(3, 3)
    affine = Affine.from_lps(direction, np.array(image.GetSpacing()), np.array(image.GetOrigin()))
    return sitk.GetArrayFromImage(image), affine


def _series_files(path: Path) -> list[str]:
    folder = path if path.is_dir() else path.parent
    series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    groups = [list(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid)) for uid in series]
    if path.is_file():
        for files in groups:
            if any(Path(name).name == path.name for name in files):
                return files
        raise InputError(f"The file '{path.name}' is not an image that can be read; give NIfTI, NRRD, MHA/MHD, Analyze or DICOM.")
    if not groups:
        raise InputError(f"The folder '{path.name}' holds no DICOM series; give a folder of slices or an image file.")
    if len(groups) > 1:
        raise InputError(f"The folder '{path.name}' holds {len(groups)} DICOM series; name one file of the series that you want.")
    return groups[0]


def _check_slice_positions(files: list[str]) -> None:
    """Raises InputError where the distance between neighboring slices varies by over a tenth."""
    reader = sitk.ImageFileReader()
    positions, normal = [], None
    for name in files:
        reader.SetFileName(name)
        reader.ReadImageInformation()
        if not reader.HasMetaDataKey("0020|0032") or not reader.HasMetaDataKey("0020|0037"):
            return
        positions.append([float(v) for v in reader.GetMetaData("0020|0032").split("\\")])
        cosines = np.array([float(v) for v in reader.GetMetaData("0020|0037").split("\\")])
        normal = np.cross(cosines[:3], cosines[3:])
    steps = np.abs(np.diff(np.array(positions) @ normal))
    if steps.max() - steps.min() > 0.1 * np.median(steps) + 1e-3:
        raise InputError(
            f"The DICOM slices are unevenly spaced ({steps.min():.2f} to {steps.max():.2f} mm apart); a slice may be missing, export the series again."
        )
