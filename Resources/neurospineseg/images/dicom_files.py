"""Which files of a folder are DICOM, and what their headers say, through pydicom; nothing of the patient is taken from them."""

from __future__ import annotations

import logging
import os
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import pydicom
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import is_of_the_system, reading_failed
from neurospineseg.images.dicom_start import PREAMBLE, begins_like_dicom, is_one_image

pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").disabled = True  # what it says of a damaged header quotes the header
warnings.filterwarnings("ignore", module="pydicom")

TAGS = """
    TransferSyntaxUID SOPClassUID SOPInstanceUID SeriesInstanceUID SeriesNumber InstanceNumber Modality ImageType
    Rows Columns NumberOfFrames SamplesPerPixel PhotometricInterpretation BitsAllocated BitsStored HighBit PixelRepresentation
    ImagePositionPatient ImageOrientationPatient PixelSpacing SpacingBetweenSlices RescaleSlope RescaleIntercept
    PerFrameFunctionalGroupsSequence SharedFunctionalGroupsSequence DimensionIndexSequence
    EchoTime EchoNumbers DiffusionBValue DiffusionGradientOrientation TemporalPositionIdentifier TriggerTime ComplexImageComponent
    NominalPercentageOfCardiacPhase InversionTime FlipAngle KVP AcquisitionNumber AcquisitionTime AcquisitionDateTime ContentTime
""".split()
NO_SCANS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7", "1.2.840.10008.5.1.4.1.1.481.2")
"""Classes of objects that hold pixels, but are no scans: segmentations, label maps, doses."""
MOST_DEFLATED_BYTES = 2**20
"""Such a file may unpack to a thousand times its size."""
MOST_UNPACKED_BYTES = 2**25
MOST_ELEMENTS = 10_000
"""Of a header, those in sequences not counted."""
PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
MOST_FRAMES = 2**17


@dataclass(frozen=True)
class Header:
    """The header of a file with an image.

    Attributes:
        dataset: the elements of ``TAGS``, as far as the file has them.
        bytes: size of the file.
    """

    path: Path
    dataset: Any
    bytes: int

    @cached_property
    def syntax(self) -> UID:
        return UID(str(getattr(self.dataset.file_meta, "TransferSyntaxUID", "") or ImplicitVRLittleEndian))

    def whole(self, name: str, default: int = 0) -> int:
        """The value of an element as a whole number; ``default`` where it is none."""
        try:
            return int(self.dataset.get(name, default))
        except (TypeError, ValueError, OverflowError):
            return default

    @property
    def kind(self) -> UID:
        """The class of the object; empty where none is stated."""
        return UID(str(self.dataset.get("SOPClassUID", "") or ""))

    @property
    def is_scan(self) -> bool:
        return self.whole("Rows") > 0 and self.whole("Columns") > 0 and self.kind not in NO_SCANS

    @property
    def is_broken(self) -> bool:
        """Whether a file without a scan should hold one: its class is one of images, or nothing of it can be read but that it is DICOM."""
        return "Image Storage" in self.kind.name if self.kind else bool(self.dataset.preamble)

    @property
    def frames(self) -> int:
        return max(1, self.whole("NumberOfFrames", 1))

    @property
    def cut(self) -> bool:
        """Whether the file is too short for the voxels that it promises, or promises more frames than any scan has."""
        if self.frames > MOST_FRAMES:
            return True
        if self.syntax.is_transfer_syntax and (self.syntax.is_compressed or self.syntax.is_deflated):
            return False
        return self.bytes < self.frames * self.whole("Rows") * self.whole("Columns") * self.whole("BitsAllocated", 8) // 8


@dataclass(frozen=True)
class DicomFiles:
    """What was found.

    Attributes:
        headers: of the files that hold images.
        damaged: files that begin like DICOM and whose header cannot be read.
        other: number of files that are DICOM, but hold no scan.
    """

    headers: list[Header]
    damaged: list[Path]
    other: int


def find_dicom(path: Path) -> DicomFiles:
    """The DICOM files of a folder and the folders in it, or those beside a file, in the order of their names.

    Raises:
        InputError: one cannot be opened, or is packed as no scanner does.
    """
    headers, damaged, other = [], [], 0
    for file in _files_near(path):
        if not begins_like_dicom(file):
            continue
        try:
            header = _read_header(file)
        except InputError:
            raise
        except Exception as error:  # pydicom raises errors of many kinds on what is no DICOM
            if isinstance(error, OSError) and is_of_the_system(error):
                raise reading_failed(error, file.name) from error
            damaged.append(file)
            continue
        if header.is_scan:
            headers.append(header)
        elif header.is_broken:
            damaged.append(file)
        else:
            other += 1
    return DicomFiles(headers, damaged, other)


def _files_near(path: Path) -> Iterator[Path]:
    if is_one_image(path):
        yield from (file for file in sorted(_entries(path.parent)) if file.is_file() and not file.name.startswith("."))
        return
    for folder, folders, names in os.walk(path if path.is_dir() else path.parent, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (file for name in sorted(names) if not name.startswith(".") and (file := Path(folder, name)).is_file())


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise reading_failed(error, folder) from error


def _refuse(error: OSError) -> NoReturn:
    """Lets no folder be passed over in silence."""
    raise reading_failed(error) from error


def _unpacks_to_much(content: bytes) -> bool:
    """Whether a deflated data set, which begins behind the group of the file's own elements, is far larger than its file."""
    begin = PREAMBLE + 16 + int.from_bytes(content[PREAMBLE + 12 : PREAMBLE + 16], "little")
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    return len(unpacker.decompress(content[begin:], MOST_UNPACKED_BYTES)) == MOST_UNPACKED_BYTES


class _PixelsOrTooMany:
    """Tells pydicom where to stop: before the voxels.

    Raises:
        ValueError: there are more elements than in any header.
    """

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, tag: BaseTag, kind: str | None, length: int) -> bool:
        self.count += 1
        if self.count > MOST_ELEMENTS:
            raise ValueError("too many elements")
        return tag in PIXELS


def _read_header(path: Path) -> Header:
    size = path.stat().st_size
    with open(path, "rb") as stream:
        start = stream.read(1024)
        if DeflatedExplicitVRLittleEndian.encode() in start and (size > MOST_DEFLATED_BYTES or _unpacks_to_much(start + stream.read())):
            raise InputError(f"'{path.name}' is deflated, which is not read in files of this size; export the series without compression.")
        stream.seek(0)
        dataset = read_partial(stream, _PixelsOrTooMany(), force=True, specific_tags=[Tag(name) for name in TAGS])
    for name in TAGS:
        dataset.get(name)  # a value that cannot be decoded shows now
    return Header(path, dataset, size)
