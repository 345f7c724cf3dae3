"""MetaImage files as other programs write them, and headers by which ITK returns other voxels than are stored."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from neurospineseg.errors import InputError
from neurospineseg.images.volume import read_volume

VOXELS = np.arange(9 * 8 * 7, dtype="<i2").reshape(7, 8, 9)
RAW = VOXELS.tobytes()
SLICES = {f"s{number}.raw": layer.tobytes() for number, layer in enumerate(VOXELS)}
PACKED = {name: zlib.compress(layer) for name, layer in SLICES.items()}
START = "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nTransformMatrix = 1 0 0 0 1 0 0 0 1\nDimSize = 9 8 7\nElementType = MET_SHORT\n"


def written(folder: Path, fields: str, content: bytes = b"", beside: Mapping[str, bytes] | None = None) -> Path:
    for name, inside in (beside or {}).items():
        (folder / name).write_bytes(inside)
    path = folder / "scan.mha"
    path.write_bytes(START.encode() + fields.encode() + content)
    return path


@pytest.mark.parametrize(
    "key, value",
    [("0010|0010", "Doe^J"), ("Series Description", "ax t1"), ("Note", "x" * 3000)],
    ids=["dicom", "blank in the name", "long"],
)
def test_notes_of_itk_are_no_damage(tmp_path: Path, key: str, value: str) -> None:
    image = sitk.GetImageFromArray(VOXELS)
    image.SetMetaData(key, value)
    sitk.WriteImage(image, str(tmp_path / "scan.mha"), useCompression=True)
    np.testing.assert_array_equal(read_volume(tmp_path / "scan.mha").voxels, VOXELS)


def test_a_header_may_be_longer_than_64_kb(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(VOXELS)
    for number in range(2000):
        image.SetMetaData(f"0099|{number:04x}", "x" * 30)
    sitk.WriteImage(image, str(tmp_path / "scan.mha"))
    np.testing.assert_array_equal(read_volume(tmp_path / "scan.mha").voxels, VOXELS)


def test_blank_lines_are_passed_over(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_volume(written(tmp_path, "\n  \nElementDataFile = LOCAL\n", RAW)).voxels, VOXELS)


def test_packed_slices_in_files_of_their_own_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "CompressedData = True\nElementDataFile = s%d.raw 0 6 1\n", beside=PACKED)
    np.testing.assert_array_equal(read_volume(path).voxels, VOXELS)


@pytest.mark.parametrize(
    "fields, content, beside",
    [
        ("CompressedData = True\nElementDataFile = LOCAL\n", zlib.compress(RAW), {}),
        ("HeaderSize = 4\nElementDataFile = LOCAL\n", RAW, {}),
        ("CompressedData = True\nHeaderSize = 4\nElementDataFile = d.zraw\n", b"", {"d.zraw": b"head" + zlib.compress(RAW)}),
        ("CompressedData = True\nHeaderSize = -1\nElementDataFile = d.zraw\n", b"", {"d.zraw": zlib.compress(RAW)}),
        ("CompressedData = True\nElementDataFile = s%d.raw 0 6 1\n", b"", {**PACKED, "s3.raw": PACKED["s3.raw"][:20]}),
        ("ElementDataFile = s%d.raw 6 0 -1\n", b"", SLICES),
    ],
    ids=["no packed size", "header in a header", "packed behind a header", "packed at the end", "a packed slice cut", "backward"],
)
def test_headers_by_which_itk_returns_other_voxels_are_refused(
    tmp_path: Path, fields: str, content: bytes, beside: Mapping[str, bytes]
) -> None:
    with pytest.raises(InputError):
        read_volume(written(tmp_path, fields, content, beside))


@pytest.mark.parametrize("line", ["Name = " + "x" * 400, "Comment = " + "x" * 400, "k" * 400 + " = 1"], ids=["name", "comment", "key"])
def test_text_that_itk_copies_into_too_little_memory_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match="longer than Slicer can read; shorten it"):
        read_volume(written(tmp_path, f"{line}\nElementDataFile = LOCAL\n", RAW))
