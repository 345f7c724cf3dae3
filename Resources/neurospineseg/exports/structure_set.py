"""A mask as DICOM RTSTRUCT: planar contours on the scan's own slices, with codes, through pydicom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom.charset import default_encoding
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag
from pydicom.uid import ImplicitVRLittleEndian, RTStructureSetStorage, generate_uid

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import writing_failed
from neurospineseg.exports.coded_segment import CodedSegment, Maker
from neurospineseg.exports.contours import contours
from neurospineseg.exports.dicom_object import (
    MANUFACTURER,
    MODEL_NAME,
    NOT_CLINICAL,
    RESEARCH,
    SERIAL_NUMBER,
    SERIES_NUMBERS,
    elements_of_patient_and_study,
    object_named,
    reference_to,
    software_versions,
)
from neurospineseg.exports.dicom_source import DicomSource
from neurospineseg.images.volume import Volume
from neurospineseg.tasks.structure import Code

CONTOUR_DATA = Tag(0x3006, 0x0050)
STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"
"""Detached Study Management, which readers expect of a referenced study though it is retired."""


def write_structure_set(labels: Volume, segments: Sequence[CodedSegment], source: DicomSource, maker: Maker, path: Path) -> None:
    """Writes the contours of those segments that the mask holds.

    Args:
        labels: on the grid of ``source``.

    Raises:
        InputError: the mask is empty or lies elsewhere, or the file cannot be written.
    """
    source.check_grid(labels)
    present = set(np.unique(labels.voxels).tolist())
    shown = [segment for segment in segments if segment.label in present]
    if not shown:
        raise InputError("The mask is empty; there is nothing to write as DICOM RTSTRUCT.")
    made = _header(source, maker)
    made.ReferencedFrameOfReferenceSequence = Items([_frame_of_reference(source)])
    made.StructureSetROISequence = Items([_roi(number, each, source, maker) for number, each in enumerate(shown, 1)])
    made.ROIContourSequence = Items([_contours(number, each, labels, source) for number, each in enumerate(shown, 1)])
    made.RTROIObservationsSequence = Items([_observation(number, each) for number, each in enumerate(shown, 1)])
    try:
        made.save_as(path, enforce_file_format=True)
    except OSError as error:
        raise writing_failed(error, path.name) from error


def _header(source: DicomSource, maker: Maker) -> FileDataset:
    now = datetime.now()
    made = FileDataset("", {}, preamble=b"\0" * 128)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian  # with explicit ones a contour has room for 64 kB only
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = RTStructureSetStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = generate_uid(prefix=None)
    made.update(elements_of_patient_and_study(source))
    own = dict(
        Modality="RTSTRUCT",
        SeriesInstanceUID=generate_uid(prefix=None),
        SeriesNumber=SERIES_NUMBERS["RTSTRUCT"],
        SeriesDescription=f"{maker.algorithm} (research only)",
        InstanceNumber=1,
        OperatorsName="",
        Manufacturer=MANUFACTURER,
        ManufacturerModelName=MODEL_NAME,
        DeviceSerialNumber=SERIAL_NUMBER,
        SoftwareVersions=software_versions(maker),
        FrameOfReferenceUID=source.frame_of_reference,
        PositionReferenceIndicator="",
        StructureSetLabel=MODEL_NAME,
        StructureSetName=maker.algorithm,
        StructureSetDescription=NOT_CLINICAL,
        ContentQualification=RESEARCH,
        ApprovalStatus="UNAPPROVED",
    )
    for name, value in own.items():
        setattr(made, name, value)
    for name in ("StructureSet", "InstanceCreation", "Series"):
        setattr(made, f"{name}Date", now.strftime("%Y%m%d"))
        setattr(made, f"{name}Time", now.strftime("%H%M%S"))
    return made


def _frame_of_reference(source: DicomSource) -> Dataset:
    """The images that the contours lie on: their frame, study and series."""
    series, study, frame = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = source.first.SeriesInstanceUID
    series.ContourImageSequence = Items([object_named(image) for image in source.images])
    study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = STUDY_CLASS, source.first.StudyInstanceUID
    study.RTReferencedSeriesSequence = Items([series])
    frame.FrameOfReferenceUID = source.frame_of_reference
    frame.RTReferencedStudySequence = Items([study])
    return frame


def _roi(number: int, segment: CodedSegment, source: DicomSource, maker: Maker) -> Dataset:
    roi = Dataset()
    roi.ROINumber, roi.ReferencedFrameOfReferenceUID = number, source.frame_of_reference
    roi.ROIName = segment.name
    roi.ROIGenerationAlgorithm = "SEMIAUTOMATIC" if maker.edited else "AUTOMATIC"
    roi.ROIGenerationDescription = maker.algorithm
    return roi


def _contours(number: int, segment: CodedSegment, labels: Volume, source: DicomSource) -> Dataset:
    roi = Dataset()
    roi.ROIDisplayColor, roi.ReferencedROINumber = list(segment.color), number
    roi.ContourSequence = Items(_lines(labels.voxels == segment.label, source))
    return roi


def _lines(mask: np.ndarray, source: DicomSource) -> Iterator[Dataset]:
    """The contours as LPS mm, each in the plane of the slice that it names."""
    spacing = source.grid.spacing[:2]
    for number, (k, points) in enumerate(contours(mask), 1):
        lps = source.frames[k].position + (points * spacing) @ source.frames[k].directions
        line = Dataset()
        line.ContourNumber, line.ContourGeometricType = number, "CLOSED_PLANAR"
        line.ContourImageSequence = Items([reference_to(source, k)])
        line.NumberOfContourPoints = len(points)
        line[CONTOUR_DATA] = _decimals(lps)
        line.set_original_encoding(True, True, default_encoding)  # so that pydicom writes these numbers as they are
        yield line


def _decimals(numbers: np.ndarray) -> RawDataElement:
    """Numbers to a thousandth as DICOM writes them; element by element pydicom would take a minute for a large spine."""
    text = "\\".join(f"{number:.3f}" for number in numbers.ravel().tolist()).encode()
    text += b" " * (len(text) % 2)
    return RawDataElement(CONTOUR_DATA, "DS", len(text), text, 0, True, True)


def _observation(number: int, segment: CodedSegment) -> Dataset:
    made = Dataset()
    made.ObservationNumber = made.ReferencedROINumber = number
    made.ROIObservationLabel = segment.name[:16]
    made.RTROIInterpretedType, made.ROIInterpreter = "", ""
    kind = _coded(segment.type)
    if segment.side is not None:
        kind.SegmentedPropertyTypeModifierCodeSequence = Items([_coded(segment.side)])
    made.SegmentedPropertyCategoryCodeSequence = Items([_coded(segment.category)])
    made.RTROIIdentificationCodeSequence = Items([kind])
    return made


def _coded(code: Code) -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = code.value, code.scheme, code.meaning
    return made
