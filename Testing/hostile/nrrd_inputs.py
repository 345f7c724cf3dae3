"""NRRD files with and without voxels of their own, and Slicer's segmentations."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from neurospineseg.images.segmentation_file import read_segmentation
from neurospineseg.images.volume import read_volume
from Testing.hostile.case import Hostile, decoy, endless, fifo, sparse, written
from Testing.hostile.nifti_inputs import bomb

SHAPE = (9, 8, 7)
VOXELS = np.arange(np.prod(SHAPE), dtype="<i2").tobytes()
FIELDS = {
    "type": "short",
    "dimension": "3",
    "space": "left-posterior-superior",
    "sizes": "9 8 7",
    "space directions": "(2,0,0) (0,2,0) (0,0,2)",
    "kinds": "domain domain domain",
    "endian": "little",
    "encoding": "raw",
    "space origin": "(0,0,0)",
}
SEGMENT = {"Segment0_ID": "a", "Segment0_LabelValue": "1", "Segment0_Layer": "0", "Segment0_Name": "A", "Segment0_Color": "1 0 0"}


def text(fields: dict[str, str | None] | None = None, notes: dict[str, str] | None = None, magic: str = "NRRD0004") -> bytes:
    """A header; a field that is None is left out."""
    lines = [f"{name}: {value}" for name, value in {**FIELDS, **(fields or {})}.items() if value is not None]
    return "\n".join([magic, *lines, *(f"{key}:={value}" for key, value in (notes or {}).items()), "", ""]).encode(
        "utf-8", "surrogateescape"
    )


def stated(name: str, kind: str, harmless: bool = False, voxels: bytes = VOXELS, **fields: Any) -> Hostile:
    """A header that states something; underscores in ``fields`` stand for blanks."""
    own = {key.replace("_", " "): value for key, value in fields.items()}
    return made(name, kind, lambda folder: written(folder, "scan.nrrd", text(own) + voxels), harmless)


def made(name: str, kind: str, make: Callable[[Path], Path], harmless: bool = False) -> Hostile:
    return Hostile(name, kind, make, read_volume, harmless)


def detached(name: str, data: Callable[[], str], *, ending: str = ".nhdr", lines: str = "", **fields: Any) -> Hostile:
    """A header whose voxels lie elsewhere."""

    def make(folder: Path) -> Path:
        fifo(folder / "pipe.raw")
        endless(folder / "endless.raw")
        (folder / "folder.raw").mkdir()
        written(folder, "short.raw", b"xx")
        own = {**{key.replace("_", " "): value for key, value in fields.items()}, "data file": data()}
        head = text(own).rstrip(b"\n") + b"\n" + lines.encode()
        return written(folder, f"scan{ending}", head if lines else head + b"\n")

    return made(name, "detached", make)


def segmentation(name: str, kind: str, harmless: bool = True, voxels: bytes = VOXELS, fields: Any = None, **notes: str) -> Hostile:
    def make(folder: Path) -> Path:
        return written(folder, "mask.seg.nrrd", text({"type": "unsigned short", **(fields or {})}, {**SEGMENT, **notes}) + voxels)

    return Hostile(name, kind, make, read_segmentation, harmless)


def _million_segments(folder: Path) -> Path:
    notes = b"".join(b"Segment%d_ID:=s\nSegment%d_LabelValue:=%d\n" % (n, n, n) for n in range(200_000))
    return written(folder, "mask.seg.nrrd", text({"type": "unsigned short"}).rstrip(b"\n") + b"\n" + notes + b"\n" + VOXELS)


def _million_labels(folder: Path) -> Path:
    voxels = np.arange(100**3, dtype="<u4")
    return written(folder, "mask.seg.nrrd", text({"type": "unsigned int", "sizes": "100 100 100"}, SEGMENT) + voxels.tobytes())


def _behind_long_header(folder: Path) -> Path:
    """What lies behind the part of a header that is looked at."""
    filling = b"# filling\n" * 1_700_000
    head = text({"data file": str(decoy())}).replace(b"type:", filling + b"type:")
    return written(folder, "scan.nhdr", head)


def _unsaid_field(line: str) -> Hostile:
    """Ways to write the field of the data file that another reader may pass over."""

    def make(folder: Path) -> Path:
        return written(folder, "scan.nhdr", text().rstrip(b"\n") + b"\n" + line.format(decoy()).encode() + b"\n\n")

    return made(f"field-{line!r}", "detached", make)


INPUTS = [
    *(stated(f"sizes-{n}", "sizes", sizes=n) for n in ("0 8 7", "-9 8 7", "9 8", "9 8 7 6", "nan 8 7", "x y z", "", "1 1 1")),
    stated("sizes-9e9", "sizes", True, sizes="9e9 8 7"),
    *(stated(f"sizes-{n}-{encoding}", "sizes", sizes=f"{n} {n} {n}", encoding=encoding) for n in (20000, 2**31, 2**62, 10**30) for encoding in ("raw", "gzip")),
    *(stated(f"dimension-{n}", "dimensions", dimension=n) for n in ("0", "-1", "1", "2", "4", "17", "1000000000", "nan", "three", "")),
    *(stated(f"type-{n[:20]}", "wrong types", type=n) for n in ("block", "quaternion", "", "long double", "short short", "x" * 100_000)),
    stated("type-block-huge", "wrong types", type="block", block_size="1000000000000"),
    *(stated(f"encoding-{n[:9]}", "wrong types", n == "gzip", encoding=n) for n in ("bzip2", "none", "", "ascii", "hex", "gzip", "$(id)", "x" * 5000)),
    *(stated(f"endian-{n}", "wrong types", True, endian=n) for n in (None, "middle", "")),
    *(stated(f"directions-{n[:24]}", "geometry", n.startswith("none"), space_directions=n) for n in (
        "(nan,0,0) (0,2,0) (0,0,2)", "(inf,0,0) (0,2,0) (0,0,2)", "(0,0,0) (0,2,0) (0,0,2)", "(2,0,0) (2,0,0) (0,0,2)", "(2,0) (0,2)",
        "none none none", "((((((", "2 2 2", "(2,0,0) (0,2,0) (0,0,2) (0,0,2)", "",
    )),  # fmt: skip
    *(stated(f"directions-{n:g}", "geometry", True, space_directions=f"({n},0,0) (0,{n},0) (0,0,{n})") for n in (1e300, 1e-300, 1e30)),
    *(stated(f"spacings-{n}", "spacings", space=None, space_directions=None, space_origin=None, spacings=n) for n in (
        "0 2 2", "inf 2 2", "2 2", "x y z"
    )),  # fmt: skip
    stated("spacings-negative", "spacings", True, space=None, space_directions=None, space_origin=None, spacings="-2 2 2"),
    stated("spacings-nan", "spacings", True, space=None, space_directions=None, space_origin=None, spacings="nan nan nan"),
    *(stated(f"origin-{n}", "geometry", True, space_origin=n) for n in ("(nan,0,0)", "(inf,0,0)", "(1e300,0,0)", "none", "(0,0)")),
    *(stated(f"space-{n[:20]}", "geometry", True, space=n) for n in ("", "mars", "x" * 100_000, "3D-left-handed-time")),
    *(stated(f"kinds-{n}", "wrong types", True, kinds=n) for n in ("", "a b c", "domain", "3-color domain domain")),
    *(stated(f"units-{n!r}", "wrong types", space_units=n) for n in ('"um" "um" "um"', '"\x1b[2J" "mm" "m"')),
    *(stated(f"skip-{field}-{n}", "offsets", n[:1] == "-", **{field: n}) for field in ("line_skip", "byte_skip") for n in ("-1", "-2", "99999999999999", "nan")),
    stated("old-min", "geometry", True, axis_mins="nan nan nan", axis_maxs="inf inf inf"),
    *(made(f"cut-{end}", "truncated", lambda folder, e=end: written(folder, "scan.nrrd", (text() + VOXELS)[:e])) for end in (1, 4, 8, 9, 60, 200, -1)),
    *(made(f"magic-{n!r}", "wrong types", lambda folder, m=n: written(folder, "scan.nrrd", text(magic=m) + VOXELS)) for n in (
        "NRRD0099", "nrrd0004", "NRRD", "NRRD00041"
    )),  # fmt: skip
    made("text", "wrong types", lambda folder: written(folder, "scan.nrrd", b"Dear colleague\n" * 99)),
    made("other-kind", "wrong types", lambda folder: written(folder, "scan.nrrd", b"ObjectType = Image\nNDims = 3\nElementDataFile = LOCAL\n")),
    made("no-blank-line", "truncated", lambda folder: written(folder, "scan.nrrd", text().rstrip(b"\n"))),
    made("null-bytes", "encoding", lambda folder: written(folder, "scan.nrrd", text().replace(b": ", b":\0 ") + VOXELS)),
    made("not-utf8", "encoding", lambda folder: written(folder, "scan.nrrd", text({"content": "\udcff\udcfe"}) + VOXELS), harmless=True),
    made("utf16", "encoding", lambda folder: written(folder, "scan.nrrd", text().decode().encode("utf-16") + VOXELS)),
    made("twice", "duplicates", lambda folder: written(folder, "scan.nrrd", text().replace(b"sizes: 9 8 7", b"sizes: 9 8 7\nsizes: 900 800 700") + VOXELS)),
    made("keys", "huge strings", lambda folder: written(folder, "scan.nrrd", text(notes={f"k{n}": "v" for n in range(20000)}) + VOXELS), harmless=True),
    made("long-line", "huge strings", lambda folder: written(folder, "scan.nrrd", text({"content": "x" * 2**24}) + VOXELS)),
    made("endless-line", "huge strings", lambda folder: written(folder, "scan.nrrd", b"NRRD0004\n" + b"x" * 2**25)),
    made("packed-cut", "truncated", lambda folder: written(folder, "scan.nrrd", text({"encoding": "gzip"}) + gzip.compress(VOXELS)[:40])),
    made("packed-bad", "truncated", lambda folder: written(folder, "scan.nrrd", text({"encoding": "gzip"}) + b"\x1f\x8b" + b"\xff" * 99)),
    made("bomb", "gzip bomb", lambda folder: written(folder, "scan.nrrd", text({"encoding": "gzip"}) + bomb(4096)), harmless=True),
    made("bomb-promised", "gzip bomb", lambda folder: written(folder, "scan.nrrd", text({"encoding": "gzip", "sizes": "2000 2000 500"}) + bomb(4096))),
    made("pipe", "special files", lambda folder: fifo(folder / "scan.nrrd")),
    made("endless", "special files", lambda folder: endless(folder / "scan.nhdr")),
    made("sparse", "sizes", lambda folder: sparse(folder / "scan.nrrd")),
    detached("absolute", lambda: str(decoy())),
    detached("absolute-in-nrrd", lambda: str(decoy()), ending=".nrrd"),
    detached("outside", lambda: f"../../{decoy().parent.name}/{decoy().name}"),
    detached("winding", lambda: f"folder.raw/../../../{decoy().parent.name}/{decoy().name}"),
    *(detached(f"data-{name[:24]}", lambda n=name: n) for name in (
        "/dev/zero", "/dev/stdin", "/proc/self/mem", "pipe.raw", "endless.raw", "folder.raw", "short.raw", "missing.raw", "scan.nhdr", ".", "",
        "-", "~/x.raw", "file:///etc/passwd", "http://localhost:1/x.raw", "a\0b.raw", "x" * 5000, "y" * 300, "C:\\secret.raw", "..\\..\\secret.raw",
    )),  # fmt: skip
    *(detached(f"list-{n}", lambda: "LIST", lines=n) for n in ("/dev/zero\n" * 7, "pipe.raw\n" * 7, "../../decoy/secret.raw\n" * 7, "short.raw\n", "")),
    *(detached(f"pattern-{n}", lambda n=n: n) for n in (
        "%d.raw 1 7 1", "pipe%d.raw 0 6 1", "/dev/zero%.0d 0 6 1", "%s%s%s%n 1 7 1", "%0999999999d.raw 1 7 1", "%d%d%d 1 7 1",
        "x%d 1 2000000000 1", "x%d 1 7 0", "x%d 7 1 1", "x%d", "x%099d.raw 1 7 1",
    )),  # fmt: skip
    *(_unsaid_field(line) for line in ("datafile: {}", "Data File: {}", "DATAFILE: {}", "data  file: {}", " data file: {}", "data file : {}", "data file:{}",
        " \ndata file: {}", "\t\ndata file: {}", "\v\ndata file: {}", "# x\rdata file: {}", "content: x\rdata file: {}", "a:=b\rdata file: {}", "data\tfile: {}")),
    made("behind-long-header", "detached", _behind_long_header),
    segmentation("label-huge", "a million labels", Segment0_LabelValue="99999999999999999999"),
    segmentation("label-negative", "a million labels", Segment0_LabelValue="-1"),
    segmentation("layer-outside", "wrong types", Segment0_Layer="99"),
    segmentation("color-nan", "wrong types", Segment0_Color="nan inf -1"),
    segmentation("name-..", "..", Segment0_ID="../../x", Segment0_Name="../../../etc/passwd"),
    segmentation("name-huge", "huge strings", Segment0_Name="x" * 1_000_000),
    segmentation("tags", "huge strings", Segment0_Tags="a:b|" * 100_000),
    segmentation("geometry", "wrong types", Segmentation_ConversionParameters="|".join(["x"] * 1000), Segmentation_ReferenceImageExtentOffset="nan"),
    segmentation("float", "wrong types", False, fields={"type": "double"}, voxels=np.full(SHAPE, np.nan).tobytes()),
    segmentation("negative", "wrong types", False, fields={"type": "short"}, voxels=np.full(SHAPE, -3, "<i2").tobytes()),
    segmentation("five-axes", "dimensions", False, fields={"dimension": "5", "sizes": "2 9 8 7 1", "kinds": "list domain domain domain domain",
        "space directions": "none (2,0,0) (0,2,0) (0,0,2) none"}),
    segmentation("layers-without-voxels", "sizes", False, fields={"dimension": "4", "sizes": "900 9 8 7", "kinds": "list domain domain domain",
        "space directions": "none (2,0,0) (0,2,0) (0,0,2)"}),
    Hostile("segments-million", "a million labels", _million_segments, read_segmentation, True),
    Hostile("labels-million", "a million labels", _million_labels, read_segmentation),
]  # fmt: skip
