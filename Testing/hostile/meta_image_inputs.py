"""MetaImage files, with their voxels in the file and elsewhere."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from neurospineseg.images.volume import read_volume
from Testing.hostile.case import Hostile, decoy, endless, fifo, sparse, written

VOXELS = np.arange(9 * 8 * 7, dtype="<i2").tobytes()
FIELDS = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "CompressedData": "False",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": "0 0 0",
    "ElementSpacing": "2 2 2",
    "DimSize": "9 8 7",
    "ElementType": "MET_SHORT",
}


def text(data: str | None, fields: dict[str, str | None] | None = None) -> bytes:
    lines = {**FIELDS, **(fields or {}), "ElementDataFile": data}
    return "".join(f"{name} = {value}\n" for name, value in lines.items() if value is not None).encode("utf-8", "surrogateescape")


def made(name: str, kind: str, make: Callable[[Path], Path], harmless: bool = False) -> Hostile:
    return Hostile(name, kind, make, read_volume, harmless)


def stated(name: str, kind: str, harmless: bool = False, voxels: bytes = VOXELS, **fields: str | None) -> Hostile:
    return made(name, kind, lambda folder: written(folder, "scan.mha", text("LOCAL", fields) + voxels), harmless)


def detached(name: str, data: Callable[[], str], ending: str = ".mhd", lines: str = "", **fields: str | None) -> Hostile:
    def make(folder: Path) -> Path:
        fifo(folder / "pipe.raw")
        endless(folder / "endless.raw")
        (folder / "folder.raw").mkdir()
        written(folder, "short.raw", b"xx")
        return written(folder, f"scan{ending}", text(data(), fields) + lines.encode())

    return made(name, "detached", make)


def packed(name: str, kind: str, content: bytes, harmless: bool = False, **fields: str | None) -> Hostile:
    return stated(name, kind, harmless, content, **{"CompressedData": "True", "CompressedDataSize": str(len(content)), **fields})


def _bomb() -> bytes:
    packer = zlib.compressobj(9)
    block = bytes(2**20)
    return b"".join([*(packer.compress(block) for _ in range(64)), packer.flush()])


def _hidden(line: str) -> Hostile:
    """Ways to name the data file that another reader may pass over."""

    def make(folder: Path) -> Path:
        return written(folder, "scan.mhd", text(None) + line.format(decoy()).encode() + b"\n")

    return made(f"field-{line!r}", "detached", make)


INPUTS = [
    *(stated(f"dims-{n}", "dimensions", NDims=n) for n in ("0", "-1", "1", "2", "4", "11", "100", "1000000000", "nan", "x", "")),
    *(stated(f"size-{n}", "sizes", DimSize=n) for n in ("0 8 7", "-9 8 7", "9 8", "x y z", "nan 8 7", "", "1 1 1", "9 8 700")),
    *(stated(f"size-{n}-cubed", "sizes", DimSize=f"{n} {n} {n}") for n in (1500, 20000, 2**31 - 1, 2**40, 10**30)),
    *(stated(f"type-{n[:12]}", "wrong types", ElementType=n) for n in ("MET_OTHER", "MET_STRING", "MET_NONE", "short", "", "x" * 5000)),
    *(stated(f"channels-{n}", "sizes", ElementNumberOfChannels=n) for n in ("0", "-1", "1000000000", "3", "x")),
    *(stated(f"spacing-{n}", "spacings", ElementSpacing=n) for n in ("0 2 2", "-2 2 2", "nan 2 2", "inf 2 2", "2 2", "x y z", "1e-320 2 2")),
    *(stated(f"spacing-{n:g}", "spacings", True, ElementSpacing=f"{n} {n} {n}") for n in (1e300, 1e30, 1e-30)),
    *(stated(f"matrix-{n}", "geometry", TransformMatrix=n) for n in (
        "nan 0 0 0 1 0 0 0 1", "inf 0 0 0 1 0 0 0 1", "0 0 0 0 0 0 0 0 0", "1 0 0 1 0 0 0 0 1", "1 0 0", "x",
    )),  # fmt: skip
    stated("matrix-1e300", "geometry", True, TransformMatrix="1e300 0 0 0 1e300 0 0 0 1e300"),
    *(stated(f"offset-{n}", "geometry", Offset=n) for n in ("nan 0 0", "inf 0 0")),
    stated("offset-huge", "geometry", True, Offset="1e300 0 0"),
    *(stated(f"bool-{n}", "wrong types", True, BinaryDataByteOrderMSB=n) for n in ("maybe", "", "x" * 5000)),
    stated("ascii", "wrong types", True, BinaryData="False"),
    *(stated(f"object-{n}", "wrong types", ObjectType=n) for n in ("Scene", "Tube", "Mesh", "", "x" * 5000)),
    *(detached(f"header-{n}", lambda: "short.raw", HeaderSize=n) for n in ("-1", "-2", "99999999999", "nan")),
    *(packed(f"packed-size-{n}", "sizes", zlib.compress(VOXELS), True, CompressedDataSize=n) for n in ("-1", "0", "99999999999999", "x", "3")),
    packed("packed-cut", "truncated", zlib.compress(VOXELS)[:30]),
    packed("packed-not", "wrong types", VOXELS),
    packed("bomb", "gzip bomb", _bomb(), True),
    packed("bomb-promised", "gzip bomb", _bomb(), DimSize="1500 1500 1500"),
    *(made(f"cut-{end}", "truncated", lambda folder, e=end: written(folder, "scan.mha", (text("LOCAL") + VOXELS)[:e])) for end in (1, 12, 60, 200, -2)),
    made("text", "wrong types", lambda folder: written(folder, "scan.mha", b"Dear colleague\n" * 99)),
    made("other-kind", "wrong types", lambda folder: written(folder, "scan.mha", b"NRRD0004\ntype: short\ndimension: 3\nsizes: 9 8 7\nencoding: raw\n\n" + VOXELS)),
    made("no-data-field", "truncated", lambda folder: written(folder, "scan.mha", text(None) + VOXELS)),
    made("not-utf8", "encoding", lambda folder: written(folder, "scan.mha", text("LOCAL", {"Comment": "\udcff\udcfe"}) + VOXELS), harmless=True),
    made("null-bytes", "encoding", lambda folder: written(folder, "scan.mha", text("LOCAL").replace(b" = ", b"\0= ") + VOXELS)),
    made("twice", "duplicates", lambda folder: written(folder, "scan.mha", text("LOCAL").replace(b"DimSize", b"DimSize = 900 800 700\nDimSize") + VOXELS), harmless=True),
    made("long-line", "huge strings", lambda folder: written(folder, "scan.mha", text("LOCAL", {"Comment": "x" * 2**22}) + VOXELS)),
    made("keys", "huge strings", lambda folder: written(folder, "scan.mha", text("LOCAL", {f"k{n}": "v" for n in range(50000)}) + VOXELS)),
    made("pipe", "special files", lambda folder: fifo(folder / "scan.mha")),
    made("endless", "special files", lambda folder: endless(folder / "scan.mhd")),
    made("sparse", "sizes", lambda folder: sparse(folder / "scan.mha")),
    detached("absolute", lambda: str(decoy())),
    detached("absolute-in-mha", lambda: str(decoy()), ending=".mha"),
    detached("outside", lambda: f"../../{decoy().parent.name}/{decoy().name}"),
    detached("winding", lambda: f"folder.raw/../../../{decoy().parent.name}/{decoy().name}"),
    *(detached(f"data-{name[:24]}", lambda n=name: n) for name in (
        "/dev/zero", "/dev/stdin", "/proc/self/mem", "pipe.raw", "endless.raw", "folder.raw", "short.raw", "missing.raw", "scan.mhd", ".", "",
        "~/x.raw", "file:///etc/passwd", "a\0b.raw", "x" * 5000, "y" * 300, "C:\\secret.raw", "..\\..\\secret.raw",
    )),  # fmt: skip
    *(detached(f"list-{n!r}", lambda: "LIST", lines=n) for n in ("/dev/zero\n" * 7, "pipe.raw\n" * 7, "../../decoy/secret.raw\n" * 7, "short.raw\n", "")),
    detached("list-of-9", lambda: "LIST 9"),
    *(detached(f"pattern-{n}", lambda n=n: n) for n in (
        "%d.raw 1 7 1", "pipe%.0d.raw 0 6 1", "/dev/zero%.0d 0 6 1", "%s%s%s%n 1 7 1", "%0999999999d.raw 1 7 1", "x%d 1 2000000000 1",
        "x%d 1 7 0", "x%d 7 1 1", "x%d",
    )),  # fmt: skip
    *(_hidden(line) for line in (
        "ElementDataFile={}", "ElementDataFile:{}", "  ElementDataFile = {}", "Comment = ElementDataFile = LOCAL\nElementDataFile = {}",
        "Comment = x\rElementDataFile = LOCAL\nElementDataFile = {}", "ElementDataFile\t=\t{}",
    )),  # fmt: skip
]  # fmt: skip
