"""A mask as DICOM SEG: binary frames on the scan's own slices, with codes, through highdicom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import writing_failed
from neurospineseg.exports.coded_segment import CodedSegment, Maker
from neurospineseg.exports.dicom_object import (
    MANUFACTURER,
    MODEL_NAME,
    NOT_CLINICAL,
    RESEARCH,
    SERIAL_NUMBER,
    SERIES_NUMBERS,
    elements_of_patient_and_study,
    object_named,
    plain_headers,
    reference_to,
    software_versions,
)
from neurospineseg.exports.dicom_source import DicomSource
from neurospineseg.exports.optional_package import need
from neurospineseg.images.volume import Volume
from neurospineseg.tasks.structure import Code


def need_segmentations() -> None:
    """
    Raises:
        InputError: the package that writes them is not installed.
    """
    need("highdicom", "Writing DICOM SEG")


def write_dicom_segmentation(labels: Volume, segments: Sequence[CodedSegment], source: DicomSource, maker: Maker, path: Path) -> None:
    """Writes those segments that the mask holds; an empty frame is left out.

    Args:
        labels: on the grid of ``source``.

    Raises:
        InputError: the package is missing, the mask is empty or lies elsewhere, or the headers cannot be used.
        OSError: the file cannot be written.
    """
    need_segmentations()
    source.check_grid(labels)
    present = set(np.unique(labels.voxels).tolist())
    shown = [segment for segment in segments if segment.label in present]
    if not shown:
        raise InputError("The mask is empty; there is nothing to write as DICOM SEG.")
    try:
        made = _segmentation(labels, shown, source, maker)
    except (AttributeError, TypeError, ValueError, KeyError) as error:  # their words may quote the header
        raise InputError(f"The headers of the DICOM images cannot be carried over into a DICOM SEG ({type(error).__name__}).") from error
    try:
        made.save_as(path, enforce_file_format=True)
    except OSError as error:
        raise writing_failed(error, path.name) from error


def _segmentation(labels: Volume, shown: Sequence[CodedSegment], source: DicomSource, maker: Maker):
    import highdicom as hd

    numbers = np.zeros(int(labels.voxels.max()) + 1, np.uint8 if len(shown) < 256 else np.uint16)
    for number, segment in enumerate(shown, 1):
        numbers[segment.label] = number
    made = hd.seg.Segmentation(
        source_images=plain_headers(source),
        pixel_array=numbers[labels.voxels],
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_description(number, segment, maker) for number, segment in enumerate(shown, 1)],
        series_instance_uid=generate_uid(prefix=None),
        series_number=SERIES_NUMBERS["SEG"],
        sop_instance_uid=generate_uid(prefix=None),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL_NAME,
        software_versions="; ".join(software_versions(maker))[:64],
        device_serial_number=SERIAL_NUMBER,
        content_description=NOT_CLINICAL,
        content_label="SEGMENTATION",
        content_qualification=RESEARCH,
        series_description=f"{maker.algorithm} (research only)",
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    _name_images(made, source)
    made.update(elements_of_patient_and_study(source))
    return made


def _name_images(made: Dataset, source: DicomSource) -> None:
    """Puts the images' own names in place of the numbers of ``plain_headers``."""
    numbers = {f"2.25.{k + 1}": k for k in range(len(source.frames))}
    for group in made.PerFrameFunctionalGroupsSequence:
        for derivation in group.get("DerivationImageSequence", []):
            for item in derivation.SourceImageSequence:
                if item.ReferencedSOPInstanceUID in numbers:  # the frames of several segments share it
                    item.update(reference_to(source, numbers[item.ReferencedSOPInstanceUID]))
    for series in made.get("ReferencedSeriesSequence", []):
        series.ReferencedInstanceSequence = Items([object_named(image) for image in source.images])


def _description(number: int, segment: CodedSegment, maker: Maker):
    import highdicom as hd
    from pydicom.sr.codedict import codes

    kinds = hd.seg.SegmentAlgorithmTypeValues
    family = codes.cid7162.ArtificialIntelligence
    made = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.name,
        segmented_property_category=_coded(segment.category),
        segmented_property_type=_coded(segment.type),
        algorithm_type=kinds.SEMIAUTOMATIC if maker.edited else kinds.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(maker.algorithm, family, maker.version[:64] or "unknown"),
        display_color=hd.color.CIELabColor.from_rgb(*segment.color),
    )
    made.SegmentDescription = NOT_CLINICAL
    if segment.side is not None:
        made.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = Items([_coded(segment.side)])
    return made


def _coded(code: Code):
    from highdicom.sr import CodedConcept

    return CodedConcept(code.value, code.scheme, code.meaning)
