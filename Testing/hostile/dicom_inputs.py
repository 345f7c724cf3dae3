"""DICOM files of one and of many frames, and folders of them."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from neurospineseg.images.volume import read_volume
from Testing.dicom_scans import enhanced, image, slices
from Testing.hostile.case import Hostile, decoy, endless, fifo, sparse, written
from Testing.hostile.nifti_inputs import single

SCAN = slices(count=4)
NAN = float("nan")


def content(dataset: FileDataset, syntax: str | None = None) -> bytes:
    """The file; of another transfer syntax only in what it states."""
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    found = stream.getvalue()
    if syntax is None:
        return found
    former, other = (uid.encode().ljust(len(uid) + len(uid) % 2, b"\0") for uid in (ExplicitVRLittleEndian, syntax))
    place = found.index(former)
    head = found[: place - 2] + struct.pack("<H", len(other)) + other + found[place + len(former) :]
    grown = struct.unpack_from("<I", head, 140)[0] + len(other) - len(former)
    return head[:140] + struct.pack("<I", grown) + head[144:]


def placed(k: int, **elements: Any) -> FileDataset:
    row, column = SCAN.of(k)
    own = dict(
        ImagePositionPatient=[f"{x:.5f}" for x in SCAN.positions[k]],
        ImageOrientationPatient=[f"{x:.7f}" for x in (*row, *column)],
        PixelSpacing=[2, 2],
    )
    return image(SCAN.voxels[k], k + 1, **{**own, **elements})


def series(folder: Path, change: Callable[[FileDataset], None] = lambda dataset: None, syntax: str | None = None, **elements: Any) -> Path:
    for k in range(4):
        dataset = placed(k, **elements)
        change(dataset)
        written(folder, f"{k}.dcm", content(dataset, syntax))
    return folder


def raw(tag: int, kind: str, value: bytes) -> Callable[[FileDataset], None]:
    """Puts a value as it is into a data set: one that pydicom would not write."""

    def change(dataset: FileDataset) -> None:
        element = pydicom.dataelem.RawDataElement(pydicom.tag.Tag(tag), kind, len(value), value, 0, False, True)
        dataset._dict[pydicom.tag.Tag(tag)] = element

    return change


def stated(name: str, kind: str, tag: int, vr: str, value: bytes, harmless: bool = False) -> Hostile:
    return Hostile(name, kind, lambda folder: series(folder, raw(tag, vr, value)), read_volume, harmless)


def made(name: str, kind: str, make: Callable[[Path], Path], harmless: bool = False) -> Hostile:
    return Hostile(name, kind, make, read_volume, harmless)


def numbers(name: str, kind: str, harmless: bool = False, **elements: Any) -> Hostile:
    return made(name, kind, lambda folder: series(folder, **elements), harmless)


def short(name: str, tag: int, values: tuple[int, ...], harmless: bool = False) -> list[Hostile]:
    return [stated(f"{name}-{n}", "sizes", tag, "US", struct.pack("<H", n), harmless) for n in values]


def frames(
    name: str, kind: str, change: Callable[[FileDataset], None] = lambda dataset: None, harmless: bool = False, **options: Any
) -> Hostile:
    """One enhanced file."""

    def make(folder: Path) -> Path:
        dataset = enhanced(SCAN, **options)
        change(dataset)
        return written(folder, "scan.dcm", content(dataset))

    return made(name, kind, make, harmless)


def cut(name: str, end: int) -> Hostile:
    def make(folder: Path) -> Path:
        for k in range(4):
            written(folder, f"{k}.dcm", content(placed(k))[:end])
        return folder

    return made(name, "truncated", make)


def packed(name: str, syntax: str, pixels: bytes) -> Hostile:
    def make(folder: Path) -> Path:
        for k in range(4):
            dataset = placed(k)
            dataset.file_meta.TransferSyntaxUID = UID(syntax)
            dataset.PixelData = encapsulate([pixels])
            dataset["PixelData"].is_undefined_length = True
            written(folder, f"{k}.dcm", content(dataset))
        return folder

    return made(name, "packed voxels", make)


def nested(depth: int, closed: bool) -> bytes:
    """Sequences in sequences, of undefined length."""
    begin = (
        bytes.fromhex("0880 1511".replace(" ", "").replace("0880", "0800"))
        + b"SQ\0\0\xff\xff\xff\xff"
        + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    )
    end = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    return begin * depth + (end * depth if closed else b"")


def _behind_header(inserted: bytes, tail: bool = True) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        for k in range(4):
            whole = content(placed(k))
            place = whole.index(b"\x10\x00\x10\x00PN")
            written(folder, f"{k}.dcm", whole[:place] + inserted + (whole[place:] if tail else b""))
        return folder

    return make


def _deflated(size: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        head = content(placed(0), DeflatedExplicitVRLittleEndian)
        start = 144 + struct.unpack_from("<I", head, 140)[0]
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        body = head[start:] + b"\x09\x00\x10\x00OB\0\0" + struct.pack("<I", size)
        packed_body = packer.compress(body) + b"".join(packer.compress(bytes(2**20)) for _ in range(size >> 20)) + packer.flush()
        written(folder, "0.dcm", head[:start] + packed_body)
        return folder

    return make


def _deep_folders(folder: Path) -> Path:
    place = folder
    for _ in range(60):
        place = place / "deeper"
    place.mkdir(parents=True)
    return folder


def _folder_with(special: Callable[[Path], Any], name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        special(folder / name)
        written(folder, "readme.txt", b"nothing")
        return folder

    return make


def _directory_of(reference: str) -> Callable[[Path], Path]:
    """A DICOMDIR that names a file."""

    def make(folder: Path) -> Path:
        dataset = image(SCAN.voxels[0], ReferencedFileID=reference, Rows=None, Columns=None, SOPClassUID="1.2.840.10008.1.3.10")
        return written(folder, "DICOMDIR", content(dataset))

    return make


def _delete(*names: str) -> Callable[[FileDataset], None]:
    def change(dataset: FileDataset) -> None:
        for name in names:
            delattr(dataset, name)

    return change


def _cut_groups(dataset: FileDataset) -> None:
    dataset.PerFrameFunctionalGroupsSequence = dataset.PerFrameFunctionalGroupsSequence[:2]


def _codestream(width: int, height: int) -> bytes:
    """The start of a JPEG 2000 image of that size."""
    size = struct.pack(">HIIIIIIIIH", 0, width, height, 0, 0, width, height, 0, 0, 1) + b"\x0f\x01\x01"
    return (
        b"\xff\x4f\xff\x51" + struct.pack(">H", len(size) + 2) + size + b"\xff\x52\x00\x0c\x00\x00\x00\x01\x00\x05\x04\x04\x00\x01\xff\xd9"
    )


def _jpeg(width: int, height: int) -> bytes:
    return (
        b"\xff\xd8\xff\xc0"
        + struct.pack(">HBHHB", 11, 8, height, width, 1)
        + b"\x01\x11\x00"
        + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
        + b"\0" * 64
        + b"\xff\xd9"
    )


def _rle(offsets: tuple[int, ...], body: bytes) -> bytes:
    return struct.pack("<16I", *offsets, *[0] * (16 - len(offsets))) + body


INPUTS = [
    *short("rows", 0x00280010, (0, 65535)),
    *short("columns", 0x00280011, (0, 65535)),
    *short("few-rows", 0x00280010, (1,), harmless=True),
    *short("few-columns", 0x00280011, (1,), harmless=True),
    *short("bits", 0x00280100, (0, 1, 7, 12, 64, 65535)),
    *short("stored", 0x00280101, (0, 17, 65535), harmless=True),
    *short("high", 0x00280102, (31, 65535), harmless=True),
    *short("sign", 0x00280103, (2, 65535), harmless=True),
    *short("samples", 0x00280002, (0, 3, 65535), harmless=True),
    *(stated(f"frames-{n.decode()}", "sizes", 0x00280008, "IS", n, n in (b"0 ", b"-5", b"abc ")) for n in (b"0 ", b"-5", b"abc ", b"2147483647", b"99999999999999999999", b"1e99", b"nan ")),
    *(stated(f"rows-as-{vr}", "wrong types", 0x00280010, vr, value) for vr, value in (("UT", b"many"), ("SQ", b""), ("DS", b"nan "), ("OB", b"\xff" * 8))),
    *(stated(f"colors-{n.decode('latin1')[:12]}", "wrong types", 0x00280004, "CS", n) for n in (b"PALETTE COLOR ", b"RGB ", b"YBR_FULL", b"", b"\xff\xfe")),
    *(numbers(f"position-all-{n}", "geometry", ImagePositionPatient=[n, n, n]) for n in ("nan", "inf", "1e300", "-1e300", "0")),
    *(stated(f"position-of-{n.decode('latin1')!r}", "geometry", 0x00200032, "DS", n) for n in (b"", b"1\\2", b"a\\b\\c ", b"\\\\", b"1\\2\\3\\4 ", b"\xff\xff")),
    *(numbers(f"orientation-{name}", "geometry", ImageOrientationPatient=values) for name, values in {
        "zero": [0] * 6, "nan": ["nan"] * 6, "same": [1, 0, 0, 1, 0, 0], "long": [5, 0, 0, 0, 5, 0], "five": [1, 0, 0, 0, 1],
    }.items()),  # fmt: skip
    *(numbers(f"spacing-{a}-{b}", "spacings", PixelSpacing=[a, b]) for a, b in (("0", "0"), ("-1", "2"), ("nan", "2"), ("inf", "2"))),
    *(numbers(f"spacing-{a}", "spacings", True, PixelSpacing=[a, a]) for a in ("1e300", "1e-300", "1e30")),
    *(numbers(f"slope-{n}", "intensities", RescaleSlope=n, RescaleIntercept="0") for n in ("0", "nan", "inf")),
    numbers("slope-1e300", "intensities", True, RescaleSlope="1e300", RescaleIntercept="1e300"),
    *(stated(f"slope-of-{n!r}", "intensities", 0x00281053, "DS", n) for n in (b"abc ", b"1\\2 ", b"\xff\xff")),
    *(numbers(f"intercept-{n}", "intensities", RescaleSlope="1", RescaleIntercept=n) for n in ("nan", "inf")),
    numbers("no-voxels", "truncated", PixelData=b""),
    made("voxels-missing", "truncated", lambda folder: series(folder, _delete("PixelData"))),
    numbers("voxels-few", "truncated", PixelData=b"\0\0" * 30),
    *(cut(f"cut-{end}", end) for end in (1, 100, 131, 132, 140, 160, 300, 400, 600, 700, 900, -1, -600)),
    made("sequences-deep", "nesting", _behind_header(nested(5000, True)), harmless=True),
    made("sequences-deep-open", "nesting", _behind_header(nested(5000, False))),
    made("sequences-very-deep", "nesting", _behind_header(nested(60000, True)), harmless=True),
    made("length-4-gb", "sizes", _behind_header(b"\x09\x00\x10\x00OB\0\0\xf0\xff\xff\xff")),
    made("length-undefined", "sizes", _behind_header(b"\x09\x00\x10\x00UN\0\0\xff\xff\xff\xff", tail=False)),
    made("length-negative", "sizes", _behind_header(b"\x09\x00\x10\x00SH\xff\xff")),
    made("tags-backwards", "duplicates", _behind_header(b"\x08\x00\x05\x00CS\x02\x00xx" * 500), harmless=True),
    made("kind-unknown", "wrong types", _behind_header(b"\x09\x00\x10\x00\xff\xffaaaa"), harmless=True),
    made("million-elements", "sizes", _behind_header(b"\x09\x00\x10\x00LO\x02\x00xx" * 200_000)),
    *(stated(f"charset-{n!r}", "encoding", 0x00080005, "CS", n, True) for n in (b"ISO_IR 999", b"\\\\\\\\", b"\xff\xff", b"ISO 2022 IR 87\\" * 1000)),
    stated("number-huge", "wrong types", 0x00200011, "IS", b"9" * 300, True),
    stated("number-of-letters", "wrong types", 0x00200013, "IS", b"zzzz", True),
    stated("uid-..", "..", 0x0020000E, "UI", b"../../../../etc/passwd", True),
    stated("uid-huge", "huge strings", 0x0020000E, "UI", b"1." * 30000, True),
    stated("type-mosaic-huge", "huge strings", 0x00080008, "CS", b"MOSAIC\\" * 8000),
    stated("class-text", "wrong types", 0x00080016, "UI", b"$(id)", True),
    stated("class-segmentation", "wrong types", 0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.66.4"),
    stated("echo-nan", "wrong types", 0x00180081, "DS", b"nan ", True),
    stated("echo-inf", "wrong types", 0x00180081, "DS", b"inf ", True),
    stated("step-nan", "spacings", 0x00180088, "DS", b"nan ", True),
    *(made(f"syntax-{n}", "wrong types", lambda folder, s=n: series(folder, syntax=s)) for n in ("1.2.3", "1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.1.99")),
    made("syntax-big-endian", "wrong types", lambda folder: series(folder, syntax="1.2.840.10008.1.2.2")),
    made("syntax-implicit", "wrong types", lambda folder: series(folder, syntax="1.2.840.10008.1.2"), harmless=True),
    made("deflated-bomb", "gzip bomb", _deflated(2**29)),
    *(packed(f"jpeg-{name}", JPEGBaseline8Bit, value) for name, value in {
        "noise": b"\xff" * 400, "start": b"\xff\xd8", "huge": _jpeg(65500, 65500), "small": _jpeg(1, 1), "zero": _jpeg(0, 0),
    }.items()),  # fmt: skip
    *(packed(f"j2k-{name}", JPEG2000Lossless, value) for name, value in {
        "noise": b"\xff" * 400, "start": b"\xff\x4f", "huge": _codestream(2**32 - 1, 2**32 - 1), "large": _codestream(40000, 40000),
        "zero": _codestream(0, 0),
    }.items()),  # fmt: skip
    *(packed(f"jls-{name}", JPEGLSLossless, value) for name, value in {"noise": b"\xff" * 400, "start": b"\xff\xd8\xff\xf7\x00\x0b\x10\xff\xff\xff\xff\x01\x01\x11\x00"}.items()),
    *(packed(f"rle-{name}", RLELossless, value) for name, value in {
        "noise": b"\xff" * 400, "many": _rle((16,), b""), "outside": _rle((2, 2**31, 2**32 - 1), b"\0" * 9), "backwards": _rle((2, 900, 64), b"\0" * 900),
        "long": _rle((2, 64, 64), b"\x81\x05" * 40000), "short": _rle((2, 64, 70), b"\0" * 8),
    }.items()),  # fmt: skip
    frames("groups-missing", "wrong types", _delete("PerFrameFunctionalGroupsSequence")),
    frames("groups-few", "wrong types", _cut_groups),
    frames("groups-empty", "wrong types", raw(0x52009230, "SQ", b"")),
    frames("groups-of-text", "wrong types", raw(0x52009230, "UT", b"groups")),
    frames("frames-of-one-file", "sizes", NumberOfFrames=100_000),
    frames("frames-as-many-as-may-be", "sizes", NumberOfFrames=2**31 - 1),
    frames("dimensions-of-text", "wrong types", raw(0x00209222, "UT", b"text"), True),
    frames("position-none", "geometry", groups=lambda k: {"PlanePositionSequence": None}),
    frames("position-of-frames-nan", "geometry", groups=lambda k: {"PlanePositionSequence": {"ImagePositionPatient": [NAN, NAN, NAN]}}),
    frames("orientation-huge", "geometry", groups=lambda k: {"PlaneOrientationSequence": {"ImageOrientationPatient": [1e300] * 6}}),
    frames("spacing-zero", "spacings", groups=lambda k: {"PixelMeasuresSequence": {"PixelSpacing": [0, 0]}}),
    frames("one-pixel-frames", "sizes", Rows=1, Columns=1, harmless=True),
    made("folder-pipe", "special files", _folder_with(fifo, "0.dcm")),
    made("folder-endless", "special files", _folder_with(endless, "0.dcm")),
    made("folder-sparse", "sizes", _folder_with(sparse, "0.dcm")),
    made("folder-link-loop", "special files", _folder_with(lambda path: os.symlink(path, path), "0.dcm")),
    made("folder-in-itself", "special files", _folder_with(lambda path: os.symlink(path.parent, path, True), "again")),
    made("folder-link-outside", "..", _folder_with(lambda path: os.symlink(decoy().parent, path, True), "outside")),
    made("folder-deep", "nesting", _deep_folders),
    made("folder-of-nifti", "wrong types", lambda folder: written(folder, "scan.nii", single()).parent, harmless=True),
    made("folder-name-not-utf8", "names", lambda folder: written(folder, os.fsdecode(b"\xff.dcm"), b"\0" * 128 + b"DICM" + b"\xff" * 99).parent),
    made("pipe", "special files", lambda folder: fifo(folder / "scan.dcm")),
    *(made(f"directory-{n!r}", "..", _directory_of(n)) for n in ("../../decoy/secret.raw", "/dev/zero", ["..", "..", "decoy", "secret.raw"])),
    made("only-preamble", "truncated", lambda folder: written(folder, "scan.dcm", bytes(128) + b"DICM")),
    made("preamble-and-noise", "wrong types", lambda folder: written(folder, "scan.dcm", bytes(128) + b"DICM" + np.random.default_rng(1).bytes(5000))),
    made("noise-of-group-8", "wrong types", lambda folder: written(folder, "scan.dcm", b"\x08\x00" + np.random.default_rng(2).bytes(5000))),
    made("group-2-endless", "nesting", lambda folder: written(folder, "scan.dcm", bytes(128) + b"DICM" + b"\x02\x00\x01\x00OB\0\0\xff\xff\xff\xff" * 400)),
]  # fmt: skip
