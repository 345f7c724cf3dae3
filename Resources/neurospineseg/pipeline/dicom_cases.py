"""Which DICOM series in the folder of a case is the scan of which channel, told by their descriptions and their folders' names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom

from neurospineseg.errors import InputError
from neurospineseg.images.dicom_files import Header, find_dicom
from neurospineseg.tasks.input_guess import ScanInfo, guess_inputs
from neurospineseg.tasks.task import Task

DESCRIPTION, AGENT = ("SeriesDescription", "ProtocolName", "BodyPartExamined"), "ContrastBolusAgent"
"""Read here only: no other part of the program takes what people write into headers."""
MOST_NAMED = 6


@dataclass(frozen=True)
class FoundSeries:
    """A series of more than one image.

    Attributes:
        first: a file of it, which stands for all of it where it is read.
        label: what it is called for people, without what the scanner says of it.
    """

    first: Path
    label: str
    info: ScanInfo


def series_of_channels(folder: Path, task: Task) -> tuple[dict[str, Path], list[str]]:
    """A file of the series of each channel that is there, and a sentence that names the choice.

    Raises:
        InputError: no series is described as a channel's scan, two are as one's, or a file cannot be read.
    """
    found = _series_in(folder)
    fitting: dict[str, list[FoundSeries]] = defaultdict(list)
    for series in found:
        for channel in guess_inputs(task, [series.info]):
            fitting[channel].append(series)
    _check(found, fitting, folder, task)
    chosen = {key: fitting[key][0] for key in task.channel_keys if key in fitting}
    words = ", ".join(f"{key} is {series.label}" for key, series in chosen.items())
    return {key: series.first for key, series in chosen.items()}, [f"Told by the descriptions of the DICOM series: {words}."]


def _check(found: Sequence[FoundSeries], fitting: Mapping[str, Sequence[FoundSeries]], folder: Path, task: Task) -> None:
    if not fitting:
        raise InputError(
            f"None of the {len(found)} DICOM series in '{folder.name}' is described as one of {', '.join(task.channel_keys)}; "
            f"give each scan a folder named by its contrast, e.g. {folder.name}/{task.channel_keys[-1]}."
        )
    key, several = max(fitting.items(), key=lambda each: len(each[1]))
    if len(several) > 1:
        labels = [series.label for series in several[:MOST_NAMED]]
        raise InputError(
            f"{len(several)} DICOM series in '{folder.name}' are described as the scan {key} ({', '.join(labels)}); keep one of them there."
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
    return FoundSeries(first.path, label, info)


def _said(path: Path) -> dict[str, str]:
    """What a file says of its series; empty where that cannot be decoded."""
    dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True, specific_tags=[*DESCRIPTION, AGENT])
    said = {}
    for name in (*DESCRIPTION, AGENT):
        try:
            said[name] = str(dataset.get(name) or "")
        except Exception:  # pydicom raises errors of many kinds on values that it cannot decode
            said[name] = ""
    return said
