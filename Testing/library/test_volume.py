"""Files are read with the values they stand for."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from neurospineseg.volume import read_volume


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
