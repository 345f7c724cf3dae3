"""NRRD files: what their headers say, by pynrrd, and writing them as 3D Slicer does."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import nrrd
import numpy as np
from nrrd.errors import NRRDError

from neurospineseg.errors import InputError

COMPRESSION = 6
"""Of zlib: half the size of level 1 in twice its time; level 9 takes six times as long for a tenth less."""
WORDS = {np.dtype(np.uint8): "unsigned char", np.dtype(np.uint16): "unsigned short"}
"""NRRD's names of the types of voxel that are written."""
LONGEST_HEADER = 2**24
"""Bytes."""
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_header(path: Path) -> dict[str, Any]:
    """The fields and key/value pairs of a header, as pynrrd gives them, but with all letters and without escapes.

    Raises:
        InputError: it is no NRRD header.
        OSError: the file cannot be opened.
    """
    try:
        with open(path, "rb") as file:
            header = dict(nrrd.read_header(_lines(file)))
    except (NRRDError, ValueError, KeyError, StopIteration) as error:
        raise InputError(f"'{path.name}' has no NRRD header that can be read; export the file again.") from error
    return {name: _plain(value) if isinstance(value, str) else value for name, value in header.items()}


def _lines(file: IO[bytes]) -> Iterator[str]:
    """The header's lines, so long as they are no longer than a header's are."""
    read = 0
    while read < LONGEST_HEADER and (line := file.readline(LONGEST_HEADER)):
        read += len(line)
        yield line.decode("utf-8", "replace")


def write_nrrd(voxels: np.ndarray, ijk_to_ras: np.ndarray, path: Path, notes: Mapping[str, str]) -> None:
    """Writes voxels with gzip, plane by plane.

    Args:
        voxels: uint8 or uint16 (K, J, I).
        ijk_to_ras: 4x4, mm.
        notes: key/value pairs below the fields, of any letters.

    Raises:
        OSError: the file cannot be written.
    """
    lines = [*_fields(voxels, ijk_to_ras), *(f"{key}:={_escaped(notes[key])}" for key in sorted(notes)), "", ""]
    packer = zlib.compressobj(COMPRESSION, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    with open(path, "wb") as file:
        file.write("\n".join(lines).encode("utf-8"))
        for plane in voxels:
            file.write(packer.compress(plane.astype(plane.dtype.newbyteorder("<"), copy=False).tobytes()))
        file.write(packer.flush())


def _fields(voxels: np.ndarray, ijk_to_ras: np.ndarray) -> list[str]:
    matrix = RAS_TO_LPS @ ijk_to_ras + 0.0
    return [
        "NRRD0004",
        "# Complete NRRD file format specification at:",
        "# http://teem.sourceforge.net/nrrd/format.html",
        f"type: {WORDS[voxels.dtype.newbyteorder('=')]}",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {nrrd.format_number_list(voxels.shape[::-1])}",
        f"space directions: {nrrd.format_vector_list(matrix[:3, :3].T)}",
        "kinds: domain domain domain",
        *(["endian: little"] if voxels.itemsize > 1 else []),
        "encoding: gzip",
        f"space origin: {nrrd.format_vector(matrix[:3, 3])}",
    ]


def _plain(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), value)


def _escaped(text: str) -> str:
    """As NRRD wants values: a backslash and a new line become two signs each."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")
