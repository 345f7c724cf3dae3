"""NIfTI and Analyze files."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from neurospineseg.images.volume import read_volume
from Testing.hostile.case import Hostile, decoy, endless, fifo, sparse, written

SHAPE = (9, 8, 7)
NAN, INF = float("nan"), float("inf")


def header(kind: Any = nib.Nifti1Header, **fields: Any) -> np.ndarray:
    """A header as it is stored, with an sform, and with other values in some fields."""
    made = kind()
    made.set_data_dtype(np.int16)
    made.set_data_shape(SHAPE)
    made.set_sform(np.diag([2.0, 2.0, 2.0, 1.0]), 1)
    made["pixdim"][1:4] = 2.0
    made["vox_offset"] = 352 if kind is nib.Nifti1Header else 544
    stored = made.structarr.copy()
    stored["magic"] = b"n+1" if kind is nib.Nifti1Header else stored["magic"]
    for name, value in fields.items():
        if isinstance(value, dict):
            for place, number in value.items():
                stored[name][place] = number
        else:
            stored[name] = value
    return stored


def single(kind: Any = nib.Nifti1Header, extension: bytes = b"\0\0\0\0", **fields: Any) -> bytes:
    voxels = np.arange(np.prod(SHAPE), dtype="<i2").tobytes()
    return header(kind, **fields).tobytes() + extension + voxels


def stated(name: str, kind: str, harmless: bool = False, packed: bool = False, **fields: Any) -> Hostile:
    """An input whose header states something."""

    def make(folder: Path) -> Path:
        content = single(**fields)
        return written(folder, "scan.nii.gz", gzip.compress(content, 1)) if packed else written(folder, "scan.nii", content)

    return Hostile(name, kind, make, read_volume, harmless)


def made(name: str, kind: str, make: Callable[[Path], Path], harmless: bool = False) -> Hostile:
    return Hostile(name, kind, make, read_volume, harmless)


def cut(name: str, end: int, packed: bool) -> Hostile:
    def make(folder: Path) -> Path:
        content = gzip.compress(single(), 1) if packed else single()
        return written(folder, "scan.nii.gz" if packed else "scan.nii", content[:end])

    return Hostile(name, "truncated", make, read_volume, packed and -9 < end < 0)  # only the checksum is gone


def _pair(folder: Path, **fields: Any) -> Path:
    return written(folder, "scan.hdr", header(**{"magic": b"ni1", "vox_offset": 0, **fields}).tobytes())


def _pair_of_endless(folder: Path) -> Path:
    endless(folder / "scan.img")
    return _pair(folder)


def _large_pair_of_endless(folder: Path) -> Path:
    endless(folder / "scan.img")
    return _pair(folder, dim={1: 20000, 2: 20000, 3: 200})


def _pair_of_pipe(folder: Path) -> Path:
    fifo(folder / "scan.img")
    return _pair(folder)


def _analyze(folder: Path) -> Path:
    stored = nib.AnalyzeHeader()
    stored.set_data_dtype(np.int16)
    stored.set_data_shape(SHAPE)
    written(folder, "scan.img", bytes(2 * int(np.prod(SHAPE))))
    return written(folder, "scan.hdr", stored.binaryblock)


def _analyze_with_mat(folder: Path, content: bytes) -> Path:
    written(folder, "scan.mat", content)
    return _analyze(folder)


def _mat_pipe(folder: Path) -> Path:
    fifo(folder / "scan.mat")
    return _analyze(folder)


def _mat_endless(folder: Path) -> Path:
    endless(folder / "scan.mat")
    return _analyze(folder)


def _mat_of_text(folder: Path) -> Path:
    from scipy.io import savemat

    savemat(folder / "scan.mat", {"M": "not a matrix", "mat": np.zeros((4, 4), object)})
    return _analyze(folder)


def bomb(megabytes: int) -> bytes:
    """Gzip members of zeros, a thousandth as large."""
    member = gzip.compress(bytes(2**24), 9)
    return member * (megabytes // 16)


def _loop(folder: Path) -> Path:
    os.symlink(folder / "scan.nii", folder / "scan.nii")
    return folder / "scan.nii"


def _crc(folder: Path) -> Path:
    content = bytearray(gzip.compress(single(), 1))
    content[-6] ^= 255
    return written(folder, "scan.nii.gz", bytes(content))


def _extension(size: int, code: int = 6, rest: bytes = b"") -> bytes:
    return b"\1\0\0\0" + np.array([size, code], "<i4").tobytes() + rest


def _extended(name: str, extension: bytes, offset: float, packed: bytes | None = None) -> Hostile:
    def make(folder: Path) -> Path:
        content = single(extension=extension, vox_offset=offset)
        if packed is None:
            return written(folder, "scan.nii", content)
        return written(folder, "scan.nii.gz", gzip.compress(content[: 352 + 8]) + packed)

    return made(name, "sizes", make, harmless=True)


INPUTS = [
    *(stated(f"dim0-{n}", "dimensions", dim={0: n}) for n in (-1, 0, 1, 2, 8, 100, 32767, -32768)),
    *(stated(f"dim{axis}-{n}", "dimensions", dim={axis: n}) for axis in (1, 2, 3) for n in (0, -1, -32768)),
    *(stated(f"seven-axes-{n}", "sizes", dim={0: 7, 4: n, 5: n, 6: n, 7: n}) for n in (0, 2, 32767)),
    *(
        stated(
            f"terabytes-{kind}{'-gz' if packed else ''}", "sizes", packed=packed, datatype=kind, bitpix=bits, dim={1: 32767, 2: 32767, 3: n}
        )
        for kind, bits, n in ((2, 8, 32767), (4, 16, 1000), (16, 32, 500), (64, 64, 32767))
        for packed in (False, True)
    ),
    *(stated(f"type-{n}", "wrong types", datatype=n) for n in (0, 1, 3, 255, 9999, -1, 32, 128, 1536, 1792, 2048, 2304)),
    *(stated(f"bits-{n}", "wrong types", True, bitpix=n) for n in (0, -16, 64)),
    *(stated(f"pixdim{axis}-{n}", "spacings", pixdim={axis: n}) for axis in (1, 2, 3) for n in (NAN, INF, -INF, 0.0, -2.0)),
    *(stated(f"pixdim-{n:g}", "spacings", True, pixdim={1: n, 2: n, 3: n}) for n in (1e30, 1e-30, 1e-45, 3e38)),
    *(stated(f"srow-{n:g}", "geometry", srow_x=n) for n in (NAN, INF, 0.0)),
    stated("srow-huge", "geometry", True, srow_x=3e38, srow_y=3e38, srow_z=3e38),
    stated("srow-singular", "geometry", srow_x=1, srow_y=1, srow_z=1),
    *(
        stated(f"quatern-{n:g}", "geometry", True, sform_code=0, qform_code=1, quatern_b=n, quatern_c=n, quatern_d=n)
        for n in (NAN, INF, 5.0, -3e38)
    ),
    stated("qoffset-nan", "geometry", sform_code=0, qform_code=1, qoffset_x=NAN),
    stated("codes-negative", "geometry", True, sform_code=-5, qform_code=-9),
    stated("codes-unknown", "geometry", True, sform_code=99, qform_code=99),
    stated("units-unknown", "wrong types", True, xyzt_units=255),
    *(stated(f"offset-{n:g}", "offsets", vox_offset=n) for n in (NAN, INF, -INF, -1, 0, 348, 1e30, 2**31, 10**6)),
    stated("offset-fraction", "offsets", True, vox_offset=352.5),
    *(stated(f"slope-{n:g}", "intensities", True, scl_slope=n, scl_inter=n) for n in (NAN, INF, 3e38, 1e-45)),
    *(stated(f"size-{n}", "wrong types", True, sizeof_hdr=n) for n in (0, -1, 349, 2**31 - 1)),
    *(stated(f"magic-{n.hex()}", "wrong types", True, magic=n) for n in (b"", b"ni1", b"n+2", b"xxx", b"\xff\xff\xff")),
    *(
        made(f"nifti2-{name}", "sizes", lambda folder, d=dim: written(folder, "scan.nii", single(nib.Nifti2Header, dim=d)))
        for name, dim in {
            "huge": {1: 2**62, 2: 2**62, 3: 2**62},
            "overflow": {1: 2**32, 2: 2**32, 3: 2},
            "negative": {1: -(2**40)},
            "zero": {3: 0},
            "terabyte": {1: 2**14, 2: 2**14, 3: 2**12},
            "axes": {0: 2**40},
        }.items()
    ),
    _extended("extension-negative", _extension(-16), 352.0),
    _extended("extension-zero", _extension(0), 368.0),
    _extended("extension-odd", _extension(17, rest=bytes(9)), 384.0),
    _extended("extension-gigabytes", _extension(2**31 - 16), 2.0**31),
    _extended("extension-bomb", _extension(2**31 - 16), 2.0**31 + 352, bomb(4096)),
    *(cut(f"cut-{end}", end, False) for end in (1, 4, 100, 347, 348, 352, 353, 900)),
    *(cut(f"cut-gz-{end}", end, True) for end in (1, 2, 9, 10, 18, 60, 200, -1, -8)),
    made("crc", "truncated", _crc, harmless=True),
    made("gz-tail", "truncated", lambda folder: written(folder, "scan.nii.gz", gzip.compress(single()) + b"tail" * 99), harmless=True),
    made("not-packed", "wrong types", lambda folder: written(folder, "scan.nii.gz", single()), harmless=True),
    made("packed-unsaid", "wrong types", lambda folder: written(folder, "scan.nii", gzip.compress(single())), harmless=True),
    made("text", "wrong types", lambda folder: written(folder, "scan.nii", b"Dear colleague, " * 99)),
    made("zeros", "wrong types", lambda folder: written(folder, "scan.nii", bytes(4000))),
    made("ones", "wrong types", lambda folder: written(folder, "scan.nii", b"\xff" * 4000)),
    made("bomb-behind", "gzip bomb", lambda folder: written(folder, "scan.nii.gz", gzip.compress(single()) + bomb(4096)), harmless=True),
    made(
        "bomb-promised",
        "gzip bomb",
        lambda folder: written(folder, "scan.nii.gz", gzip.compress(single(dim={1: 2000, 2: 2000, 3: 500})) + bomb(4096)),
    ),
    made("bomb-alone", "gzip bomb", lambda folder: written(folder, "scan.nii.gz", bomb(4096))),
    made("pipe", "special files", lambda folder: fifo(folder / "scan.nii")),
    made("pipe-gz", "special files", lambda folder: fifo(folder / "scan.nii.gz")),
    made("endless", "special files", lambda folder: endless(folder / "scan.nii")),
    made("sparse", "sizes", lambda folder: sparse(folder / "scan.nii")),
    made("sparse-gz", "sizes", lambda folder: sparse(folder / "scan.nii.gz")),
    made("link-to-itself", "special files", _loop),
    made("folder", "special files", lambda folder: (folder / "scan.nii").mkdir() or folder / "scan.nii"),
    made("name-with-null", "names", lambda folder: folder / "scan\0.nii"),
    made("name-too-long", "names", lambda folder: folder / ("x" * 4000 + ".nii")),
    made("name-of-lines", "names", lambda folder: written(folder, "a\nb\x1b[31m.nii", b"x" * 400)),
    made("name-not-utf8", "names", lambda folder: written(folder, os.fsdecode(b"\xff\xfe.nii"), b"x" * 400)),
    made("no-img", "detached", _pair),
    made("img-endless", "detached", _pair_of_endless, harmless=True),
    made("img-endless-large", "detached", _large_pair_of_endless),
    made("img-pipe", "detached", _pair_of_pipe),
    made("mat-pipe", "detached", _mat_pipe),
    made("mat-endless", "detached", _mat_endless),
    made("mat-of-text", "wrong types", _mat_of_text),
    *(
        made(f"mat-{n}", "wrong types", lambda folder, c=content: _analyze_with_mat(folder, c))
        for n, content in enumerate((b"", b"MATLAB 5.0 MAT-file" + bytes(109) + b"\xff" * 99, b"\xff" * 600, b"\x80\x04cos\nsystem\n."))
    ),
    made("outside", "..", lambda folder: folder / ".." / ".." / decoy().name),
]
