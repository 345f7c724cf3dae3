"""Files are read with the values they stand for."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume, read_volume, write_volume


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize(("dtype", "slope", "intercept"), [(np.int16, 1.0, -1024.0), (np.uint8, 0.25, 3.0), (np.float32, 2.0, 1.0)])
def test_scaled_voxels(tmp_path: Path, ending: str, dtype: type, slope: float, intercept: float) -> None:
    stored = np.arange(60, dtype=dtype).reshape(3, 4, 5)
    image = nib.Nifti1Image(stored, np.eye(4))
    image.header.set_slope_inter(slope, intercept)
    path = tmp_path / f"scan{ending}"
    nib.save(image, path)
    with path.open("rb") as before:
        content = before.read()
    expected = np.asarray(nib.load(path).get_fdata()).T
    found = read_volume(path).voxels
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert path.read_bytes() == content


def test_large_numbers_are_scaled_before_they_are_rounded(tmp_path: Path) -> None:
    image = nib.Nifti1Image((2**31 + np.arange(60, dtype=np.uint32)).reshape(3, 4, 5), np.eye(4))
    image.header.set_slope_inter(1.0, -(2.0**31))
    nib.save(image, tmp_path / "scan.nii")
    assert np.array_equal(read_volume(tmp_path / "scan.nii").voxels, np.arange(60).reshape(3, 4, 5).T)


def test_big_endian_numbers_stay_small(tmp_path: Path) -> None:
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(np.int16)
    nib.save(nib.Nifti1Image(np.arange(60, dtype=">i2").reshape(3, 4, 5), np.eye(4), header), tmp_path / "scan.nii")
    found = read_volume(tmp_path / "scan.nii", compact=True).voxels
    assert found.dtype == np.dtype("=i2")
    assert np.array_equal(found, np.arange(60).reshape(3, 4, 5).T)


def test_colors_are_no_frames(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((5, 6, 7, 3), np.uint8), isVector=True), str(tmp_path / "scan.nrrd"))
    with pytest.raises(InputError, match="holds colors"):
        read_volume(tmp_path / "scan.nrrd", frame=0)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint16])
@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_small_whole_numbers_stay_such_where_asked(dtype: type, ending: str, tmp_path: Path) -> None:
    voxels = np.arange(60, dtype=dtype).reshape(3, 4, 5)
    write_volume(Volume(voxels, np.diag([1.0, 2, 3, 1])), tmp_path / f"scan{ending}")
    found = read_volume(tmp_path / f"scan{ending}", compact=True)
    assert found.voxels.dtype == dtype
    assert np.array_equal(found.voxels, voxels)
    assert read_volume(tmp_path / f"scan{ending}").voxels.dtype == np.float32
    assert found.tensor.numpy().dtype == dtype


def test_scaled_and_large_numbers_become_float32_all_the_same(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.eye(4))
    image.header.set_slope_inter(2.0, 1.0)
    nib.save(image, tmp_path / "scaled.nii")
    found = read_volume(tmp_path / "scaled.nii", compact=True)
    assert found.voxels.dtype == np.float32
    assert found.voxels.max() == 119
    write_volume(Volume(np.arange(60, dtype=np.int32).reshape(3, 4, 5), np.eye(4)), tmp_path / "large.nii")
    assert read_volume(tmp_path / "large.nii", compact=True).voxels.dtype == np.float32
