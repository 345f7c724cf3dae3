"""Corrected cases, stored to be trained on."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.pipeline import corrections
from neurospineseg.pipeline.corrections import store_correction
from Testing.small_scans import ball, oblique_affine


def stored(voxels: np.ndarray, folder: Path) -> np.ndarray:
    labels = Volume(np.ones(voxels.shape, np.uint16), oblique_affine())
    case, _scores = store_correction(folder, "tumor", {"t1c": Volume(voxels, oblique_affine())}, labels, None, None)
    return np.asarray(nib.load(case / "t1c.nii.gz").dataobj).T


@pytest.mark.parametrize(
    "kind, highest, kept",
    [
        (np.int16, 400, np.int16),
        (np.int64, 2**31 - 1, np.int32),
        (np.int64, 2**31, np.float64),
        (np.uint64, 400, np.int32),
        (np.uint64, 2**53, np.float64),
        (bool, 1, np.uint8),
        (np.float16, 400, np.float32),
        (np.float64, 1e300, np.float64),
    ],
)
def test_voxels_of_every_type_are_kept(tmp_path: Path, kind: type, highest: float, kept: type) -> None:
    voxels = np.minimum(np.maximum(ball(), 0), 255).astype(kind)
    voxels[3, 4, 5] = highest
    found = stored(voxels, tmp_path)
    assert found.dtype == kept
    np.testing.assert_array_equal(found, voxels)


def test_numbers_that_no_type_keeps(tmp_path: Path) -> None:
    voxels = ball().astype(np.int64)
    voxels[3, 4, 5] = 2**53 + 1
    with pytest.raises(InputError, match="too large"):
        stored(voxels, tmp_path)
    assert not any(tmp_path.iterdir())


def test_corrections_of_one_scan_follow_each_other(tmp_path: Path) -> None:
    scans, labels = {"t1c": Volume(ball(), oblique_affine())}, Volume(np.ones(ball().shape, np.uint16), oblique_affine())
    cases = [store_correction(tmp_path, "tumor", scans, labels, None, None)[0].name for _ in range(5)]
    assert sorted(path.name for path in tmp_path.iterdir()) == cases
    assert len(set(cases)) == 5
    assert len({case.rsplit("-", 1)[1] for case in cases}) == 1


def test_a_correction_comes_after_one_whose_name_has_no_fractions_of_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Noon(datetime):
        @classmethod
        def now(cls, tz=None) -> datetime:
            return cls(2026, 1, 2, 12, 0, 0)

    monkeypatch.setattr(corrections, "datetime", Noon)
    scans, labels = {"t1c": Volume(ball(), oblique_affine())}, Volume(np.ones(ball().shape, np.uint16), oblique_affine())
    case = store_correction(tmp_path, "tumor", scans, labels, None, None)[0].name
    checksum = case.rsplit("-", 1)[1]
    assert f"tumor-20260102-115959-{checksum}" < f"tumor-20260102-120000-{checksum}" < case < f"tumor-20260102-120001-{checksum}"
