"""The cases of a folder: which files are scans, and of which case and channel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from neurospineseg.errors import InputError
from neurospineseg.images.scan_names import (
    MASK_FOLDER,
    ScanFile,
    entities_of,
    folders_in,
    holds_dicom,
    is_mask,
    scan_ending,
    scan_files,
    scan_files_below,
    stem,
)
from neurospineseg.pipeline.case import Case
from neurospineseg.pipeline.flat_cases import flat_cases
from neurospineseg.pipeline.nnunet_cases import nnunet_cases
from neurospineseg.pipeline.visits import visits_in
from neurospineseg.tasks.task import Task, task_named

NO_SUBJECTS = frozenset({"derivatives", "sourcedata", "code", "stimuli", "phenotype"})
"""Folders beside the subjects of a BIDS data set."""
NO_ANATOMY = frozenset("func dwi fmap perf meg eeg ieeg beh pet micr nirs mrs motion".split())
"""Folders of a BIDS subject without anatomical scans."""
DEEPEST = 2
"""Folders around those of cases, such as BraTS's ``HGG``."""


def find_cases(task: str, folder: Path, output: Path | None = None, warn: Callable[[str], None] = lambda sentence: None) -> list[Case]:
    """The cases of a folder, by name.

    For a task of several channels, a case is a subfolder whose files' names end in the contrast (``..._t1ce.nii.gz``, ``...-t2f.nii.gz``), or
    one of the dates or sessions in it, or one with DICOM series, or files side by side that are named alike but for the contrast; for the other
    tasks it is a file, or a subfolder with one DICOM series or with files. Raw data sets of nnU-Net are known, and cases in folders of folders.
    Hidden files and segmentations are no scans. Two files for one place make a case with a problem.

    Args:
        output: receives the masks; it is no case, and neither is a folder that holds nothing else.
        warn: told in a sentence what was left aside as segmentations, where any other name would be a scan, and what no case was made of.

    Raises:
        InputError: there is no such task, or the folder is not there or holds no case.
    """
    declared = task_named(task)
    if not folder.is_dir():
        raise InputError(f"The folder '{folder}' does not exist; choose the folder that holds the cases.")
    root, masks_folder = folder.resolve(), None if output is None else output.resolve()
    folders = [entry for entry in folders_in(folder) if not _is_for_masks(entry, root, masks_folder)]
    if any("sub" in entities_of(entry.name) for entry in folders):
        folders = [entry for entry in folders if entry.name not in NO_SUBJECTS]
    masks: list[ScanFile] = []
    cases = _single(folder, folders, declared, masks) if declared.single else _side_by_side(folder, declared) + _several(folders, declared)
    if not cases and holds_dicom(folder):
        cases = [_of_dicom(folder, folder.resolve().name, declared)]
    aside = _left_aside([file.name for file in masks])
    if not cases:
        example = f"case1_{declared.channels[-1].key}.nii.gz"
        words = "scans or DICOM folders" if declared.single else f"scans named by contrast, e.g. {example}, or subfolders with such"
        raise InputError(f"The folder '{folder}' holds no case; it must hold {words}.{' ' if aside else ''}{aside}")
    for sentence in filter(None, (aside, "" if declared.single else _not_matched(folder, folders, cases))):
        warn(sentence)
    return sorted(_each_once(cases), key=lambda case: case.name)


def _left_aside(names: list[str]) -> str:
    """A sentence on masks; empty without any."""
    if not names:
        return ""
    more = f" and {len(names) - 1} other files" if len(names) > 2 else f" and '{names[1]}'" if len(names) == 2 else ""
    return f"Left aside as segmentations, not scans: '{names[0]}'{more}."


def _not_matched(folder: Path, folders: Iterable[Path], cases: Sequence[Case]) -> str:
    """A sentence on scans whose names tell no contrast, and on folders with such scans alone; empty without any."""
    taken = {path for case in cases for path in case.scans.values()}
    told = " ".join(case.problem for case in cases)
    lost = [file.name for file in scan_files(folder) if file.path not in taken and not is_mask(file) and file.name not in told]
    for entry in folders:
        known = any(entry in (case.dicom, *(case.dicom.parents if case.dicom else ())) for case in cases)
        known = (
            known
            or any(entry in path.parents for path in taken)
            or any(case.problem and case.name.startswith(entry.name) for case in cases)
        )
        if not known and not MASK_FOLDER.fullmatch(entry.name) and any(not is_mask(file) for file in scan_files_below(entry)):
            lost.append(entry.name)
    if not lost:
        return ""
    more = f" and {len(lost) - 1} others" if len(lost) > 2 else f" and '{lost[1]}'" if len(lost) == 2 else ""
    return f"Of no case, since no name tells which scan it is: '{lost[0]}'{more}; rename them, or choose by hand in a table of matches."


def _is_for_masks(entry: Path, root: Path, output: Path | None) -> bool:
    """Whether a folder is ``output`` or holds nothing else; ``root`` is the folder that it lies in. Both lead through no links."""
    if output is None:
        return False
    entry = entry.resolve() if entry.is_symlink() else root / entry.name
    return entry == output or (entry in output.parents and not any(path.is_file() for path in entry.iterdir()))


def _single(folder: Path, folders: list[Path], task: Task, masks: list[ScanFile]) -> list[Case]:
    """Cases of one scan: files, and folders of DICOM images or of files."""
    found = nnunet_cases(folder, task)
    found = found or [_of_file(stem(file.name), file, task) for file in _without_masks(scan_files(folder), masks)]
    for entry in folders:
        if scan_ending(entry.name):
            continue
        if MASK_FOLDER.fullmatch(entry.name):
            masks.append(ScanFile(entry, entry.name, folder))
            continue
        found += _readable(entry, lambda entry: _of_folder(entry, task, masks))
    return found


def _of_file(name: str, file: ScanFile, task: Task) -> Case:
    channel = task.channels[0].key
    return Case(name, {channel: file.path}, why={channel: "the only scan of its name"})


def _of_dicom(entry: Path, name: str, task: Task) -> Case:
    """A case of the DICOM series in a folder."""
    if not task.single:
        return Case(name, dicom=entry)
    channel = task.channels[0].key
    return Case(name, {channel: entry}, why={channel: "a folder of DICOM images"})


def _of_folder(entry: Path, task: Task, masks: list[ScanFile]) -> list[Case]:
    """The cases in a folder: its DICOM images, or its image files one by one."""
    numbered = nnunet_cases(entry, task)
    if numbered:
        return numbered
    files = list(scan_files_below(entry))
    if not files or holds_dicom(entry):
        return [_of_dicom(entry, entry.name, task)]
    scans = _without_masks([file for file in files if not _is_no_anatomy(file.folder.relative_to(entry).parts)], masks)
    if len(scans) == 1:
        return [_of_file(entry.name, scans[0], task)]
    return [_of_file(_name_within(entry, file), file, task) for file in scans]


def _is_no_anatomy(folders: tuple[str, ...]) -> bool:
    return any(name in NO_ANATOMY or MASK_FOLDER.fullmatch(name) for name in folders)


def _name_within(entry: Path, file: ScanFile) -> str:
    """A file's name, with those of its folders that it does not repeat before it."""
    own = stem(file.name)
    folders = [name for name in (entry.name, *file.folder.relative_to(entry).parts) if name != "anat" and name not in own]
    return "_".join([*folders, own])


def _without_masks(files: Iterable[ScanFile], masks: list[ScanFile]) -> list[ScanFile]:
    """Those that are no masks; the others are added to ``masks``."""
    scans: list[ScanFile] = []
    for file in files:
        (masks if is_mask(file) else scans).append(file)
    return scans


def _readable(entry: Path, find: Callable[[Path], list[Case]]) -> list[Case]:
    """What ``find`` finds in a folder; a case with a problem where that cannot be read."""
    try:
        return find(entry)
    except InputError as error:
        return [Case(entry.name, problem=str(error))]


def _side_by_side(folder: Path, task: Task) -> list[Case]:
    """Cases of several scans that lie in one folder."""
    return nnunet_cases(folder, task) or flat_cases(folder, task)


def _several(folders: list[Path], task: Task, deepest: int = DEEPEST) -> list[Case]:
    """Cases of several scans: the visits in each folder; where there are none, those in the folders in it."""

    def cases(entry: Path) -> list[Case]:
        found = visits_in(entry, task)
        if found:
            return [
                Case(f"{entry.name}_{visit.label}" if visit.label else entry.name, visit.scans, visit.problem, why=visit.why)
                for visit in found
            ]
        numbered = nnunet_cases(entry, task)
        if numbered or holds_dicom(entry):
            return numbered or [_of_dicom(entry, entry.name, task)]
        inner = [folder for folder in folders_in(entry) if not MASK_FOLDER.fullmatch(folder.name)] if deepest else []
        return [replace(case, name=f"{entry.name}_{case.name}") for case in _several(inner, task, deepest - 1)]

    return [case for entry in folders for case in _readable(entry, cases)]


def _each_once(cases: list[Case]) -> list[Case]:
    """One case of each name; several of a name are one with a problem."""
    named: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        named[case.name].append(case)
    return [same[0] if len(same) == 1 else _same_name(same) for same in named.values()]


def _same_name(cases: list[Case]) -> Case:
    name = cases[0].name
    one, other = ([*case.scans.values(), Path(name)][0] for case in cases[:2])
    words = (
        f"'{one.name}' and '{other.name}'"
        if one.name != other.name
        else f"'{one.parent.name}/{one.name}' and '{other.parent.name}/{other.name}'"
    )
    return Case(name, problem=f"{words} are both called '{name}'; rename one of them.")
