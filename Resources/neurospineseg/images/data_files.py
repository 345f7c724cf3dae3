"""Which files are opened because a name or a header says so: regular files, beside a header only those in its own folder, and of a size
that can be true. Whoever sends a scan chooses what its header says.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from math import prod
from pathlib import Path

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import reading_failed

MOST_VOXELS = 2**31
MOST_FILES = 10_000
"""That one header may name."""
BEST_PACKING = 1100
"""So many times its own size may a packed file unpack to (zlib's limit is 1032)."""
NUMBERS, NUMBERS_BACKWARD = "[0-9]{1,9} [0-9]{1,9} [0-9]{1,9}", "[0-9]{1,9} [0-9]{1,9} -?[0-9]{1,9}"
PATTERN = re.compile(r"[^%]*%0?[0-9]?d[^%]*")
"""What C's ``printf`` makes a name of with one number, and no longer than a number is."""


def size_of(path: Path) -> int:
    """Bytes of what is at a path.

    Raises:
        InputError: nothing is there, the system does not tell, or it is neither a file nor a folder: reading a pipe or a device may never end.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, ValueError) as error:
        raise InputError(f"The file '{path}' does not exist; check the path.") from error
    except OSError as error:
        raise reading_failed(error, path) from error
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise InputError(f"'{path.name}' is a pipe or a device, not a file; copy the scan into a file.")
    return found.st_size


def data_file(header: Path, name: str) -> Path:
    """The file in which a header says that voxels lie.

    Raises:
        InputError: it lies outside the header's folder, or is no file.
    """
    folder = os.path.abspath(header.parent)
    path = Path(os.path.normpath(os.path.join(folder, name)))
    if "\0" in name or "\\" in name or not path.is_relative_to(folder):
        raise InputError(f"'{header.name}' says that its voxels lie in '{name}', outside its own folder; put both files into one folder.")
    if not os.path.isfile(path):  # also where the name is too long
        raise InputError(f"'{header.name}' says that its voxels lie in '{name}', which is no file beside it; copy both files together.")
    return path


def numbered_files(header: Path, words: Sequence[str], *, backward: bool = False) -> list[Path]:
    """The files of a pattern such as ``slice%03d.raw 1 20 1``: name, first and last number, step.

    Args:
        backward: whether the step may be negative.

    Raises:
        InputError: it is no such pattern, or a file cannot be used.
    """
    pattern, numbers = words[0], words[1:4]
    if not PATTERN.fullmatch(pattern) or not re.fullmatch(NUMBERS_BACKWARD if backward else NUMBERS, " ".join(numbers)):
        raise InputError(
            f"'{header.name}' names its files by '{' '.join(words)}', which is no pattern with a number; export the scan again."
        )
    first, last, step = map(int, numbers)
    count = (last - first) // step + 1 if step else 0
    if not 0 < count <= MOST_FILES:
        raise InputError(f"'{header.name}' names {max(count, 0)} files; give a scan of 1 to {MOST_FILES} files.")
    return [data_file(header, pattern % (first + index * step)) for index in range(count)]


def listed_files(header: Path, names: Sequence[str]) -> list[Path]:
    """The files that a header lists.

    Raises:
        InputError: there are none or too many, or one cannot be used.
    """
    if not 0 < len(names) <= MOST_FILES:
        raise InputError(f"'{header.name}' names {len(names)} files; give a scan of 1 to {MOST_FILES} files.")
    return [data_file(header, name) for name in names]


def check_promise(sizes: Sequence[int], voxel_bytes: int, stored: int, name: str) -> None:
    """Raises InputError where a header promises more voxels than any scan has, or than ``stored`` bytes can hold, packed as well as may be."""
    if prod(sizes) > MOST_VOXELS:
        raise InputError(f"'{name}' states a size of {' x '.join(map(str, sizes))} voxels, larger than any scan; check the file's header.")
    if prod(sizes) * voxel_bytes > BEST_PACKING * stored:
        raise InputError(f"'{name}' cannot be read as an image: it is truncated, damaged or not what its name says.")
