"""A scan in memory, read from and written to files of any kind. SimpleITK is imported when it is needed: it holds a hundred megabytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from neurospineseg.atomic_files import whole_file
from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import writing_failed
from neurospineseg.geometry.affine import Affine
from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.triple import triple
from neurospineseg.images.data_files import size_of
from neurospineseg.images.dicom_start import Reading, begins_like_dicom
from neurospineseg.images.nifti_file import affine_from_codes, read_nifti, write_nifti
from neurospineseg.images.nifti_header import axis_codes, states_time
from neurospineseg.images.scan_names import scan_in
from neurospineseg.images.voxel_axes import one_volume

NIFTI_ENDINGS = (".nii", ".nii.gz", ".hdr", ".img")
ITK_ENDINGS = (".nrrd", ".nhdr", ".mha", ".mhd")
META_IMAGE = {".mha": "MetaImageIO", ".mhd": "MetaImageIO"}
"""ITK's reader of the endings that it knows in small letters only."""
KEPT = (np.uint8, np.int8, np.int16, np.uint16)
"""Types of voxel that take less room than float32 and hold the same numbers."""
LABEL_MAP_ENDINGS = (".nii", ".nii.gz", ".nrrd", ".mha")


@dataclass(frozen=True, init=False, eq=False)
class Volume:
    """Voxels and where they lie.

    Attributes:
        voxels: array (K, J, I).
        grid: of the voxels.
        notes: sentences for the user on how it was read; they name no file and no patient.

    >>> scan = Volume(np.zeros((20, 256, 256), np.int16), np.diag([0.9, 0.9, 5.0, 1.0]))
    >>> scan.shape, scan.spacing.tolist(), scan.grid.corners()[0].tolist()
    ((20, 256, 256), [0.9, 0.9, 5.0], [-0.45, -0.45, -2.5])
    """

    voxels: np.ndarray
    grid: Grid
    notes: tuple[str, ...]

    def __init__(self, voxels: np.ndarray, ijk_to_ras: np.ndarray | Affine, notes: Sequence[str] = ()) -> None:
        """Of an array (K, J, I) and what takes (i, j, k) to RAS mm, an ``Affine`` or 4x4 between homogeneous columns.

        Raises:
            InputError: the matrix holds NaN or is singular, or the array is not 3D.
        """
        if voxels.ndim != 3 or 0 in voxels.shape:
            raise InputError(f"The image has {voxels.ndim} dimensions of sizes {voxels.shape}; a 3D volume is needed.")
        object.__setattr__(self, "voxels", voxels)
        object.__setattr__(self, "grid", Grid(triple(int(n) for n in voxels.shape), Affine.checked(ijk_to_ras)))
        object.__setattr__(self, "notes", tuple(notes))

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.grid.shape

    @property
    def affine(self) -> Affine:
        """From (i, j, k) to RAS mm; any orientation, shear or handedness."""
        return self.grid.affine

    @property
    def ijk_to_ras(self) -> np.ndarray:
        """4x4 float64, homogeneous (i, j, k) to RAS mm."""
        return self.grid.ijk_to_ras

    @property
    def spacing(self) -> np.ndarray:
        """Voxel size along i, j, k in mm, shape (3,)."""
        return self.grid.spacing

    @cached_property
    def background(self) -> float:
        """The value that fills the volume's faces most often, see ``neurospineseg.images.intensity.background_value``."""
        from neurospineseg.images.intensity import background_value

        return background_value(self.tensor)

    @property
    def tensor(self):
        """The voxels as a ``torch.Tensor`` (K, J, I): of their own type and memory where they are of a kind kept, else float32."""
        import torch

        kept = self.voxels.dtype in (*KEPT, np.float32)
        return torch.from_numpy(np.ascontiguousarray(self.voxels, dtype=self.voxels.dtype if kept else np.float32))

    @property
    def extent_mm(self) -> np.ndarray:
        """Length of the volume along i, j, k in mm, shape (3,)."""
        return self.grid.size_mm


def _ending(path: Path) -> str:
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def is_dicom(path: Path) -> bool:
    """Whether a scan lies in DICOM images.

    Raises:
        InputError: it cannot be opened.
    """
    if path.is_dir():
        path = scan_in(path)
    return path.is_dir() or begins_like_dicom(path)


def read_volume(
    path: str | Path,
    *,
    frame: int | None = None,
    orientation: str | None = None,
    spacing: Sequence[float] | None = None,
    volume: str | None = None,
    compact: bool = False,
) -> Volume:
    """Reads a scan from a file or a folder with DICOM images.

    Args:
        path: NIfTI, NRRD, MetaImage or Analyze file, a DICOM file (the volume it belongs to is read) or a folder of such, or a folder with
            one file of the other kinds.
        frame: which volume of a 4D file, counted from 0.
        orientation: axis codes such as ``"LAS"`` (the directions in which i, j, k grow) for a file that records none (plain Analyze,
            NIfTI with neither qform nor sform, NRRD or MetaImage without a patient's space, DICOM without positions).
        spacing: mm along i, j, k, for DICOM images that do not record it.
        volume: the name of one of several volumes among DICOM images, such as ``"series=4,echo=2"``; an error that asks for it lists the names.
        compact: whether whole numbers of 8 or 16 bits stay such, in half of the memory.

    Returns:
        The scan with float32 voxels (CT in HU), or as ``compact`` says.

    Raises:
        InputError: the file cannot be used; the message says why and what to do.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_volume(Volume(np.ones((4, 5, 6), np.int16), np.eye(4)), f"{folder}/scan.nii.gz")
    ...     scan = read_volume(f"{folder}/scan.nii.gz", compact=True)
    >>> scan.shape, scan.voxels.dtype.name
    ((4, 5, 6), 'int16')
    """
    path = Path(path)
    size = size_of(path)
    if path.is_dir():
        path = scan_in(path)
    if path.is_dir() or begins_like_dicom(path):
        return _read_dicom(path, compact, Reading(volume, frame, orientation, spacing))
    if size == 0:
        raise InputError(f"The file '{path.name}' is empty; copy or export it again.")
    ending = _ending(path)
    if ending in NIFTI_ENDINGS:
        return _read_nifti(path, frame, orientation, compact)
    if ending in ITK_ENDINGS:
        return _read_itk(path, frame, orientation, compact)
    if ending in (".dcm", ".ima", ""):
        raise InputError(f"'{path.name}' is not an image that can be read: it is truncated, damaged or not what its name says.")
    raise InputError(f"The file '{path.name}' is of a kind that is not read; give NIfTI, NRRD, MHA/MHD, Analyze or DICOM.")


def _gray(array: np.ndarray, name: str, compact: bool, slope: float = 1.0, intercept: float = 0.0) -> np.ndarray:
    """The array times ``slope`` plus ``intercept`` as float32, or as it is where it is of a type of ``KEPT`` and not scaled."""
    if array.dtype.kind == "c":
        raise InputError(f"'{name}' holds complex numbers; export the magnitude image.")
    if array.dtype.kind not in "buif":
        raise InputError(f"'{name}' holds colors or records, not gray values; export a gray-scale volume.")
    native = array.dtype.newbyteorder("=")
    if (slope, intercept) == (1.0, 0.0):
        return np.ascontiguousarray(array, native if compact and native in KEPT else np.float32)
    scaled = np.empty(array.shape, np.float32)
    for gray, layer in zip(scaled, array):
        gray[:] = layer.astype(np.float64) * slope + intercept
    return scaled


def _read_nifti(path: Path, frame: int | None, orientation: str | None, compact: bool) -> Volume:
    file = read_nifti(path)
    array, notes = one_volume(file.voxels, frame, path.name, drop_first=not states_time(file.header))
    voxels = _gray(array, path.name, compact, file.slope, file.intercept)
    matrix, more = file.place(orientation, voxels.shape)
    return Volume(voxels, matrix, (*notes, *more))


def _read_dicom(path: Path, compact: bool, reading: Reading) -> Volume:
    from neurospineseg.images.dicom_series import read_dicom

    found = read_dicom(path, reading)
    return Volume(_gray(found.voxels, path.name, compact), found.affine, found.notes)


def _read_itk(path: Path, frame: int | None, orientation: str | None, compact: bool) -> Volume:
    if _ending(path) in META_IMAGE:
        from neurospineseg.images.itk_file import read_itk
        from neurospineseg.images.meta_image_header import meta_image_header

        header = meta_image_header(path)
        unpacked = header.unpacked()
        array, affine = read_itk(path, META_IMAGE[_ending(path)], header.stored, unpacked)
        recorded = header.records_orientation
    else:
        from neurospineseg.images.nrrd_file import read_nrrd

        array, affine, recorded = read_nrrd(path)
    voxels = _gray(one_volume(array, frame, path.name)[0], path.name, compact)
    if recorded:
        return Volume(voxels, affine)
    if orientation is not None:
        return Volume(voxels, affine_from_codes(orientation, voxels.shape, affine.spacing))
    return Volume(voxels, affine, (_assumed(affine),))


def _assumed(affine: Affine) -> str:
    return (
        f"The file does not record which side is left; it is read as Slicer reads it, {axis_codes(affine.matrix)}. "
        "Compare the sides, and give --orientation where that is wrong."
    )


def write_volume(volume: Volume, path: str | Path) -> None:
    """Writes a scan or a label map as ``.nii``, ``.nii.gz``, ``.nrrd`` or ``.mha``, under a temporary name first.

    Raises:
        InputError: the name's ending is of none of these kinds, or the file cannot be written.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_volume(Volume(np.ones((4, 5, 6), np.uint16), np.eye(4)), f"{folder}/mask.nii.gz")
    ...     [path.name for path in Path(folder).iterdir()]
    ['mask.nii.gz']
    """
    path = Path(path)
    if _ending(path) not in LABEL_MAP_ENDINGS:
        raise InputError(f"'{path.name}' cannot be written; its name must end in {', '.join(LABEL_MAP_ENDINGS)}.")
    try:
        with whole_file(path) as new:
            _write(volume, new)
    except OSError as error:
        raise writing_failed(error, path) from error


def _write(volume: Volume, path: Path) -> None:
    if _ending(path) in (".nii", ".nii.gz"):
        write_nifti(volume.voxels, volume.ijk_to_ras, path)
    elif _ending(path) == ".nrrd":
        from neurospineseg.images.nrrd_file import write_nrrd

        write_nrrd(volume.voxels, volume.ijk_to_ras, path, {})
    else:
        from neurospineseg.images.itk_file import write_itk

        write_itk(volume.voxels, volume.ijk_to_ras, path)
