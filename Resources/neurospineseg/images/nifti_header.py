"""What a NIfTI or Analyze header says, and which of its contradicting statements count: those that 3D Slicer follows.

A NIfTI header states a scan's geometry up to three times: in the sform, in the qform, and the voxel size in ``pixdim``. Slicer (5.12)
reads them through ITK, which takes the size of a voxel from ``pixdim`` always and the axes from sform or qform by their codes
(``itkNiftiImageIO.cxx``, ``SetImageIOOrientationFromNIfTI``). A mask drawn by another reading would lie off the scan there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import LPS_AND_RAS, Affine
from neurospineseg.images.plain_path import plain_path

MM_PER_UNIT = {1: 1000.0, 3: 0.001}
"""By NIfTI's code of the unit of length: m and micrometers; all others count as mm."""
SAME = 1e-3
"""Relative difference of two spacings, and of voxels at a scan's far corner in voxels, that is rounding."""
FIRST_BYTE = 352
"""Where the voxels of a single-file NIfTI-1 begin at the earliest; 540 + 4 of a NIfTI-2."""
LAST_BYTE = 2**28
"""And at the latest, behind the header's extensions."""


def raw_header(image: Any) -> Any:
    """The header as it is stored; that of ``image`` was mended in silence by nibabel."""
    file = Path(image.file_map.get("header", image.file_map["image"]).filename)
    with nib.openers.Opener(str(file)) as stream:
        return type(image.header)(stream.read(image.header.sizeof_hdr), endianness=image.header.endianness, check=False)


def check_extensions(path: Path) -> None:
    """Raises InputError where the voxels begin so late that what lies before them, which nibabel keeps, would fill the memory."""
    with nib.openers.Opener(str(path)) as stream:
        start = stream.read(nib.Nifti2Header.sizeof_hdr)
    kind = next((kind for kind in (nib.Nifti1Header, nib.Nifti2Header) if kind.may_contain_header(start)), None)
    if kind is not None and not float(kind(start[: kind.sizeof_hdr], check=False)["vox_offset"]) <= LAST_BYTE:
        raise InputError(f"'{path.name}' cannot be read as an image: it is truncated, damaged or not what its name says.")


def check_header(header: Any, name: str) -> None:
    """Raises InputError where a header cannot be followed."""
    spacing = stated_spacing(header)
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise InputError(f"'{name}' states a voxel spacing of {words(spacing)} mm; it must be above zero, correct the file's header.")
    if "magic" not in header or bytes(header["magic"].item())[:2] != b"n+":
        return
    offset, first = float(header["vox_offset"]), 544 if int(header["sizeof_hdr"]) == 540 else FIRST_BYTE
    if not offset >= first:
        raise InputError(
            f"'{name}' states that its voxels begin at byte {offset:g} (vox_offset of its header), where the header itself lies, so that "
            f"Slicer reads them from another byte than other programs; set vox_offset to {first} or export the file again."
        )


def stated_spacing(header: Any) -> np.ndarray:
    """``pixdim`` along i, j, k, in the header's unit, shape (3,)."""
    return np.asarray(header["pixdim"][1:4], float)


def unit_mm(header: Any) -> float:
    """mm in a unit of length."""
    return MM_PER_UNIT.get(int(header["xyzt_units"]) % 8, 1.0) if "xyzt_units" in header else 1.0


def states_time(header: Any) -> bool:
    """Whether a header has a unit for its fourth axis, such as s or Hz."""
    return "xyzt_units" in header and int(header["xyzt_units"]) >= 8


def in_mm(matrix: np.ndarray, unit: float) -> np.ndarray:
    """A 4x4 of other units in mm."""
    return np.vstack([matrix[:3] * unit, [0, 0, 0, 1]])


def scaling(header: Any) -> tuple[float, float]:
    """Slope and intercept of the gray values. As for ITK, a slope of 0 or that is no number counts as 1, an intercept that is none as 0."""
    if "scl_slope" not in header:
        return 1.0, 0.0
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"]) if "scl_inter" in header else 0.0
    return slope if np.isfinite(slope) and slope else 1.0, intercept if np.isfinite(intercept) else 0.0


def agreed_affine(path: Path, header: Any, affine: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """What takes ijk to RAS mm in Slicer, 4x4, and a sentence where that is not ``affine``, nibabel's reading.

    A sheared sform, which Slicer does not read, is followed as it is.
    """
    if _says_one_thing(header, affine):
        return affine, ()
    slicers = _affine_of_itk(path)
    if slicers is None:
        return affine, ()
    extent = np.array([*header["dim"][1:4], 1.0])
    apart = float(np.abs((slicers - affine) @ extent)[:3].max())
    if apart <= SAME * float(Affine(slicers).spacing.min()):
        return affine, ()
    return slicers, (
        f"The file's header contradicts itself (sform, qform, pixdim): it is read as Slicer reads it, with {_reading(slicers)}; "
        f"the other reading, {_reading(affine)}, lies up to {apart:.3g} mm off.",
    )


def _says_one_thing(header: Any, affine: np.ndarray) -> bool:
    """Whether every reader must find ``affine``: orthogonal axes, voxels of the size of ``pixdim``, and no second form that differs."""
    given = Affine(affine)
    if "sform_code" not in header or not np.isfinite(affine).all():
        return True
    if not np.allclose(given.spacing, stated_spacing(header) * unit_mm(header), rtol=SAME):
        return False
    if not np.allclose(given.axes.T @ given.axes, np.eye(3), atol=SAME):
        return False
    if int(header["sform_code"]) <= 0 or int(header["qform_code"]) <= 0:
        return True
    try:
        second = in_mm(header.get_qform(), unit_mm(header))
    except (nib.spatialimages.HeaderDataError, ValueError):
        return False
    extent = np.array([*header["dim"][1:4], 1.0])
    return bool(np.abs((second - affine) @ extent)[:3].max() <= SAME * given.spacing.min())


def _affine_of_itk(path: Path) -> np.ndarray | None:
    """What ITK, and so Slicer, reads, 4x4 in RAS mm; None where it reads nothing."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("NiftiImageIO")
    with plain_path(path) as plain:
        reader.SetFileName(str(plain))
        try:
            reader.ReadImageInformation()
        except RuntimeError:
            return None
    count = reader.GetDimension()
    direction = np.array(reader.GetDirection()).reshape(count, count)[:3, :3]
    linear = direction * np.array(reader.GetSpacing())[:3]
    affine = LPS_AND_RAS @ Affine.of(linear, np.array(reader.GetOrigin())[:3]).matrix
    return affine if np.isfinite(affine).all() else None


def _reading(affine: np.ndarray) -> str:
    return f"voxels of {words(Affine(affine).spacing)} mm and {axis_codes(affine)} axes"


def axis_codes(affine: np.ndarray) -> str:
    """The directions in which i, j and k grow, such as ``LPS``; ``?`` for an axis without length."""
    return "".join(code or "?" for code in nib.aff2axcodes(affine))


def words(lengths: np.ndarray) -> str:
    """Three lengths as they are written."""
    return " x ".join(f"{value:.4g}" for value in lengths)
