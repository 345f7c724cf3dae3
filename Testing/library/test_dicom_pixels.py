"""Gray values of DICOM images: scaled frame by frame, of any width and sign, packed or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from neurospineseg.errors import InputError
from neurospineseg.images.volume import read_volume
from Testing.dicom_scans import enhanced, image, saved, slices, write_series
from Testing.library.test_dicom_geometry import EXACT_MM, largest_distance


def test_each_slice_has_a_scale_of_its_own(tmp_path: Path) -> None:
    scan = slices()
    folder = write_series(tmp_path / "scan", scan, lambda k: dict(RescaleSlope=1 + k / 8, RescaleIntercept=-k))
    scales = np.arange(24)[:, None, None]
    assert np.abs(read_volume(folder).voxels - (scan.voxels * (1 + scales / 8) - scales)).max() < 1e-3


def test_each_frame_has_a_scale_of_its_own(tmp_path: Path) -> None:
    scan = slices()
    groups = [{"PixelValueTransformationSequence": dict(RescaleSlope=1 + k / 8, RescaleIntercept=-k, RescaleType="US")} for k in range(24)]
    path = saved(enhanced(scan, order=range(23, -1, -1), groups=lambda k: groups[k]), tmp_path / "scan.dcm")
    scales = np.arange(24)[:, None, None]
    assert np.abs(read_volume(path).voxels - (scan.voxels * (1 + scales / 8) - scales)).max() < 1e-3


@pytest.mark.parametrize("compact", [True, False])
def test_hounsfield_units(tmp_path: Path, compact: bool) -> None:
    scan = slices()
    voxels = scan.voxels.clip(0).astype(np.uint16)
    folder = tmp_path / "scan"
    tags = dict(Modality="CT", RescaleSlope=1, RescaleIntercept=-1024, PixelRepresentation=0, BitsStored=12, HighBit=11)
    write_series(folder, scan, lambda k: {**tags, "PixelData": voxels[k].tobytes()})
    volume = read_volume(folder, compact=compact)
    assert volume.voxels.dtype == (np.int16 if compact else np.float32)
    assert (volume.voxels == voxels.astype(int) - 1024).all()


@pytest.mark.parametrize("modality, turned", [("MR", True), ("CT", False)])
def test_light_shown_dark(tmp_path: Path, modality: str, turned: bool) -> None:
    scan = slices()
    voxels = scan.voxels.clip(0).astype(np.uint16)
    tags = dict(Modality=modality, PhotometricInterpretation="MONOCHROME1", PixelRepresentation=0, BitsStored=12, HighBit=11)
    folder = write_series(tmp_path / "scan", scan, lambda k: {**tags, "PixelData": (4095 - voxels[k]).tobytes()})
    assert (read_volume(folder).voxels == (voxels if turned else 4095 - voxels)).all()


@pytest.mark.parametrize("slope", [0.0, float("nan"), float("inf")])
def test_a_scale_that_makes_no_gray_values(tmp_path: Path, slope: float) -> None:
    folder = write_series(tmp_path / "scan", slices(count=3), lambda k: dict(RescaleSlope=slope))
    with pytest.raises(InputError, match="rescale slope"):
        read_volume(folder)


@pytest.mark.parametrize("values", [np.array([-2000, 3000]), np.array([0, 60000]), np.array([-5, 60000])])
def test_values_of_any_range(tmp_path: Path, values: np.ndarray) -> None:
    """Signed and unsigned slices in one series."""
    scan = slices(count=2)
    for k in (0, 1):
        pixels = np.full((26, 28), values[k], np.int16 if values[k] < 32768 else np.uint16)
        tags = dict(PixelRepresentation=int(values[k] < 32768), PixelData=pixels.tobytes())
        write_series(tmp_path / "scan", scan[k : k + 1], lambda _, tags=tags: tags, first=k + 1)
    assert read_volume(tmp_path / "scan", compact=True).voxels[:, 0, 0].tolist() == values.tolist()


def packed_by_gdcm(pixels: np.ndarray, path: Path, syntax: str) -> None:
    """Packs a file's voxels anew, by a file of GDCM's from which they are taken."""
    import pydicom

    other = path.with_suffix(".tmp.dcm")
    writer = sitk.ImageFileWriter()
    writer.SetUseCompression(True)
    writer.SetCompressor(syntax)
    writer.SetFileName(str(other))
    writer.Execute(sitk.GetImageFromArray(pixels[None]))
    source, dataset = pydicom.dcmread(other), pydicom.dcmread(path)
    other.unlink()
    dataset.file_meta.TransferSyntaxUID = source.file_meta.TransferSyntaxUID
    dataset["PixelData"] = source["PixelData"]
    dataset.save_as(path, enforce_file_format=True)


@pytest.mark.parametrize("compressor, syntax", [("JPEG", JPEGLosslessSV1), ("JPEG2000", JPEG2000Lossless), ("JPEGLS", JPEGLSLossless)])
def test_packed_voxels(tmp_path: Path, compressor: str, syntax: str) -> None:
    scan = slices(20)
    folder = write_series(tmp_path / "scan", scan)
    for k, path in enumerate(sorted(folder.iterdir())):
        packed_by_gdcm(scan.voxels[k], path, compressor)
    volume = read_volume(folder)
    assert (volume.voxels == scan.voxels).all()
    assert largest_distance(volume, scan) < EXACT_MM


def test_packed_frames(tmp_path: Path) -> None:
    scan = slices(20)
    dataset = enhanced(scan, order=range(23, -1, -1))
    dataset.compress(RLELossless)
    volume = read_volume(saved(dataset, tmp_path / "scan.dcm"))
    assert (volume.voxels == scan.voxels).all()


@pytest.mark.parametrize(
    "syntax, name",
    [("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000"), ("1.2.840.10008.1.2.4.102", "MPEG-4"), ("1.2.3.4", "1.2.3.4")],
)
def test_a_packing_that_is_not_read_is_named(tmp_path: Path, syntax: str, name: str) -> None:
    scan = slices(count=3)
    for k in range(3):
        dataset = image(
            scan.voxels[k],
            k + 1,
            ImagePositionPatient=scan.positions[k].tolist(),
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            PixelSpacing=[4, 5],
        )
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.PixelData = encapsulate([b"\xff\x4f\xff\x51" + b"\7" * 400])
        dataset["PixelData"].is_undefined_length = True
        saved_anyway = tmp_path / "scan" / f"{k}.dcm"
        saved_anyway.parent.mkdir(exist_ok=True)
        dataset.save_as(saved_anyway, enforce_file_format=True, implicit_vr=False, little_endian=True) if syntax == "1.2.3.4" else saved(
            dataset, saved_anyway
        )
    with pytest.raises(InputError, match=f"compressed as .*{name}|cut or damaged" if syntax == "1.2.3.4" else f"compressed as .*{name}"):
        read_volume(tmp_path / "scan")


def test_a_damaged_packed_slice_inside_is_named(tmp_path: Path) -> None:
    scan = slices()
    folder = write_series(tmp_path / "scan", scan)
    for k, path in enumerate(sorted(folder.iterdir())):
        packed_by_gdcm(scan.voxels[k], path, "JPEG")
    path = folder / "0012.dcm"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"0012\.dcm.*between slices 11 and 12"):
        read_volume(folder)


def test_a_deflated_series_is_not_cut_though_its_files_are_smaller_than_its_voxels(tmp_path: Path) -> None:
    scan = slices(count=3)
    for path in write_series(tmp_path / "scan", scan).iterdir():
        dataset = dcmread(path)
        dataset.PixelData = bytes(len(dataset.PixelData))
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        saved(dataset, path)
    assert read_volume(tmp_path / "scan").shape == scan.voxels.shape
