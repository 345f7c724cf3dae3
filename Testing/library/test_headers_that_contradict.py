"""A NIfTI whose header says two things is read as Slicer reads it, and says so; NRRD and MetaImage without a patient's space likewise."""

from __future__ import annotations

import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from neurospineseg.errors import InputError
from neurospineseg.geometry.affine import LPS_AND_RAS
from neurospineseg.images.volume import Volume, read_volume

VOXELS = np.random.default_rng(0).integers(0, 900, (6, 7, 8)).astype(np.int16)
STRAIGHT = np.array([[2.0, 0, 0, -3], [0, 1, 0, 4], [0, 0, 1, 5], [0, 0, 0, 1]])
TURN = np.array([[np.cos(0.3), -np.sin(0.3), 0], [np.sin(0.3), np.cos(0.3), 0], [0, 0, 1]])
TURNED = STRAIGHT.copy()
TURNED[:3, :3] = TURN @ STRAIGHT[:3, :3]
MOVED = STRAIGHT + np.array([[0, 0, 0, 33.0]] + [[0] * 4] * 3)
FLIPPED = np.array([[-2.0, 0, 0, 9], [0, 1, 0, 4], [0, 0, 1, 5], [0, 0, 0, 1]])
SMALL = np.eye(4)
SHEARED = STRAIGHT + np.array([[0, 0.4, 0, 0]] + [[0] * 4] * 3)


def nifti(path: Path, qform: tuple[int, np.ndarray | None], sform: tuple[int, np.ndarray | None], pixdim: tuple[float, ...] = ()) -> Path:
    image = nib.Nifti1Image(VOXELS, None)
    if qform[1] is not None:
        image.set_qform(qform[1], 1)
    if sform[1] is not None:
        image.set_sform(sform[1], 1)
    image.header["qform_code"], image.header["sform_code"] = qform[0], sform[0]
    if pixdim:
        image.header["pixdim"][1:4] = pixdim
    nib.save(image, path)
    return path


def edited(path: Path, offset: int, layout: str, value: float) -> Path:
    data = bytearray(path.read_bytes())
    struct.pack_into(f"<{layout}", data, offset, value)
    path.write_bytes(data)
    return path


def affine_of_itk(path: Path) -> np.ndarray:
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return LPS_AND_RAS @ affine


CONTRADICTIONS = {
    "turned": ((1, STRAIGHT), (2, TURNED), ()),
    "moved": ((1, STRAIGHT), (2, MOVED), ()),
    "flipped": ((1, STRAIGHT), (2, FLIPPED), ()),
    "sheared beside a qform": ((1, STRAIGHT), (1, SHEARED), ()),
    "sform of 1 mm": ((1, STRAIGHT), (1, SMALL), ()),
    "sform of 1 mm alone": ((0, None), (1, SMALL), (2, 1, 1)),
    "pixdim ten times too large": ((0, None), (1, STRAIGHT), (20, 10, 10)),
}


@pytest.mark.parametrize("kind", CONTRADICTIONS)
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_slicers_reading_counts(kind: str, ending: str, tmp_path: Path) -> None:
    path = nifti(tmp_path / f"scan{ending}", *CONTRADICTIONS[kind])
    scan = read_volume(path)
    np.testing.assert_allclose(scan.ijk_to_ras, affine_of_itk(path), atol=1e-3)
    assert len(scan.notes) == 1
    assert "contradicts itself" in scan.notes[0]


AGREEMENTS = {
    "both": ((1, STRAIGHT), (1, STRAIGHT)),
    "both turned": ((1, TURNED), (2, TURNED)),
    "qform": ((1, TURNED), (0, None)),
    "sform": ((0, None), (1, TURNED)),
    "sform counts": ((2, STRAIGHT), (1, MOVED)),
}


@pytest.mark.parametrize("kind", AGREEMENTS)
def test_where_all_readers_agree_no_word_is_said(kind: str, tmp_path: Path) -> None:
    path = nifti(tmp_path / "scan.nii", *AGREEMENTS[kind], (2, 1, 1))
    scan = read_volume(path)
    np.testing.assert_allclose(scan.ijk_to_ras, affine_of_itk(path), atol=1e-3)
    assert scan.notes == ()


def test_a_sheared_sform_alone_is_kept(tmp_path: Path) -> None:
    image = nib.Nifti1Image(VOXELS, SHEARED)
    image.set_qform(None, 0)
    nib.save(image, tmp_path / "scan.nii")
    scan = read_volume(tmp_path / "scan.nii")
    np.testing.assert_allclose(scan.ijk_to_ras, SHEARED)
    assert scan.notes == ()


@pytest.mark.parametrize("offset", [0, 348])
def test_voxels_that_begin_in_the_header_are_refused(offset: int, tmp_path: Path) -> None:
    path = edited(nifti(tmp_path / "scan.nii", (1, STRAIGHT), (1, STRAIGHT)), 108, "f", offset)
    with pytest.raises(InputError, match="vox_offset" if offset == 0 else "scan.nii"):
        read_volume(path)


@pytest.mark.parametrize(("slope", "intercept"), [(0.0, 10.0), (float("nan"), 5.0), (2.0, -5.0), (0.0, 0.0)])
def test_gray_values_are_slicers(slope: float, intercept: float, tmp_path: Path) -> None:
    path = edited(edited(nifti(tmp_path / "scan.nii", (1, STRAIGHT), (1, STRAIGHT)), 112, "f", slope), 116, "f", intercept)
    np.testing.assert_array_equal(read_volume(path).voxels, sitk.GetArrayFromImage(sitk.ReadImage(str(path))).astype(np.float32))


SPACES = {
    "none": "spacings: 2 1 1\n",
    "scanner": "space: scanner-xyz\nspace directions: (2,0,0) (0,1,0) (0,0,1)\nspace origin: (3,4,5)\n",
    "right-handed": "space: 3D-right-handed\nspace directions: (2,0,0) (0,1,0) (0,0,1)\n",
    "dimension": "space dimension: 3\nspace directions: (2,0,0) (0,1,0) (0,0,1)\n",
}


def nrrd(path: Path, fields: str) -> Path:
    header = f"NRRD0004\ntype: short\ndimension: 3\nsizes: 8 7 6\n{fields}endian: little\nencoding: raw\n\n"
    path.write_bytes(header.encode() + VOXELS.tobytes())
    return path


@pytest.mark.parametrize("space", SPACES)
def test_an_nrrd_without_a_patients_space_says_how_it_is_read(space: str, tmp_path: Path) -> None:
    path = nrrd(tmp_path / "scan.nrrd", SPACES[space])
    scan = read_volume(path)
    np.testing.assert_allclose(scan.ijk_to_ras, affine_of_itk(path))
    assert "does not record which side is left" in scan.notes[0]
    told = read_volume(path, orientation="RAS")
    assert (np.diag(told.ijk_to_ras[:3, :3]) > 0).all()
    assert told.notes == ()


@pytest.mark.parametrize(
    ("fields", "silent"), [("TransformMatrix = 1 0 0 0 1 0 0 0 1\n", True), ("AnatomicalOrientation = LPS\n", False), ("", False)]
)
def test_a_meta_image_without_directions_says_how_it_is_read(fields: str, silent: bool, tmp_path: Path) -> None:
    header = f"ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nDimSize = 8 7 6\nElementSpacing = 2 1 1\n{fields}ElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    (tmp_path / "scan.mha").write_bytes(header.encode() + VOXELS.tobytes())
    scan = read_volume(tmp_path / "scan.mha")
    np.testing.assert_allclose(scan.ijk_to_ras, affine_of_itk(tmp_path / "scan.mha"))
    assert (scan.notes == ()) == silent


def test_notes_stay_with_what_was_read() -> None:
    assert Volume(VOXELS, np.eye(4)).notes == ()
    assert Volume(VOXELS, np.eye(4), ["One sentence."]).notes == ("One sentence.",)
