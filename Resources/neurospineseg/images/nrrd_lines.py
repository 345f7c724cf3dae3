"""The lines of NRRD headers, looked at before ITK reads them: its parser copies long values into short memory, and opens every file that a
header names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

from neurospineseg.errors import InputError
from neurospineseg.images.data_files import data_file, listed_files, numbered_files

LONGEST_LINE = 2**20
"""Bytes."""
LONGEST_FIELD = 500
"""Bytes of a line that is neither a remark, a key with its value nor of ``FREE_TEXT``."""
FREE_TEXT = ("content",)
MOST_LINES = 10_000
"""ITK's time grows with their square."""


def raw_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a header without their ends, up to the blank one.

    Raises:
        ValueError: it is longer than any header.
    """
    for _ in range(MOST_LINES):
        line = file.readline(LONGEST_LINE + 1)
        if len(line) > LONGEST_LINE:
            break
        if not line.rstrip():
            return
        yield line.rstrip()
    raise ValueError("the header is too long")


def check_lines(path: Path) -> int:
    """The bytes of the files that hold the voxels, as they are stored.

    Raises:
        InputError: ITK must not read the file.
    """
    files, listed = [path], False
    with open(path, "rb") as file:
        names: list[str] = []
        for line in _lines_or_sentence(file, path):
            if listed:
                names.append(line.decode("utf-8", "replace").strip())
                continue
            key, value = _field(line)
            if b"\0" in line or (key and key not in FREE_TEXT and len(line) > LONGEST_FIELD):
                raise _damaged(path)
            if key == "datafile":
                words = value.split()
                listed = words[:1] == ["LIST"]
                files = [] if listed else numbered_files(path, words, backward=True) if "%" in value else [data_file(path, value)]
    return sum(each.stat().st_size for each in (listed_files(path, names) if listed else files))


def _lines_or_sentence(file: IO[bytes], path: Path) -> Iterator[bytes]:
    """The lines as ITK sees them, for which a carriage return ends one too."""
    try:
        for line in raw_lines(file):
            yield from line.split(b"\r")
    except ValueError as error:
        raise _damaged(path) from error


def _field(line: bytes) -> tuple[str, str]:
    """The name of a field without blanks and in small letters, and its value; an empty name of what is none."""
    key, mark, value = line.decode("utf-8", "replace").partition(":")
    if not mark or line.startswith(b"#") or value.startswith("="):
        return "", ""
    return "".join(key.split()).lower(), value.strip()


def _damaged(path: Path) -> InputError:
    return InputError(f"'{path.name}' cannot be read as an image: it is truncated, damaged or not what its name says.")
