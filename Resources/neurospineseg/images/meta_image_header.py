"""MetaImage headers, looked at before ITK reads them: its parser trusts every number and opens every file that a header names."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import reading_failed
from neurospineseg.images.data_files import check_promise, data_file, listed_files, numbered_files

LONGEST_HEADER = 2**21
"""Bytes, with the names of files that follow."""
MOST_FIELDS = 5000
"""ITK keeps 32 kB for each."""
LONGEST_TEXT, LONGEST_NOTE = 250, 2**14
"""Bytes of a field's name and of the value of one of ``TEXTS``, which ITK copies into 255, and of the value of any other."""
TEXTS = frozenset("Comment ObjectType ObjectSubType TransformType Name AnatomicalOrientation Modality ElementType".split())
LINE = re.compile(rb"[ \t]*([^=:\s](?:[^=:\r]*[^=:\s])?)[ \t]*[=:](.*)")
TYPES = {
    **{
        "CHAR": "i1",
        "UCHAR": "u1",
        "ASCII_CHAR": "i1",
        "SHORT": "i2",
        "USHORT": "u2",
        "INT": "i4",
        "UINT": "u4",
        "LONG": "i4",
        "ULONG": "u4",
    },
    **{"LONG_LONG": "i8", "ULONG_LONG": "u8", "FLOAT": "f4", "DOUBLE": "f8"},
}
"""Of numbers, as numpy names them, by MetaImage's name without ``MET_``."""
DIRECTIONS = ("TransformMatrix", "Rotation", "Orientation")
PLACES = ("Offset", "Position", "Origin")
SIZES = ("ElementSpacing", "ElementSize")
BIG_ENDIAN = ("ElementByteOrderMSB", "BinaryDataByteOrderMSB")
"""Of two, ITK follows the first."""
DATA = "ElementDataFile"
PIECE = 2**20


@dataclass(frozen=True)
class MetaImageHeader:
    """What a header says.

    Attributes:
        fields: their values as they are written.
        end: where in the file it ends.
        listed: the lines that follow, where they list files.
    """

    path: Path
    fields: Mapping[str, str]
    end: int
    listed: tuple[str, ...] = ()

    @property
    def records_orientation(self) -> bool:
        """Whether it names the directions of its axes; without them ITK takes them for left, posterior and superior."""
        return not self.fields.keys().isdisjoint(DIRECTIONS)

    def unpacked(self) -> np.ndarray | None:
        """The numbers in the order in which they are stored, flat, where they are packed, since ITK passes over what cannot be unpacked;
        None where they are not.

        Raises:
            InputError: ITK must not read the file, or would return other voxels than are stored.
        """
        sizes = self._numbers()
        kind = self.fields.get("ElementType", "").removeprefix("MET_")
        if kind not in TYPES or self.fields.get("ObjectType", "Image") != "Image":
            raise self._damaged()
        packed, local = self._says("CompressedData"), self._files == [self.path]
        number = np.dtype(TYPES[kind]).newbyteorder(
            ">" if next((self._says(field) for field in BIG_ENDIAN if field in self.fields), False) else "<"
        )
        voxel_bytes = number.itemsize * self._whole("ElementNumberOfChannels", 1, 2**16, 1)
        check_promise(sizes, voxel_bytes, self.stored, self.path.name)
        promised = math.prod(sizes) * voxel_bytes
        self._check_begin(packed, local)
        if packed:
            return np.frombuffer(self._unpack(promised, local), number)
        if self._says("BinaryData", True) and self.stored < promised:
            raise self._damaged()
        return None

    @cached_property
    def stored(self) -> int:
        """The bytes in which the voxels lie."""
        return sum(file.stat().st_size for file in self._files) - (self.end if self._files == [self.path] else 0)

    def _numbers(self) -> list[int]:
        """The sizes, after all numbers of the geometry were looked at."""
        axes = self._whole("NDims", 1, 9)
        sizes = [int(word) if re.fullmatch("[0-9]{1,10}", word) else 0 for word in self.fields.get("DimSize", "").split()]
        if len(sizes) != axes or 0 in sizes:
            raise self._damaged()
        counts = {**dict.fromkeys(DIRECTIONS, axes**2), **dict.fromkeys((*PLACES, *SIZES), axes)}
        for field in counts.keys() & self.fields.keys():
            numbers = [_number(word) for word in self.fields[field].split()]
            if len(numbers) != counts[field] or not all(map(math.isfinite, numbers)):
                raise InputError(f"'{self.path.name}' states no usable {field} in its header; correct it or export the file again.")
            if field in SIZES and min(numbers) <= 0:
                raise InputError(f"'{self.path.name}' states a voxel spacing that is zero or negative; correct the file's header.")
        self._whole("HeaderSize", -1, 2**31, 0)
        self._whole("CompressedDataSize", 0, 2**40, 0)
        return sizes

    @cached_property
    def _files(self) -> list[Path]:
        """The files that hold the voxels."""
        value = self.fields[DATA]
        if value.lower() == "local":
            return [self.path]
        if value.split()[:1] == ["LIST"]:
            return listed_files(self.path, self.listed)
        return numbered_files(self.path, value.split()) if "%" in value else [data_file(self.path, value)]

    def _check_begin(self, packed: bool, local: bool) -> None:
        """ITK counts ``HeaderSize`` from the start of the file that holds the voxels, and looks there for packed ones whatever it is."""
        begin = self._whole("HeaderSize", -1, 2**31, 0)
        usable = {0, *([self.end] if local else []), *([] if packed else [-1])}
        if (packed or local) and begin not in usable:
            raise InputError(
                f"'{self.path.name}' states a HeaderSize of {begin}, by which Slicer reads other voxels than are stored; export the scan again."
            )

    def _unpack(self, promised: int, local: bool) -> bytearray:
        """What is packed; where it follows the header, ITK wants its size stated."""
        begin, stated, share = self.end if local else 0, self._whole("CompressedDataSize", 0, 2**40, 0), promised // len(self._files)
        if (local and not stated) or not share:
            raise self._damaged()
        made = bytearray()
        for file in self._files:
            made += _unpacked(file, begin, stated, share)
            if len(made) % share:
                raise self._damaged()
        if len(made) != promised:
            raise self._damaged()
        return made

    def _whole(self, field: str, least: int, most: int, default: int | None = None) -> int:
        text = self.fields.get(field, "" if default is None else str(default))
        if not re.fullmatch("-?[0-9]{1,12}", text) or not least <= int(text) <= most:
            raise self._damaged()
        return int(text)

    def _says(self, field: str, default: bool = False) -> bool:
        return self.fields[field][:1] in ("T", "t", "1") if field in self.fields else default

    def _damaged(self) -> InputError:
        return InputError(f"'{self.path.name}' cannot be read as an image: it is truncated, damaged or not what its name says.")


def meta_image_header(path: Path) -> MetaImageHeader:
    """The header of a file.

    Raises:
        InputError: it is none, or says a thing twice.
    """
    with open(path, "rb") as file:
        start = file.read(LONGEST_HEADER)
    fields: dict[str, str] = {}
    end = 0
    for line in start.splitlines(keepends=True) if b"\r" not in start.partition(DATA.encode())[0].replace(b"\r\n", b"") else []:
        end += len(line)
        if not line.strip():
            continue
        found = LINE.fullmatch(line.rstrip(b"\r\n"))
        if found is None or b"\0" in line or len(fields) == MOST_FIELDS:
            break
        key, value = (part.decode("utf-8", "replace").strip() for part in found.groups())
        if key in fields and key != "Comment":
            break
        _check_length(path.name, key, *map(len, found.groups()))
        fields[key] = value
        if key == DATA and value:
            listed = start[end:].decode("utf-8", "replace").splitlines() if value.split()[0] == "LIST" else []
            return MetaImageHeader(path, fields, end, tuple(each.strip() for each in listed if each.strip()))
    raise InputError(f"'{path.name}' cannot be read as an image: it is truncated, damaged or not what its name says.")


def _check_length(name: str, key: str, letters: int, bytes_: int) -> None:
    most = LONGEST_TEXT if key in TEXTS else LONGEST_NOTE
    if letters > LONGEST_TEXT or bytes_ > most:
        raise InputError(
            f"'{name}' has a field '{key[:40]}' in its header that is longer than Slicer can read; shorten it to {most} bytes."
        )


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan


def _unpacked(path: Path, begin: int, stated: int, most: int) -> bytearray:
    """What zlib makes of what lies behind ``begin``, of ``stated`` bytes where that is not 0; no more than ``most`` bytes.

    Raises:
        FileError: it cannot be read.
    """
    unpacker, made, left = zlib.decompressobj(47), bytearray(), stated or path.stat().st_size
    try:
        with open(path, "rb") as file:
            file.seek(begin)
            while len(made) < most and not unpacker.eof and (packed := unpacker.unconsumed_tail or file.read(min(PIECE, left))):
                left -= 0 if unpacker.unconsumed_tail else len(packed)
                made += unpacker.decompress(packed, min(PIECE, most - len(made)))
    except zlib.error:
        return made
    except OSError as error:
        raise reading_failed(error, path.name) from error
    return made
