"""The cases of a folder: which files are scans, and of which case and channel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from neurospineseg.atomic_files import SEGMENTATION_ENDING
from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import reading_failed
from neurospineseg.tasks.task import Task, task_named

SCAN_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".hdr")


@dataclass(frozen=True)
class Case:
    """A case's name and the file, or the folder of one DICOM series, of each of its scans."""

    name: str
    scans: Mapping[str, Path]


def find_cases(task: str, folder: Path, output: Path | None = None) -> list[Case]:
    """The cases of a folder, by name.

    For a task of several channels, a case is a subfolder whose files' names end in the contrast (``..._t1ce.nii.gz``, ``...-t2f.nii.gz``); for
    the other tasks it is a file, or a subfolder with one DICOM series.

    Args:
        output: receives the masks; it is no case, and neither is a folder that holds nothing else.

    Raises:
        InputError: there is no such task, or the folder is not there or holds no case.
    """
    declared = task_named(task)
    if not folder.is_dir():
        raise InputError(f"The folder '{folder}' does not exist; choose the folder that holds the cases.")
    entries = sorted(entry for entry in _listed(folder) if not entry.name.startswith(".") and not _is_for_masks(entry, output))
    if declared.single:
        only = declared.channels[0].key
        cases = [Case(_stem(entry), {only: entry}) for entry in entries if entry.is_dir() or _is_scan(entry)]
    else:
        cases = [Case(entry.name, _channels(entry, declared)) for entry in entries if entry.is_dir()]
        cases = [case for case in cases if case.scans]
    if not cases:
        example = f"case1/case1_{declared.channels[-1].key}.nii.gz"
        words = "scans or DICOM folders" if declared.single else f"subfolders with scans named by contrast, e.g. {example}"
        raise InputError(f"The folder '{folder}' holds no case; it must hold {words}.")
    name, count = Counter(case.name for case in cases).most_common(1)[0]
    if count > 1:
        raise InputError(f"Two scans in '{folder}' are both called '{name}'; rename one of them.")
    return cases


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise reading_failed(error, folder) from error


def _is_for_masks(entry: Path, output: Path | None) -> bool:
    if output is None or not entry.is_dir():
        return False
    entry, output = entry.resolve(), output.resolve()
    return entry == output or (entry in output.parents and not any(path.is_file() for path in entry.iterdir()))


def _is_scan(path: Path) -> bool:
    return path.name.lower().endswith(SCAN_ENDINGS) and not path.name.lower().endswith(SEGMENTATION_ENDING)


def _stem(path: Path) -> str:
    ending = next((ending for ending in SCAN_ENDINGS if path.name.lower().endswith(ending)), "")
    return path.name[: len(path.name) - len(ending)]


def _channels(folder: Path, task: Task) -> dict[str, Path]:
    scans: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        word = _stem(path).lower().replace("-", "_").split("_")[-1] if _is_scan(path) else ""
        for channel in task.channels:
            if word in (channel.key, *channel.file_words):
                scans.setdefault(channel.key, path)
    return scans
