"""Cases of several scans whose files lie side by side in one folder: ``p1_t1c.nii.gz``, ``p1_flair.nii.gz``, ``p2_t1c.nii.gz``."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from neurospineseg.images.scan_names import ScanFile, is_mask, scan_files, words_of
from neurospineseg.images.scan_words import patient_of
from neurospineseg.pipeline.case import Case
from neurospineseg.pipeline.visits import channel_of, visits_among
from neurospineseg.tasks.task import Task


def flat_cases(folder: Path, task: Task) -> list[Case]:
    """The cases of the files directly in a folder: scans are of one patient where nothing else than the contrast, how it was taken and
    when tells their names apart.

    A file that is named for its contrast alone is of the case that is named like the folder.

    Raises:
        InputError: the folder cannot be read.
    """
    patients: dict[str, list[ScanFile]] = defaultdict(list)
    for file in scan_files(folder):
        if not is_mask(file) and any(channel_of(word, task) for word in words_of(file.name)[-1:]):
            patients[patient_of(file.name).lower()].append(file)
    return [case for files in patients.values() for case in _cases_of(files, folder, task)]


def _cases_of(files: list[ScanFile], folder: Path, task: Task) -> list[Case]:
    """The cases of one patient."""
    name = patient_of(files[0].name) or folder.resolve().name
    visits = visits_among(files, folder, task)
    return [Case(f"{name}_{visit.label}" if visit.label else name, visit.scans, visit.problem, why=visit.why) for visit in visits]
