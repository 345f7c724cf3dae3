"""MetaImage files as other programs write them, and headers by which ITK returns other voxels than are stored."""

from __future__ import annotations

import errno
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import SimpleITK as sitk

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import FileError
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


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.float32, np.float64])
def test_packed_numbers_of_every_type_are_those_that_itk_reads(tmp_path: Path, kind: type) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS.astype(kind)), str(tmp_path / "scan.mha"), useCompression=True)
    expected = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "scan.mha")))
    np.testing.assert_array_equal(read_volume(tmp_path / "scan.mha").voxels, expected)


@pytest.mark.parametrize("fields", ["BinaryDataByteOrderMSB", "ElementByteOrderMSB"])
def test_packed_numbers_with_the_high_byte_first(tmp_path: Path, fields: str) -> None:
    packed = zlib.compress(VOXELS.astype(">i2").tobytes())
    path = written(tmp_path, f"CompressedData = True\nCompressedDataSize = {len(packed)}\nElementDataFile = LOCAL\n", packed)
    path.write_bytes(path.read_bytes().replace(b"BinaryDataByteOrderMSB = False", f"{fields} = True".encode()))
    np.testing.assert_array_equal(read_volume(path).voxels, sitk.GetArrayFromImage(sitk.ReadImage(str(path))))


@pytest.mark.parametrize("join", [sitk.JoinSeries, sitk.Compose], ids=["4D", "vectors"])
def test_a_frame_of_several_packed_volumes(tmp_path: Path, join: Callable[[list[sitk.Image]], sitk.Image]) -> None:
    sitk.WriteImage(join([sitk.GetImageFromArray(voxels) for voxels in (VOXELS, VOXELS + 1)]), str(tmp_path / "scan.mha"), True)
    np.testing.assert_array_equal(read_volume(tmp_path / "scan.mha", frame=1).voxels, VOXELS + 1)


def test_packed_voxels_that_may_not_be_read_are_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "CompressedData = True\nElementDataFile = d.zraw\n", beside={"d.zraw": zlib.compress(RAW)})

    def refuse(name: Path, *rest: str) -> IO[bytes]:
        if Path(name).name == "d.zraw":
            raise PermissionError(errno.EACCES, "Permission denied", str(name))
        return open(name, *rest)

    monkeypatch.setattr("neurospineseg.images.meta_image_header.open", refuse, raising=False)
    with pytest.raises(FileError, match="'d.zraw' cannot be read without permission"):
        read_volume(path)
