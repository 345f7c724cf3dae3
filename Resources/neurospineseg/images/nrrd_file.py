"""NRRD files: what their headers say, by pynrrd, and reading and writing them as 3D Slicer does.

Slicer (5.12) reads a file of one number per voxel through ITK, which takes a space that is not the patient's (none, ``scanner-xyz``,
``3D-right-handed``, ...) for left-posterior-superior, and a file of several numbers per voxel through Teem
(``vtkTeemNRRDReader``), which takes it for right-anterior-superior and puts a file without an origin around 0.
"""

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
from neurospineseg.errors.of_files import reading_failed
from neurospineseg.geometry.affine import LPS_AND_RAS, Affine
from neurospineseg.images.nrrd_lines import check_lines, raw_lines

QUICK, SMALL = 2, 6
"""Levels of zlib. A noisy scan takes five times as long at the higher one and is no smaller, a label map twice as long and is half as large."""
WORDS = {
    "b1": "unsigned char",
    "i1": "signed char",
    "u1": "unsigned char",
    "i2": "short",
    "u2": "unsigned short",
    "i4": "int",
    "u4": "unsigned int",
    "i8": "long long int",
    "u8": "unsigned long long int",
    "f4": "float",
    "f8": "double",
}
"""NRRD's names of types of voxel, in Slicer's spelling, by numpy's."""
TO_RAS = {
    "left-posterior-superior": (-1.0, -1.0, 1.0),
    "lps": (-1.0, -1.0, 1.0),
    "left-anterior-superior": (-1.0, 1.0, 1.0),
    "las": (-1.0, 1.0, 1.0),
}
"""Signs that take a space's axes to right, anterior and superior; Slicer converts no others."""
PATIENT_SPACES = frozenset({*TO_RAS, "right-anterior-superior", "ras"})
"""Spaces with a left and a right."""
VECTORS = ("space directions", "space origin", "measurement frame")
ALONG_SPACE = ("domain", "space", "time", "???", "none")
"""Kinds of axes that are not the numbers in a voxel, or of which nothing is known."""
OTHER_LENGTHS = re.compile("[uµμnc]?m|microns?|(micro|nano|centi)?met(er|re)s?|in|inch(es)?")
"""Lengths that are no millimeters."""


def read_nrrd(path: Path) -> tuple[np.ndarray, Affine, bool]:
    """Voxels [k, j, i], or [t, k, j, i] where there are several in one place, their ijk to RAS mm as Slicer reads them, and whether
    the file records it: False where its space is none of a patient's.

    Raises:
        InputError: the file cannot be used; the message says why and what to do.
    """
    try:
        header = read_header(path)
    except InputError:
        header = {}
    _check_kinds(header, path.name)
    _check_units(header, path.name)
    if is_layered(header):
        count = int(header["sizes"][_range_axis(header)])
        raise InputError(
            f"'{path.name}' is a Slicer segmentation of {count} layers, since segments overlap, not one volume; export it as a label map in Slicer's module Segmentations."
        )
    return *read_voxels(path, header), not header or str(header.get("space", "")).lower() in PATIENT_SPACES


def read_voxels(path: Path, header: Mapping[str, Any]) -> tuple[np.ndarray, Affine]:
    """``read_nrrd`` without looking at the header's kinds, units and layers first."""
    from neurospineseg.images.itk_file import read_itk

    array, affine = read_itk(path, "NrrdImageIO", check_lines(path))
    return array, affine if _range_axis(header) is None else _affine_of_teem(header)


def is_layered(header: Mapping[str, Any]) -> bool:
    """Whether a header is that of a segmentation of Slicer with several layers."""
    return "Segment0_ID" in header and _range_axis(header) is not None


def _check_kinds(header: Mapping[str, Any], name: str) -> None:
    for kind in map(str.lower, header.get("kinds", [])):
        if kind == "complex":
            raise InputError(f"'{name}' holds complex numbers; export the magnitude image.")
        if "color" in kind:
            raise InputError(f"'{name}' holds colors or records, not gray values; export a gray-scale volume.")
        if "matrix" in kind or kind == "quaternion":
            raise InputError(f"'{name}' holds a {kind} in each voxel, not gray values; export a gray-scale volume.")


def _check_units(header: Mapping[str, Any], name: str) -> None:
    """Slicer takes every length for mm, so that a mask of the true size would not lie on the scan there."""
    for field in ("space units", "units"):
        for unit in header.get(field, []):
            if OTHER_LENGTHS.fullmatch(unit.strip().lower()):
                raise InputError(
                    f"'{name}' states lengths in '{unit}' (field '{field}' of its header), which Slicer reads as mm; write them in mm."
                )


def _range_axis(header: Mapping[str, Any]) -> int | None:
    """The axis of the numbers in each voxel, where Slicer reads the file through Teem; None where it does not."""
    sizes, kinds = header.get("sizes", ()), header.get("kinds", ())
    along = [axis for axis, kind in enumerate(kinds) if kind.lower() not in ALONG_SPACE]
    directions = header.get("space directions")
    if len(sizes) != 4 or len(kinds) != 4 or len(along) != 1 or sizes[along[0]] < 2:
        return None
    if directions is not None and np.shape(directions) != (4, 3):
        return None
    return along[0]


def _affine_of_teem(header: Mapping[str, Any]) -> Affine:
    """From ijk to RAS mm; a space that is not the patient's counts as right-anterior-superior, and 0 lies in the middle without an origin."""
    axes = [axis for axis in range(4) if axis != _range_axis(header)]
    space = str(header.get("space", "")).lower()
    if header.get("space directions") is not None:
        linear = np.array([header["space directions"][axis] for axis in axes], float).T
    else:
        steps = [header["spacings"][axis] if "spacings" in header else 1.0 for axis in axes]
        linear = np.diag(np.where(np.isfinite(steps), steps, 1.0))
    offset = -linear @ ((np.asarray(header["sizes"])[axes] - 1) / 2)
    if header.get("space origin") is not None and np.isfinite(header["space origin"]).all():
        offset = header["space origin"]
    return Affine.of(np.diag(TO_RAS.get(space, (1.0, 1.0, 1.0)))) @ Affine.of(linear, offset)


def read_header(path: Path) -> dict[str, Any]:
    """The fields and key/value pairs of a header, as pynrrd gives them, but with all letters and without escapes.

    Raises:
        InputError: it is no NRRD header, or the file cannot be opened.
    """
    try:
        with open(path, "rb") as file, np.errstate(invalid="ignore"):
            header = dict(nrrd.read_header(_lines(file)))
    except OSError as error:
        raise reading_failed(error, path.name) from error
    except (NRRDError, ValueError, KeyError, IndexError, TypeError, OverflowError, StopIteration) as error:
        raise InputError(f"'{path.name}' has no NRRD header that can be read; export the file again.") from error
    return {name: _plain(value) if isinstance(value, str) else value for name, value in header.items()}


def _lines(file: IO[bytes]) -> Iterator[str]:
    """The lines of a header: fields in small letters, and the last of several values of a key, as Slicer reads them."""
    lines: list[str] = []
    notes = {}
    for raw in raw_lines(file):
        line = raw.decode("utf-8", "replace").rstrip()
        key, mark, value = line.partition(":")
        if not line.startswith("#") and value.startswith("="):
            notes[key] = line
        else:
            field = key.lower() if lines else key
            lines.append(f"{field}{mark}{_spaced(value) if field in VECTORS else value}")
    return iter([*lines, *notes.values()])


def _spaced(vectors: str) -> str:
    """Vectors with spaces between them and none inside, as pynrrd wants them."""
    return re.sub(r"(?<=\))(?=[(n])|(?<=none)(?=\()", " ", re.sub(r"\s*([(,)])\s*", r"\1", vectors))


def write_nrrd(voxels: np.ndarray, ijk_to_ras: np.ndarray, path: Path, notes: Mapping[str, str], level: int = QUICK) -> None:
    """Writes voxels with gzip, plane by plane.

    Args:
        voxels: (K, J, I) of whole numbers or floats of 32 or 64 bits.
        ijk_to_ras: 4x4, mm.
        notes: key/value pairs below the fields, of any letters.
        level: of compression.

    Raises:
        OSError: the file cannot be written.
    """
    lines = [*_fields(voxels, ijk_to_ras), *(f"{key}:={_escaped(notes[key])}" for key in sorted(notes)), "", ""]
    packer = zlib.compressobj(level, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    with open(path, "wb") as file:
        file.write("\n".join(lines).encode("utf-8"))
        for plane in voxels:
            file.write(packer.compress(plane.astype(plane.dtype.newbyteorder("<"), copy=False).tobytes()))
        file.write(packer.flush())


def _fields(voxels: np.ndarray, ijk_to_ras: np.ndarray) -> list[str]:
    to_lps = Affine(LPS_AND_RAS @ ijk_to_ras + 0.0)
    return [
        "NRRD0004",
        "# Complete NRRD file format specification at:",
        "# http://teem.sourceforge.net/nrrd/format.html",
        f"type: {WORDS[voxels.dtype.str[1:]]}",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {nrrd.format_number_list(voxels.shape[::-1])}",
        f"space directions: {nrrd.format_vector_list(to_lps.linear.T)}",
        "kinds: domain domain domain",
        *(["endian: little"] if voxels.itemsize > 1 else []),
        "encoding: gzip",
        f"space origin: {nrrd.format_vector(to_lps.offset)}",
    ]


def _plain(value: str) -> str:
    return re.sub(r"\\(.)", lambda escape: {"n": "\n"}.get(escape[1], escape[1]), value)


def _escaped(text: str) -> str:
    """As NRRD wants values: a backslash and a new line become two signs each."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")
