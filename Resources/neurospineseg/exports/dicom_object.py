"""What DICOM SEG and RTSTRUCT have in common: what they say of the program, of the patient and of their use."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, time
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage
from pydicom.valuerep import DSfloat

from neurospineseg import __version__
from neurospineseg.exports.coded_segment import Maker
from neurospineseg.exports.dicom_source import DicomSource
from neurospineseg.images.dicom_frames import Frame

NOT_CLINICAL = "Research only; not for clinical use."
RESEARCH = "RESEARCH"
"""Content Qualification (0018,9004), PS3.3 C.8.13.2.1.1: what is not released for clinical use."""
MANUFACTURER = "NeuroSpineSeg contributors"
MODEL_NAME = "NeuroSpineSeg"
SERIAL_NUMBER = "none"
OF_MANY_FRAMES = {
    "NumberOfFrames",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "DimensionIndexSequence",
    "DimensionOrganizationSequence",
    "DimensionOrganizationType",
}
WANTED = "PatientName PatientID PatientBirthDate PatientSex StudyDate StudyTime StudyID AccessionNumber ReferringPhysicianName".split()
CARRIED = """
    SpecificCharacterSet StudyInstanceUID StudyDescription IssuerOfAccessionNumberSequence IssuerOfPatientID IssuerOfPatientIDQualifiersSequence
    OtherPatientIDs OtherPatientIDsSequence OtherPatientNames PatientBirthTime PatientAge PatientSize PatientWeight
    PatientIdentityRemoved DeidentificationMethod DeidentificationMethodCodeSequence LongitudinalTemporalInformationModified
    PatientSpeciesDescription PatientBreedDescription ClinicalTrialSponsorName ClinicalTrialProtocolID ClinicalTrialProtocolName
    ClinicalTrialSiteID ClinicalTrialSiteName ClinicalTrialSubjectID ClinicalTrialSubjectReadingID ClinicalTrialTimePointID
""".split()
"""Of the modules Patient, General Study, Patient Study and Clinical Trial (PS3.3 C.7.1, C.7.2)."""
SERIES_NUMBERS = {"SEG": 9001, "RTSTRUCT": 9002}


def software_versions(maker: Maker) -> list[str]:
    return [f"NeuroSpineSeg {__version__}", *([f"{maker.model} {maker.version}".strip()[:64]] if maker.model else [])]


def plain_headers(source: DicomSource) -> list[Dataset]:
    """A header of a single image for each slice, for a writer that judges headers strictly.

    What is missing is empty, what no standard allows is left out, what rounding made uneven is even. The objects are numbered from 1, as
    ``2.25.1`` and so on. What is written at last has the patient's and the study's own elements.
    """
    shared = Dataset()
    shared.update({element.tag: element for element in source.first if element.keyword not in OF_MANY_FRAMES})
    _put(shared, "PatientName", "")  # which would be quoted in warnings
    for name in ("PatientID", "AccessionNumber", "StudyID", "PatientSex"):
        if shared.get(name) is None:
            _put(shared, name, "")
    if shared.PatientSex not in ("M", "F", "O"):
        _put(shared, "PatientSex", "")
    for name in ("PatientBirthDate", "StudyDate"):
        _put(shared, name, _date(str(shared.get(name, ""))))
    _put(shared, "StudyTime", _time(str(shared.get("StudyTime", ""))))
    i, j, _ = source.grid.spacing
    _put(shared, "PixelSpacing", _decimals([j, i]))
    for name in ("SliceThickness", "SpacingBetweenSlices"):
        _put(shared, name, _decimals([source.step_mm])[0])
    _put(shared, "ImageOrientationPatient", _decimals(source.frames[0].directions.ravel()))
    return [_of_slice(shared, number, frame) for number, frame in enumerate(source.frames, 1)]


def _of_slice(shared: Dataset, number: int, frame: Frame) -> Dataset:
    header = Dataset()
    header.update({element.tag: element for element in shared})
    _put(header, "ImagePositionPatient", _decimals(frame.position))
    _put(header, "SOPClassUID", MRImageStorage)
    _put(header, "SOPInstanceUID", f"2.25.{number}")
    return header


def _put(dataset: Dataset, name: str, value: Any) -> None:
    """Gives a data set an element of its own, where it may share one with others."""
    if name in dataset:
        del dataset[name]
    setattr(dataset, name, value)


def _decimals(numbers: Iterable[float]) -> list[DSfloat]:
    return [DSfloat(float(number), auto_format=True) for number in numbers]


def elements_of_patient_and_study(source: DicomSource) -> Dataset:
    """What the images say of the patient and the study, as they say it; empty where a standard wants an element that they lack."""
    found = Dataset()
    for name in WANTED:
        setattr(found, name, "")
    found.update({element.tag: element for element in source.first if element.keyword in {*WANTED, *CARRIED}})
    return found


def object_named(image: Dataset) -> Dataset:
    """What names a file."""
    named = Dataset()
    named.ReferencedSOPClassUID, named.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    return named


def reference_to(source: DicomSource, k: int) -> Dataset:
    """What names the image of a slice: its object, and its frame in an object of many."""
    frame = source.frames[k]
    named = object_named(source.images[source.places[k]])
    if frame.count > 1:
        named.ReferencedFrameNumber = frame.index + 1
    return named


def _date(text: str) -> str:
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return ""
    return text if len(text) == 8 else ""


def _time(text: str) -> str:
    found = re.fullmatch(r"(\d\d)(\d\d)?(\d\d)?(\.\d{1,6})?", text)
    if found is None:
        return ""
    try:
        hour, minute, second = (int(part or 0) for part in found.groups()[:3])
        time(hour, minute, second)
    except ValueError:
        return ""
    return text
