"""Voxels of DICOM images: pydicom reads what is stored as it is or in runs (RLE), GDCM in SimpleITK what is packed otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import is_of_the_system, reading_failed
from neurospineseg.images.dicom_frames import Frame

MOST_VOXELS = 2**31
SHAPE_OF_PIXELS = "Rows Columns BitsAllocated BitsStored HighBit PixelRepresentation".split()


class DamagedFrame(Exception):
    """The voxels of a frame cannot be had from its file."""


class UnreadSyntax(InputError):
    """Voxels are packed in a way that nothing here unpacks."""


class DicomPixels:
    """Reads frames; keeps the last file of many frames, since the next frame is mostly of the same."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._dataset: Any = None
        self._unpacked: np.ndarray | None = None

    def stored(self, frame: Frame) -> np.ndarray:
        """Stored values (J, I), those of MONOCHROME1 turned where they are no CT, so that dark is low.

        Raises:
            DamagedFrame: they cannot be read.
            UnreadSyntax: they are packed in a way that is not read.
        """
        if frame.cut:
            raise DamagedFrame
        try:
            self._open(frame.path)
            values = self._unpacked[frame.index] if self._unpacked is not None else pixel_array(self._dataset, index=frame.index, raw=True)
        except InputError:
            raise
        except Exception as error:  # pydicom raises errors of many kinds on what is no DICOM
            if isinstance(error, OSError) and is_of_the_system(error):
                raise reading_failed(error, frame.path.name) from error
            raise DamagedFrame from error
        if values.shape != frame.form[1:3] or values.dtype.kind not in "iuf":
            raise DamagedFrame
        return self._turned(values)

    def digest(self, frame: Frame) -> bytes:
        """What is equal for two frames where their stored values are; of its own where they cannot be read."""
        try:
            return sha256(self.stored(frame).tobytes()).digest()
        except (DamagedFrame, UnreadSyntax):
            return f"{frame.path}:{frame.index}".encode("utf-8", "surrogateescape")

    def _open(self, path: Path) -> None:
        if path == self._path:
            return
        self._path, self._unpacked = None, None
        self._dataset = pydicom.dcmread(path, force=True)
        syntax = _syntax_of(self._dataset)
        self._dataset.file_meta.TransferSyntaxUID = syntax
        if syntax.is_encapsulated and syntax != RLELossless:
            self._unpacked = _unpacked_by_gdcm(self._dataset, path.name)
        self._path = path

    def _turned(self, values: np.ndarray) -> np.ndarray:
        dataset = self._dataset
        if dataset.get("PhotometricInterpretation") != "MONOCHROME1" or dataset.get("Modality") == "CT" or values.dtype.kind == "f":
            return values
        sum_of_ends = -1 if values.dtype.kind == "i" else 2 ** int(dataset.BitsStored) - 1
        return sum_of_ends - values.astype(np.int32)


def _syntax_of(dataset: Any) -> UID:
    """The transfer syntax; guessed, as pydicom does, where a file states none."""
    stated = getattr(dataset, "file_meta", FileMetaDataset()).get("TransferSyntaxUID")
    if stated:
        return UID(stated)
    implicit, little = dataset.original_encoding
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _unpacked_by_gdcm(dataset: Any, name: str) -> np.ndarray:
    """Stored values (N, J, I) of all frames, through a file that holds the voxels alone and is removed at once.

    Raises:
        UnreadSyntax: they are packed in a way that is not read.
        DamagedFrame: they are damaged.
    """
    bare = Dataset()
    bare.file_meta = FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    bare.file_meta.MediaStorageSOPClassUID = bare.SOPClassUID = SecondaryCaptureImageStorage
    bare.file_meta.MediaStorageSOPInstanceUID = bare.SOPInstanceUID = UID("2.25.1")
    for element in SHAPE_OF_PIXELS:
        setattr(bare, element, dataset[element].value)
    bare.SamplesPerPixel, bare.PhotometricInterpretation = 1, "MONOCHROME2"
    bare.NumberOfFrames = int(dataset.get("NumberOfFrames") or 1)
    bare.add(dataset["PixelData"])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "voxels.dcm"
        bare.save_as(path, enforce_file_format=True)
        sitk.ProcessObject.SetGlobalWarningDisplay(False)
        try:
            values = sitk.GetArrayFromImage(sitk.ReadImage(str(path), imageIO="GDCMImageIO"))
        except RuntimeError as error:
            raise UnreadSyntax(
                f"The voxels of '{name}' are compressed as {dataset.file_meta.TransferSyntaxUID.name} and cannot be unpacked here; export the series without compression."
            ) from error
    return values.reshape(-1, *values.shape[-2:])


def gray_values(frames: Sequence[Frame], pixels: DicomPixels) -> tuple[np.ndarray, list[Frame]]:
    """Gray values [k, j, i] of frames of one size (CT in HU), and those of the frames that cannot be read, whose values are 0.

    Returns:
        int16 or uint16 where all values are whole and fit, else float32.

    Raises:
        InputError: a frame states no usable scale, all are packed in a way that is not read, or they are larger than any scan.
    """
    shape = (len(frames), *frames[0].form[1:3])
    if np.prod(shape, dtype=float) > MOST_VOXELS:
        raise InputError(
            f"The DICOM series states a size of {' x '.join(map(str, shape[::-1]))} voxels, larger than any scan; check the series."
        )
    values, damaged, unread = np.zeros((0, *shape[1:]), np.int16), [], None
    for k, frame in enumerate(frames):
        try:
            gray = _scaled(pixels.stored(frame), frame)
        except (DamagedFrame, UnreadSyntax) as error:
            damaged.append(frame)
            unread = error
            continue
        values = _wide_enough(values if len(values) else np.zeros(shape, np.int16), gray)
        values[k] = gray
    if isinstance(unread, UnreadSyntax) and len(damaged) == len(frames):
        raise unread
    return values, damaged


def _scaled(stored: np.ndarray, frame: Frame) -> np.ndarray:
    """Stored values times slope plus intercept: int32 where that is whole, else float32."""
    if not (np.isfinite([frame.slope, frame.intercept]).all() and frame.slope):
        raise InputError(f"A DICOM slice states a rescale slope of {frame.slope:g}, which makes no gray values; export the series again.")
    if stored.dtype.kind in "iu" and stored.dtype.itemsize <= 4 and frame.slope == 1.0 and frame.intercept == int(frame.intercept):
        return stored.astype(np.int64) + int(frame.intercept)
    return (stored * np.float64(frame.slope) + frame.intercept).astype(np.float32)


def _wide_enough(values: np.ndarray, gray: np.ndarray) -> np.ndarray:
    """The values in the least of int16, uint16 and float32 that holds them and some more."""
    low, high = gray.min(), gray.max()
    for kind in (np.int16, np.uint16):
        fits = gray.dtype.kind == "i" and np.iinfo(kind).min <= low and high <= np.iinfo(kind).max
        if fits and (values.dtype == kind or (values.dtype == np.int16 and values.min() >= 0)):
            return values.astype(kind, copy=False)
    return values.astype(np.float32, copy=False)
