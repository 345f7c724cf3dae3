"""The scans of a case when its turn comes: found among DICOM images where need be, and refused where no mask could be made of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from neurospineseg.atomic_files import beside
from neurospineseg.errors import InputError
from neurospineseg.pipeline.case import Case
from neurospineseg.tasks.task import Task


def usable_scans(case: Case, task: Task, target: Path) -> tuple[Mapping[str, Path], list[str]]:
    """The scans of a case that can be segmented into a mask, and sentences on how they were found.

    Raises:
        InputError: it has a problem.
    """
    if case.problem:
        raise InputError(case.problem)
    _leave_room_for_report(target)
    return scans_of(case, task)


def scans_of(case: Case, task: Task) -> tuple[Mapping[str, Path], list[str]]:
    """The scans of a case, and sentences on how they were found."""
    if case.dicom is None:
        return case.scans, []
    from neurospineseg.pipeline.dicom_cases import series_of_channels

    return series_of_channels(case.dicom, task)


def _leave_room_for_report(target: Path) -> None:
    """Lets no report replace a file.

    Raises:
        InputError: a file lies where the report would go, such as the description of a scan in a BIDS folder.
    """
    report = beside(target, ".json")
    if report.exists():
        raise InputError(f"'{report.name}', where the report would go, is there already; choose another output folder or move that file.")
