"""What lies in folders of DICOM images: cut, damaged and repeated files, other files, odd names, no preamble, a DICOMDIR."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from neurospineseg.errors import InputError
from neurospineseg.images.volume import read_volume
from Testing.dicom_scans import SERIES, enhanced, image, saved, slices, write_series
from Testing.library.test_dicom_volumes import check


def cut(path: Path, share: float = 0.6) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


@pytest.mark.parametrize("share", [0.02, 0.2, 0.6, 0.99])
def test_a_cut_slice_inside_is_named_with_its_gap(tmp_path: Path, share: float) -> None:
    folder = write_series(tmp_path / "scan", slices())
    cut(folder / "0012.dcm", share)
    with pytest.raises(InputError, match=r"0012\.dcm.*between slices 11 and 12 of 23" if share > 0.1 else "between slices 11 and 12 of 23"):
        read_volume(folder)


def test_cut_slices_at_an_end_are_counted(tmp_path: Path) -> None:
    scan = slices()
    folder = write_series(tmp_path / "scan", scan)
    for number in (23, 24):
        cut(folder / f"00{number}.dcm")
    volume = read_volume(folder)
    check(volume, scan[:22])
    assert volume.notes[0].startswith("2 of the DICOM files are cut or damaged and were left out")


def test_a_damaged_header_is_counted(tmp_path: Path) -> None:
    scan = slices()
    folder = write_series(tmp_path / "scan", scan)
    raw = bytearray((folder / "0024.dcm").read_bytes())
    raw[140:400] = b"\xff" * 260
    (folder / "0024.dcm").write_bytes(raw)
    volume = read_volume(folder)
    check(volume, scan[:23])
    assert volume.notes[0].startswith("1 of the DICOM files")


def test_all_cut(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "scan", slices(count=4))
    for path in folder.iterdir():
        cut(path, 0.5)
    with pytest.raises(InputError, match="4 of the DICOM files in 'scan' are cut or damaged"):
        read_volume(folder)


def test_a_cut_file_of_many_frames(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cut or damaged"):
        read_volume(cut(saved(enhanced(slices()), tmp_path / "scan.dcm")))


def test_repeated_slices_are_counted(tmp_path: Path) -> None:
    scan = slices()
    folder = write_series(tmp_path / "scan", scan)
    shutil.copy(folder / "0003.dcm", folder / "copy.dcm")
    shutil.copy(folder / "0007.dcm", folder / "another copy")
    volume = read_volume(folder)
    check(volume, scan)
    assert volume.notes == ("2 slices of the DICOM series were there twice; the copies were left out.",)


def test_a_folder_beside_its_copy(tmp_path: Path) -> None:
    scan = slices()
    write_series(tmp_path / "one", scan)
    write_series(tmp_path / "two", scan)
    check(read_volume(tmp_path), scan)


def test_a_slice_taken_twice_is_named(tmp_path: Path) -> None:
    """Another image at the place of the fourth; the first stays."""
    scan = slices()
    folder = write_series(tmp_path / "scan", scan)
    write_series(folder, slices(seed=5)[3:4], first=25)
    volume = read_volume(folder)
    check(volume, scan)
    assert "left out: repeat=2 (1 slice)" in volume.notes[0]


def test_one_uid_for_all_images(tmp_path: Path) -> None:
    scan = slices()
    check(read_volume(write_series(tmp_path / "scan", scan, lambda k: dict(SOPInstanceUID=SERIES))), scan)


def test_other_files_lie_beside(tmp_path: Path) -> None:
    scan = slices()
    folder = write_series(tmp_path / "scan", scan)
    (folder / "letter.txt").write_text("Dear colleague\n" * 50)
    (folder / "._0001.dcm").write_bytes(b"\0\5\x16\7" + b"\0" * 4092)
    (folder / "empty.dcm").touch()
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n" + b"\0" * 500)
    (folder / ".DS_Store").write_bytes(b"\0" * 6148)
    check(read_volume(folder), scan)


def test_objects_that_are_no_scans_lie_beside(tmp_path: Path) -> None:
    scan = slices()
    folder = write_series(tmp_path / "scan", scan)
    report = image(
        np.zeros((2, 2), np.int16),
        90,
        SeriesInstanceUID=f"{SERIES}.9",
        Rows=None,
        Columns=None,
        SOPClassUID="1.2.840.10008.5.1.4.1.1.88.22",
    )
    del report.PixelData
    saved(report, folder / "report.dcm")
    mask = image(scan.voxels, 91, SeriesInstanceUID=f"{SERIES}.10", SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4", NumberOfFrames=24)
    saved(mask, folder / "mask.dcm")
    colors = np.zeros((26, 28, 3), np.uint8)
    capture = image(colors[..., 0].astype(np.uint16), 92, SamplesPerPixel=3, PhotometricInterpretation="RGB", BitsAllocated=8, BitsStored=8, HighBit=7,
                    PlanarConfiguration=0, PixelData=colors.tobytes(), SOPClassUID="1.2.840.10008.5.1.4.1.1.7")  # fmt: skip
    saved(capture, folder / "capture.dcm")
    check(read_volume(folder), scan)


def test_colors_alone_are_refused(tmp_path: Path) -> None:
    colors = np.zeros((26, 28, 3), np.uint8)
    for n in range(3):
        saved(image(colors[..., 0].astype(np.uint16), n, SamplesPerPixel=3, PhotometricInterpretation="RGB", BitsAllocated=8, BitsStored=8, HighBit=7,
                    PlanarConfiguration=0, PixelData=colors.tobytes()), tmp_path / "scan" / f"{n}.dcm")  # fmt: skip
    with pytest.raises(InputError, match="colors, not gray"):
        read_volume(tmp_path / "scan")


@pytest.mark.parametrize(
    "name", ["MR.1.2.840.113619.{}", "IM{}", "{}.IMA", "{}.img", "{}.txt", "{}.nii", "1.3.12.2.1107.5.2.{}.dcm", "Ärzte {}"]
)
def test_files_of_any_name(tmp_path: Path, name: str) -> None:
    scan = slices()
    folder = write_series(tmp_path / "scan", scan)
    for path in folder.iterdir():
        path.rename(folder / name.format(path.stem))
    check(read_volume(folder), scan)
    check(read_volume(folder / name.format("0005")), scan)


def test_a_folder_whose_name_is_no_utf_8(tmp_path: Path) -> None:
    scan = slices()
    odd = os.path.join(os.fsencode(tmp_path), b"A_R\xfccken")
    try:
        os.rename(write_series(tmp_path / "scan", scan), odd)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    check(read_volume(os.fsdecode(odd)), scan)


@pytest.mark.parametrize("preamble", [True, False])
@pytest.mark.parametrize("implicit, little", [(True, True), (False, True), (False, False)])
def test_without_preamble_and_in_any_byte_order(tmp_path: Path, preamble: bool, implicit: bool, little: bool) -> None:
    scan = slices()
    syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
    for k, pixels in enumerate(scan.voxels):
        place = dict(ImagePositionPatient=scan.positions[k].tolist(), ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[4, 5])
        dataset = image(pixels, k + 1, **place, PixelData=pixels.astype("<i2" if little else ">i2").tobytes())
        dataset.file_meta.TransferSyntaxUID = syntax
        if not preamble:
            dataset = Dataset(dataset)
        dcmwrite(tmp_path / f"{k}", dataset, enforce_file_format=preamble, implicit_vr=implicit, little_endian=little)
    check(read_volume(tmp_path), scan)


def test_a_directory_of_a_medium(tmp_path: Path) -> None:
    scan = slices()
    write_series(tmp_path / "DICOM" / "PA0" / "ST0", scan)
    directory = image(np.zeros((2, 2), np.int16), SOPClassUID="1.2.840.10008.1.3.10", Rows=None, Columns=None, SeriesInstanceUID=None)
    del directory.PixelData
    saved(directory, tmp_path / "DICOMDIR")
    check(read_volume(tmp_path), scan)
    check(read_volume(tmp_path / "DICOMDIR"), scan)


def test_no_permission_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_series(tmp_path / "scan", slices(count=3))

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("neurospineseg.images.dicom_start.open", refuse, raising=False)
    with pytest.raises(InputError, match="without permission"):
        read_volume(folder)


@pytest.mark.parametrize("frames, size", [(1, 65535), (10**9, 16), (2**31 - 1, 65535)])
def test_a_header_that_promises_too_much(tmp_path: Path, frames: int, size: int) -> None:
    dataset = image(np.zeros((4, 4), np.int16), NumberOfFrames=frames, Rows=size, Columns=size)
    with pytest.raises(InputError, match="cut or damaged"):
        read_volume(saved(dataset, tmp_path / "scan.dcm"))


def test_mutilated_files_end_in_a_sentence(tmp_path: Path) -> None:
    """Bytes of three kinds of file are changed, cut out and doubled; nothing but a scan or a sentence without the patient comes of it."""
    scan, random = slices(count=4), np.random.default_rng(0)
    packed = enhanced(scan)
    packed.compress(RLELossless)
    paths = [saved(packed, tmp_path / "packed" / "1.dcm"), saved(enhanced(scan), tmp_path / "frames" / "1.dcm")]
    paths.append(write_series(tmp_path / "series", scan) / "0002.dcm")
    originals = [path.read_bytes() for path in paths]
    for n in range(150):
        path, raw = paths[n % 3], bytearray(originals[n % 3])
        for place in random.integers(128, 2000, 4).tolist():
            raw[place : place + int(random.integers(0, 30))] = bytes(random.integers(0, 256, int(random.integers(0, 5)), np.uint8))
        path.write_bytes(raw)
        try:
            read_volume(path.parent)
        except InputError as error:
            assert "MARKER" not in str(error).upper()
