"""How a DICOM file begins, and what a user says of images that do not say it themselves; neither needs a package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neurospineseg.errors.of_files import reading_failed

PREAMBLE = 128
NO_PREAMBLE = (b"\x08\x00", b"\x02\x00", b"\x00\x08")
"""How a data set begins that has no preamble: with group 0002 or 0008."""


@dataclass(frozen=True)
class Reading:
    """What the user says of files that do not say it themselves, or that hold several volumes.

    Attributes:
        volume: the name of one of several volumes, such as ``series=4,echo=2``.
        frame: its number among those that ``volume`` leaves, counted from 0.
        orientation: axis codes such as ``LPS``, for slices whose places are not recorded.
        spacing: mm along i, j, k, where it is not recorded.
    """

    volume: str | None = None
    frame: int | None = None
    orientation: str | None = None
    spacing: Sequence[float] | None = None


AS_RECORDED = Reading()


def is_one_image(path: Path) -> bool:
    """Whether a path is a file with an image, not a folder or the directory (``DICOMDIR``) of a medium."""
    return path.is_file() and path.name.upper() != "DICOMDIR"


def begins_like_dicom(path: Path) -> bool:
    """Whether a file begins like DICOM, with or without a preamble.

    Raises:
        InputError: it cannot be opened.
    """
    try:
        with open(path, "rb") as stream:
            start = stream.read(PREAMBLE + 4)
    except OSError as error:
        raise reading_failed(error, path.name) from error
    return start[PREAMBLE:] == b"DICM" or (len(start) == PREAMBLE + 4 and start[:2] in NO_PREAMBLE)
