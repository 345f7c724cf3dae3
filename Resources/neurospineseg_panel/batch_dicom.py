"""What is selected in Slicer's DICOM database, as cases of a batch: one for each study."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.pipeline.case import Case
from neurospineseg.tasks.input_guess import (
    BODY_PART,
    CONTRAST_AGENT,
    MODALITY,
    PROTOCOL_NAME,
    SERIES_DESCRIPTION,
    ScanInfo,
    guess_inputs,
)
from neurospineseg.tasks.task import Task

PATIENT_ID, STUDY_DATE, SERIES_NUMBER = "0010,0020", "0008,0020", "0020,0011"


def selected_cases(task: Task) -> list[Case]:
    """The cases among the selected patients, studies or series, named by patient ID and date.

    Raises:
        InputError: there is no database, or nothing is selected.
    """
    database = getattr(slicer, "dicomDatabase", None)
    if database is None or not database.isOpen:
        raise InputError(_("There is no open DICOM database; open one in the module 'DICOM'."))
    studies = _selected_studies(database)
    if not studies:
        raise InputError(_("Nothing is selected in the DICOM database; select patients, studies or series in the module 'DICOM' first."))
    cases: list[Case] = []
    for series in studies.values():
        cases.append(_case(database, series, task, {case.name for case in cases}))
    return cases


def _selected_studies(database: Any) -> dict[str, list[str]]:
    """The selected series by study: of the table's selection, else of the patients that are selected in the browser with pictures."""
    browser = getattr(getattr(slicer.modules, "DICOMInstance", None), "browserWidget", None)
    if browser is None:
        return {}
    visual = getattr(browser, "dicomVisualBrowser", None)
    if visual is not None and visual.visible:
        patients = list(visual.patientView().selectedPatientUIDs())
        studies, series = [study for patient in patients for study in database.studiesForPatient(patient)], []
    else:
        tables = browser.dicomBrowser.dicomTableManager()
        series = list(tables.currentSeriesSelection())
        studies = list(tables.currentStudiesSelection()) or [
            study for patient in tables.currentPatientsSelection() for study in database.studiesForPatient(patient)
        ]
    if series:
        found: dict[str, list[str]] = {}
        for uid in series:
            found.setdefault(database.studyForSeries(uid), []).append(uid)
        return found
    return {study: list(database.seriesForStudy(study)) for study in dict.fromkeys(studies)}


def _case(database: Any, series: list[str], task: Task, taken: set[str]) -> Case:
    files = {uid: list(database.filesForSeries(uid)) for uid in series}
    first = {uid: names[0] for uid, names in files.items() if names}

    def value(uid: str, tag: str) -> str:
        return (database.fileValue(first[uid], tag) or "").strip()

    if not first:
        return Case(_free_name("study", taken), problem=_("None of the files of this study are on this computer."))
    some = next(iter(first))
    name = _free_name("_".join(filter(None, (value(some, PATIENT_ID), value(some, STUDY_DATE)))), taken)
    infos = [_info(lambda tag, uid=uid: value(uid, tag)) for uid in first]
    chosen = {task.channels[0].key: 0} if task.single and len(first) == 1 else guess_inputs(task, infos)
    if not chosen:
        return Case(
            name,
            problem=_("No series is told by its description as one of {keys}; choose it below.").format(keys=", ".join(task.channel_keys)),
        )
    uids = list(first)
    scans = {key: Path(first[uids[number]]) for key, number in chosen.items()}
    why = {
        key: _("series {number}, told by its description").format(number=value(uids[number], SERIES_NUMBER))
        for key, number in chosen.items()
    }
    return Case(name, scans, why=why)


def _info(value: Any) -> ScanInfo:
    description = " ".join(filter(None, (value(SERIES_DESCRIPTION), value(PROTOCOL_NAME), value(BODY_PART))))
    return ScanInfo("", description, value(MODALITY).upper(), value(CONTRAST_AGENT))


def _free_name(wanted: str, taken: set[str]) -> str:
    """A name that a file can have and no other case has."""
    plain = re.sub(r"[^\w.+-]+", "_", wanted).strip("._") or "study"
    name, number = plain, 2
    while name in taken:
        name, number = f"{plain}_{number}", number + 1
    return name
