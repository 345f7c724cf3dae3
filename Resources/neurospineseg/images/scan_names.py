"""What names tell of files: which hold scans and which masks, and of which session and acquisition they are (BIDS and common use)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import reading_failed
from neurospineseg.images.dicom_start import begins_like_dicom

SCAN_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".hdr")
SEGMENTATION = (".seg.nrrd", ".seg.nhdr", ".seg.nii.gz", ".seg.nii", ".seg.mha")
"""Endings of Slicer's segmentations and of those named like them."""
NOT_USERS = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found", "report_pictures")
"""Folders that systems make, and this program."""
MASK_WORD = re.compile(
    r"(?:seg|segm|dseg|probseg|mask|masks|label|labels|labelmap|segmentation|segmentations|groundtruth|gt|preds?|predictions?)\d*"
)
MASK_LAST = re.compile(r"[a-z0-9+]*(?:segm?|masks?|labels?|labelmap|segmentations?)\d*")
"""A last word that makes a mask of a file, such as ``tumorseg`` or ``aparc+aseg``."""
MASK_FOLDER = re.compile(r"(?:labels?|masks?|segs?|segmentations?|groundtruth|gt|preds?|predictions?)(?:tr|ts|val)?", re.IGNORECASE)
OWN_RECORD = re.compile(rb'\{\s*"program":\s*\{\s*"name":\s*"NeuroSpineSeg"')
"""How the record begins that lies beside a mask of this program."""
ENTITIES = frozenset(
    "sub ses sample task tracksys acq nuc voi ce trc stain rec dir run mod echo flip inv mt part proc hemi space split recording chunk seg res den label desc".split()
)
"""Keys that BIDS (1.10) puts before a hyphen in names such as ``sub-1_ses-2_ce-gadolinium_T1w``."""
FIRST_LOOKED_AT = 5
"""Files of each folder that are looked into for DICOM."""


@dataclass(frozen=True)
class ScanFile:
    """An image file, or what a folder named like one holds, as in ``case_flair.nii/00057_brain.nii``.

    Attributes:
        path: to read.
        name: of the file, or of the folder that is named like one.
        folder: in which that lies.
    """

    path: Path
    name: str
    folder: Path


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden, as macOS's ``._scan.nii``, or made by a system."""
    return name.startswith(".") or name in NOT_USERS


def scan_ending(name: str) -> str:
    """Which of ``SCAN_ENDINGS`` a name has; empty for none."""
    lower = name.lower()
    return next((ending for ending in SCAN_ENDINGS if lower.endswith(ending) and lower != ending), "")


def stem(name: str) -> str:
    """A name without the ending of an image file.

    >>> stem("sub-1_T1w.nii.gz")
    'sub-1_T1w'
    """
    return name[: len(name) - len(scan_ending(name))]


def words_of(name: str) -> list[str]:
    """The words of a file's name, in small letters.

    >>> words_of("BraTS-GLI-00001-000-t1c.nii.gz")
    ['brats', 'gli', '00001', '000', 't1c']
    """
    return [word for word in re.split(r"[^a-z0-9+äöüß]+", stem(name).lower()) if word]


def entities_of(name: str) -> dict[str, str]:
    """BIDS's entities in a name, in small letters.

    >>> entities_of("sub-1_ses-2_ce-Gadolinium_T1w.nii.gz")
    {'sub': '1', 'ses': '2', 'ce': 'gadolinium'}
    """
    parts = (part.partition("-") for part in stem(name).lower().split("_"))
    return {key: value for key, _, value in parts if key in ENTITIES and value}


def is_mask_name(name: str) -> bool:
    """Whether a name is that of a segmentation, such as ``case-seg.nii.gz``, ``sub-1_desc-brain_mask.nii`` or ``scan.seg.nrrd``.

    >>> [is_mask_name(name) for name in ("sub-1_dseg.nii", "tumorseg_2.nii", "BraSeg_01_t1c.nii", "t2.nii")]
    [True, True, False, False]
    """
    if name.lower().endswith(SEGMENTATION):
        return True
    words = words_of(name)
    while len(words) > 1 and words[-1].isdigit():
        words.pop()
    return any(map(MASK_WORD.fullmatch, words)) or bool(words and MASK_LAST.fullmatch(words[-1]))


def is_own_mask(path: Path) -> bool:
    """Whether beside a file lies the record that this program writes beside its masks."""
    try:
        with open(path.with_name(f"{stem(path.name)}.json"), "rb") as file:
            return OWN_RECORD.match(file.read(200)) is not None
    except OSError:
        return False


def is_mask(file: ScanFile) -> bool:
    """Whether a file is a segmentation, as far as its name and what lies beside it tell."""
    return is_mask_name(file.name) or is_own_mask(file.path)


def scan_files(folder: Path) -> list[ScanFile]:
    """The image files directly in a folder, by name, masks among them; what is hidden is left out.

    Raises:
        InputError: the folder cannot be read.
    """
    named = [entry for entry in _entries(folder) if scan_ending(entry.name)]
    return [
        ScanFile(_within(folder / entry.name) if entry.is_dir() else folder / entry.name, entry.name, folder)
        for entry in named
        if entry.is_dir() or entry.is_file()
    ]


def _entries(folder: Path) -> list[os.DirEntry]:
    """What is in a folder, by name; what is hidden is left out."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not is_hidden(entry.name)), key=lambda entry: entry.name)
    except OSError as error:
        raise reading_failed(error, folder) from error


def _within(folder: Path) -> Path:
    """The one image file of a folder; the folder itself where it holds another number of them."""
    try:
        inside = [each for each in scan_files(folder) if each.path.is_file()]
    except InputError:
        return folder
    return inside[0].path if len(inside) == 1 else folder


def scan_files_below(folder: Path) -> Iterator[ScanFile]:
    """As ``scan_files``, at any depth; links to folders are not followed.

    Raises:
        InputError: the folder cannot be read.
    """
    yield from scan_files(folder)
    for inner in folders_in(folder):
        if not scan_ending(inner.name) and not inner.is_symlink():
            yield from scan_files_below(inner)


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder, by name; what is hidden is left out.

    Raises:
        InputError: the folder cannot be read.
    """
    return [folder / entry.name for entry in _entries(folder) if entry.is_dir()]


def holds_dicom(folder: Path) -> bool:
    """Whether one of the first files of a folder, or of a folder in it, begins like DICOM."""
    for inside, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in sorted(name for name in names if not is_hidden(name))[:FIRST_LOOKED_AT]:
            try:
                if begins_like_dicom(Path(inside, name)):
                    return True
            except InputError:
                continue
    return False


def scan_in(folder: Path) -> Path:
    """The one image file of a folder that holds no DICOM images; the folder itself where it may hold such.

    Raises:
        InputError: it holds several scans, or cannot be read.
    """
    files = scan_files(folder)
    scans = [file for file in files if not is_mask(file)] or (files if scan_ending(folder.name) else [])
    if not scans or holds_dicom(folder):
        return folder
    if len(scans) > 1:
        raise InputError(f"The folder '{folder.name}' holds {len(scans)} scans ('{scans[0].name}', '{scans[1].name}'); give one of them.")
    return scans[0].path
