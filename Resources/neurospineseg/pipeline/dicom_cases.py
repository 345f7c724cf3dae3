"""Which DICOM series in the folder of a case is the scan of which channel, told by their descriptions and their folders' names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom

from neurospineseg.errors import InputError
from neurospineseg.images.dicom_files import Header, find_dicom
from neurospineseg.pipeline.case import Case
from neurospineseg.tasks.input_guess import ScanInfo, guess_inputs
from neurospineseg.tasks.task import Task

DESCRIPTION, AGENT = ("SeriesDescription", "ProtocolName", "BodyPartExamined"), "ContrastBolusAgent"
"""Read here only: no other part of the program takes what people write into headers."""
STUDY = ("PatientID", "StudyDate", "StudyTime", "StudyInstanceUID")
"""By which series are told apart and studies put in order; none of it is kept."""
MOST_NAMED = 6


@dataclass(frozen=True)
class FoundSeries:
    """A series of more than one image.

    Attributes:
        first: a file of it, which stands for all of it where it is read.
        label: what it is called for people, without what the scanner says of it.
        place: its folder.
        study: tells it from series of other patients and days, which come in this order.
    """

    first: Path
    label: str
    info: ScanInfo
    place: Path
    study: tuple[str, ...] = ()


def series_of_channels(folder: Path, task: Task) -> tuple[dict[str, Path], list[str]]:
    """A file of the series of each channel that is there, and a sentence that names the choice.

    Raises:
        InputError: no series is described as a channel's scan, two are as one's, those that are belong to several studies, or a file cannot
            be read.
    """
    found = _series_in(folder)
    chosen = _chosen(found, folder.name, task)
    if len({series.study for series in chosen.values()}) > 1:
        raise InputError(
            f"The DICOM series in '{folder.name}' are of several studies, which are never one case; give each study a folder, "
            "or have the table of matches written, in which each is a case of its own."
        )
    words = ", ".join(f"{key} is {series.label}" for key, series in chosen.items())
    return {key: series.first for key, series in chosen.items()}, [f"Told by the descriptions of the DICOM series: {words}."]


def dicom_cases(name: str, folder: Path, task: Task) -> list[Case]:
    """The cases among the DICOM series of a folder: one for each study, in the order of their dates.

    Raises:
        InputError: a file cannot be read.
    """
    studies: dict[tuple[str, ...], list[FoundSeries]] = defaultdict(list)
    for series in sorted(_series_in(folder), key=lambda series: series.study):
        studies[series.study].append(series)
    labels = _labels(list(studies.values()), folder)
    cases = []
    for label, found in zip(labels, studies.values()):
        named = f"{name}_{label}" if label else name
        try:
            chosen = _chosen(found, folder.name, task)
        except InputError as error:
            cases.append(Case(named, problem=str(error)))
            continue
        why = {
            key: f"{series.label}, {'told by its description or folder' if len(found) > 1 else 'the only one'}"
            for key, series in chosen.items()
        }
        cases.append(Case(named, {key: series.first for key, series in chosen.items()}, why=why))
    return cases or [Case(name, problem=f"'{folder.name}' holds no DICOM series of more than one image.")]


def _labels(studies: Sequence[Sequence[FoundSeries]], folder: Path) -> list[str]:
    """What tells each study: the folder that it alone lies in, else its number; nothing for the only one."""
    if len(studies) < 2:
        return [""] * len(studies)
    places = [{(*series.place.relative_to(folder).parts, "")[0] for series in found} for found in studies]
    one = [next(iter(place)) for place in places if len(place) == 1]
    if len(set(one)) == len(studies) and all(one):
        return one
    return [f"study-{number}" for number in range(1, len(studies) + 1)]


def _chosen(found: Sequence[FoundSeries], where: str, task: Task) -> dict[str, FoundSeries]:
    """The series of each channel that is there.

    Raises:
        InputError: there is none, or two are as one's.
    """
    if task.single:
        guessed = {task.channels[0].key: 0} if len(found) == 1 else guess_inputs(task, [series.info for series in found])
        if not guessed:
            raise InputError(
                f"None of the {len(found)} DICOM series in '{where}' is told from the others by its description "
                f"({', '.join(series.label for series in found[:MOST_NAMED])}); keep one of them there."
            )
        return {key: found[number] for key, number in guessed.items()}
    fitting: dict[str, list[FoundSeries]] = defaultdict(list)
    for series in found:
        for channel in guess_inputs(task, [series.info]):
            fitting[channel].append(series)
    _check(found, fitting, where, task)
    return {key: fitting[key][0] for key in task.channel_keys if key in fitting}


def _check(found: Sequence[FoundSeries], fitting: Mapping[str, Sequence[FoundSeries]], where: str, task: Task) -> None:
    if not fitting:
        raise InputError(
            f"None of the {len(found)} DICOM series in '{where}' is described as one of {', '.join(task.channel_keys)}; "
            f"give each scan a folder named by its contrast, e.g. {where}/{task.channel_keys[-1]}."
        )
    key, several = max(fitting.items(), key=lambda each: len(each[1]))
    if len(several) > 1:
        labels = [series.label for series in several[:MOST_NAMED]]
        raise InputError(
            f"{len(several)} DICOM series in '{where}' are described as the scan {key} ({', '.join(labels)}); keep one of them there."
        )


def _series_in(folder: Path) -> list[FoundSeries]:
    """The series of a folder and of those in it, each in the folder where it lies."""
    images: dict[tuple[Path, str], list[Header]] = defaultdict(list)
    for header in find_dicom(folder).headers:
        images[header.path.parent, str(header.dataset.get("SeriesInstanceUID", ""))].append(header)
    return [_found(headers, place, folder) for (place, _), headers in images.items() if sum(header.frames for header in headers) > 1]


def _found(headers: Sequence[Header], place: Path, folder: Path) -> FoundSeries:
    first = headers[0]
    inner = place.relative_to(folder)
    number = first.whole("SeriesNumber", -1)
    label = " ".join([*([f"series {number}"] if number >= 0 else ["a series"]), *([f"in '{inner.as_posix()}'"] if inner.parts else [])])

    said = _said(first.path)
    description = " ".join(said[name] for name in DESCRIPTION if said[name])
    info = ScanInfo(" ".join(inner.parts), description, str(first.dataset.get("Modality") or "").upper(), said[AGENT])
    return FoundSeries(first.path, label, info, place, tuple(said[name] for name in STUDY))


def _said(path: Path) -> dict[str, str]:
    """What a file says of its series; empty where that cannot be decoded."""
    names = (*DESCRIPTION, AGENT, *STUDY)
    dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True, specific_tags=list(names))
    said = {}
    for name in names:
        try:
            said[name] = str(dataset.get(name) or "")
        except Exception:  # pydicom raises errors of many kinds on values that it cannot decode
            said[name] = ""
    return said
