"""DICOM series lie where the position of each slice says, straight or sheared, and are refused where it does not say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import Affine
from neurospineseg.images.volume import Volume, read_volume
from Testing.dicom_scans import Slices, enhanced, image, saved, slices, write_series

EXACT_MM = 2e-4
"""Positions are written with five decimals."""


def largest_distance(volume: Volume, scan: Slices) -> float:
    """Over the corners of all slices: mm between where they were read and where their own positions put them."""
    _, rows, columns = scan.voxels.shape
    corners = [(k, j, i) for k in range(len(scan.voxels)) for j in (0, rows - 1) for i in (0, columns - 1)]
    return max(float(np.linalg.norm(volume.affine.apply_kji(kji) - scan.ras(*kji))) for kji in corners)


@pytest.mark.parametrize("tilt", [0.0, 20.0, -12.5, 30.0])
@pytest.mark.parametrize("turn", [0.0, 35.0])
def test_every_slice_lies_where_it_says(tmp_path: Path, tilt: float, turn: float) -> None:
    scan = slices(tilt, turn=turn)
    volume = read_volume(write_series(tmp_path / "scan", scan, order=np.random.default_rng(0).permutation(24)))
    assert largest_distance(volume, scan) < EXACT_MM
    assert (volume.voxels == scan.voxels).all()


@pytest.mark.parametrize("tilt", [0.0, 18.0])
def test_frames_of_one_file_lie_where_they_say(tmp_path: Path, tilt: float) -> None:
    scan = slices(tilt)
    volume = read_volume(saved(enhanced(scan, order=np.random.default_rng(1).permutation(24)), tmp_path / "scan.dcm"))
    assert largest_distance(volume, scan) < EXACT_MM
    assert (volume.voxels == scan.voxels).all()


NO_PLACE = {
    "neither": dict(ImagePositionPatient=None, ImageOrientationPatient=None),
    "no position": dict(ImagePositionPatient=None),
    "no orientation": dict(ImageOrientationPatient=None),
    "empty": dict(ImagePositionPatient="", ImageOrientationPatient=""),
    "one position for all": dict(ImagePositionPatient=[0, 0, 0]),
    "zero vectors": dict(ImageOrientationPatient=[0, 0, 0, 0, 0, 0]),
    "oblique axes": dict(ImageOrientationPatient=[1, 0, 0, 0.7, 0.7, 0]),
}


@pytest.mark.parametrize("kind", NO_PLACE)
def test_slices_without_a_place_ask_for_it(tmp_path: Path, kind: str) -> None:
    folder = write_series(tmp_path / "scan", slices(), lambda k: NO_PLACE[kind])
    with pytest.raises(InputError, match="--orientation LPS --spacing"):
        read_volume(folder)


@pytest.mark.parametrize("kind", ["neither", "no position", "no orientation"])
@pytest.mark.parametrize("lacking", [0, 11, 23])
def test_one_slice_without_a_place_asks_too(tmp_path: Path, kind: str, lacking: int) -> None:
    folder = write_series(tmp_path / "scan", slices(), lambda k: NO_PLACE[kind] if k == lacking else {})
    with pytest.raises(InputError, match="1 of 24 have no position or orientation.*--orientation"):
        read_volume(folder)


@pytest.mark.parametrize("left_out", ["PlanePositionSequence", "PlaneOrientationSequence"])
@pytest.mark.parametrize("lacking", [range(24), (5,)])
def test_frames_without_a_place_ask_for_it(tmp_path: Path, left_out: str, lacking: range) -> None:
    dataset = enhanced(slices(), groups=lambda k: {left_out: None} if k in lacking else {})
    with pytest.raises(InputError, match=f"{len(lacking)} of 24 have no position or orientation.*--orientation LPS --spacing"):
        read_volume(saved(dataset, tmp_path / "scan.dcm"))


def test_an_older_file_of_many_frames_states_one_position_only(tmp_path: Path) -> None:
    scan = slices()
    dataset = image(scan.voxels, NumberOfFrames=24, ImagePositionPatient=[0, 0, 0], ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    with pytest.raises(InputError, match="--orientation"):
        read_volume(saved(dataset, tmp_path / "scan.dcm"))


def test_a_place_that_is_given_is_taken(tmp_path: Path) -> None:
    scan = slices()
    folder = write_series(tmp_path / "scan", scan, lambda k: NO_PLACE["neither"])
    volume = read_volume(folder, orientation="LPS", spacing=(5, 4, 3))
    assert volume.ijk_to_ras[:3, :3].tolist() == np.diag([-5.0, -4.0, 3.0]).tolist()
    assert (volume.voxels == scan.voxels).all()


def test_a_spacing_that_is_recorded_need_not_be_given(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "scan", slices(), lambda k: {**NO_PLACE["neither"], "SpacingBetweenSlices": 3.5})
    assert read_volume(folder, orientation="LPS").spacing.tolist() == [5, 4, 3.5]


def test_an_orientation_alone_asks_for_the_spacing(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "scan", slices(), lambda k: NO_PLACE["neither"])
    with pytest.raises(InputError, match="--spacing"):
        read_volume(folder, orientation="LPS")


def test_numbers_stand_for_places_only_where_none_is_missing(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "scan", slices(), lambda k: NO_PLACE["neither"])
    (folder / "0009.dcm").unlink()
    with pytest.raises(InputError, match="8, then 10"):
        read_volume(folder, orientation="LPS", spacing=(5, 4, 3))


def test_a_series_that_records_its_places_keeps_them(tmp_path: Path) -> None:
    scan = slices(15)
    volume = read_volume(write_series(tmp_path / "scan", scan), orientation="RAS", spacing=(1, 1, 1))
    assert largest_distance(volume, scan) < EXACT_MM


def test_the_size_of_voxels_is_asked_for(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "scan", slices(), lambda k: dict(PixelSpacing=None))
    with pytest.raises(InputError, match="--spacing"):
        read_volume(folder)
    assert read_volume(folder, spacing=(5, 4, 9)).spacing.round(4).tolist() == [5, 4, 4]


@pytest.mark.parametrize("write", [write_series, lambda path, scan: saved(enhanced(scan), path / "scan.dcm").parent])
@pytest.mark.parametrize("tilt", [0.0, 20.0])
def test_a_gap_is_named_and_its_parts_are_offered(tmp_path: Path, write, tilt: float) -> None:
    scan = slices(tilt)[[k for k in range(24) if k != 11]]
    folder = write(tmp_path / "scan", scan)
    with pytest.raises(InputError, match=r"between slices 11 and 12 of 23.*slab=1 \(11 slices\) or slab=2 \(12 slices\)"):
        read_volume(folder)
    assert largest_distance(read_volume(folder, volume="slab=2"), scan[11:]) < EXACT_MM


def test_uneven_slices_are_named(tmp_path: Path) -> None:
    scan = slices()
    scan.positions[7:, 2] += 1.2
    with pytest.raises(InputError, match=r"unevenly spaced: 5\.20 mm lie between slices 7 and 8"):
        read_volume(write_series(tmp_path / "scan", scan))


def test_slices_that_are_shifted_aside_are_named(tmp_path: Path) -> None:
    scan = slices()
    scan.positions[9, 0] += 6
    with pytest.raises(InputError, match="slice 10 lies 5.72 mm beside"):
        read_volume(write_series(tmp_path / "scan", scan))


def test_positions_rounded_to_a_tenth_are_even(tmp_path: Path) -> None:
    scan = slices(step=0.625)
    volume = read_volume(write_series(tmp_path / "scan", scan, lambda k: dict(ImagePositionPatient=scan.positions[k].round(1).tolist())))
    assert largest_distance(volume, scan) < 0.11


@pytest.mark.parametrize("turn", [0.0, 20.0])
def test_a_straight_series_has_the_grid_that_itk_and_so_slicer_gives_it(tmp_path: Path, turn: float) -> None:
    folder = write_series(tmp_path / "scan", slices(turn=turn), order=range(23, -1, -1))
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    expected = Affine.from_lps(np.reshape(image.GetDirection(), (3, 3)), np.array(image.GetSpacing()), np.array(image.GetOrigin()))
    volume = read_volume(folder)
    assert np.abs(volume.ijk_to_ras - expected.matrix).max() < 1e-5
    assert (volume.voxels == sitk.GetArrayFromImage(image)).all()
