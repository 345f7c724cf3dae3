"""NIfTI and Analyze files, through nibabel, because ITK refuses or straightens a sheared sform."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine

MM_PER_UNIT = {1: 1000.0, 3: 0.001}
"""By NIfTI's code of the unit of length: m and micrometers; all others count as mm."""
UNREADABLE = (
    nib.filebasedimages.ImageFileError,
    nib.spatialimages.HeaderDataError,
    EOFError,
    OSError,
    zlib.error,
    ValueError,
    KeyError,
)


@dataclass(frozen=True)
class NiftiFile:
    """What a file holds.

    Attributes:
        voxels: as stored, [k, j, i] or [t, k, j, i].
        slope, intercept: what makes gray values of them.
        spacing: mm along i, j, k, shape (3,).
    """

    path: Path
    image: Any
    voxels: np.ndarray
    slope: float
    intercept: float
    spacing: np.ndarray

    def ijk_to_ras(self, orientation: str | None, shape: tuple[int, ...]) -> np.ndarray:
        """4x4 in mm.

        Args:
            orientation: axis codes for a file that records none, around the middle of an array of ``shape`` (K, J, I).

        Raises:
            InputError: the file records no orientation and none is given, or the codes are none.
        """
        matrix = np.asarray(self.image.affine, float)
        if not self._records_orientation():
            if orientation is None:
                raise InputError(
                    f"'{self.path.name}' does not record which side is left; confirm its orientation with, for example, --orientation LAS."
                )
            matrix = affine_from_codes(orientation, shape, self.spacing).matrix
        header = self.image.header
        unit = MM_PER_UNIT.get(int(header["xyzt_units"]) % 8 if "xyzt_units" in header else 2, 1.0)
        return np.vstack([matrix[:3] * unit, [0, 0, 0, 1]])

    def _records_orientation(self) -> bool:
        header = self.image.header
        if "sform_code" in header:
            return int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0
        return self.path.with_suffix(".mat").is_file()


def read_nifti(path: Path) -> NiftiFile:
    """Reads NIfTI or Analyze.

    Raises:
        InputError: the file cannot be used; the message says why and what to do.
    """
    name = path.name
    try:
        image: Any = nib.load(path)
        spacing = _stated_spacing(image, name)
        array, slope, intercept = np.asanyarray(image.dataobj.get_unscaled()), image.dataobj.slope, image.dataobj.inter
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"'{name}' needs more memory than there is to read; its header may be damaged.") from error
    except UNREADABLE as error:
        raise InputError(f"'{name}' cannot be read as an image: it is truncated, damaged or not what its name says.") from error
    return NiftiFile(path, image, array.T, slope, intercept, spacing)


def _stated_spacing(image: Any, name: str) -> np.ndarray:
    """The spacing in the header, which nibabel would mend in silence; mm along i, j, k."""
    file = Path(image.file_map.get("header", image.file_map["image"]).filename)
    with nib.openers.Opener(str(file)) as stream:
        raw = type(image.header)(stream.read(image.header.sizeof_hdr), endianness=image.header.endianness, check=False)
    spacing = np.asarray(raw["pixdim"][1:4], float)
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        words = " x ".join(f"{value:g}" for value in spacing)
        raise InputError(f"'{name}' states a voxel spacing of {words} mm; it must be above zero, correct the file's header.")
    return spacing


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
