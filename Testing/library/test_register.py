"""Scans that were not taken in one frame of reference: noticed, and laid on each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neurospineseg.checks.input_checks import check_overlaps
from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.inference.registration import register_rigid
from Training.synthetic.tumor.phantom import tumor_phantom


@pytest.fixture(scope="module")
def scans() -> dict[str, Volume]:
    images, ijk_to_ras, _ = tumor_phantom(5, spacing_mm=2.5, stripped=False)
    return {name: Volume(image, ijk_to_ras) for name, image in images.items()}


def moved(volume: Volume, shift: tuple[float, float, float], degrees: float = 0.0) -> Volume:
    """The volume turned about S at its center and shifted (RAS mm), by its matrix alone."""
    matrix, c, s = np.eye(4), np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix[:2, :2] = [[c, -s], [s, c]]
    center = volume.grid.center
    matrix[:3, 3] = center - matrix[:3, :3] @ center + np.array(shift)
    return Volume(volume.voxels, matrix @ volume.ijk_to_ras)


def test_scans_that_lie_on_each_other_give_no_warning(scans: dict[str, Volume]) -> None:
    assert check_overlaps(scans, "t1c") == []


def test_a_shift_is_noticed(scans: dict[str, Volume]) -> None:
    (warning,) = check_overlaps({**scans, "flair": moved(scans["flair"], (9.0, 6.0, 0.0))}, "t1c")
    assert "--register" in warning


def test_bodies_that_only_air_connects_are_noticed() -> None:
    ball = np.linalg.norm(np.indices((60, 60, 60)) - 29.5, axis=0) < 17
    here = Volume((100.0 * ball).astype(np.float32), np.diag([4.0, 4, 4, 1]))
    said = check_overlaps({"t1c": here, "flair": moved(here, (200.0, 0.0, 0.0))}, "t1c")
    assert "16%" in said[0].replace(" ", "")
    assert "--register" in said[1]


def test_scans_far_apart_are_refused(scans: dict[str, Volume]) -> None:
    with pytest.raises(InputError, match="do not overlap in space"):
        check_overlaps({**scans, "flair": moved(scans["flair"], (400.0, 0.0, 0.0))}, "t1c")


def test_the_same_scans_are_laid_on_each_other_in_the_same_way_again() -> None:
    rng, places = np.random.default_rng(0), np.indices((24, 24, 24)) - 11.5
    image = sum(np.exp(-(((places - rng.uniform(-7, 7, (3, 1, 1, 1))) ** 2).sum(0)) / 8) for _ in range(6)) * 100
    here = Volume(image.astype(np.float32), np.diag([5.0, 5, 5, 1]))
    astray = moved(here, (6.0, -4.0, 3.0), degrees=5.0)
    one, other = (register_rigid(here, astray).ijk_to_ras for _ in range(2))
    np.testing.assert_allclose(one, other, atol=0.01)


@pytest.mark.parametrize("shift", [(9.0, -6.0, 5.0), (120.0, 0.0, -60.0)])
def test_registration_finds_the_way_back(scans: dict[str, Volume], shift: tuple[float, float, float]) -> None:
    """The other contrast is made of the same voxels, since the drawn contrasts lie up to half a voxel apart."""
    t1c = scans["t1c"]
    other = Volume(np.where(t1c.voxels > 20, 180 * np.exp(-t1c.voxels / 90), 0).astype(np.float32), t1c.ijk_to_ras)
    astray = moved(other, shift, degrees=9.0)
    back = register_rigid(t1c, astray)
    assert back.voxels is astray.voxels
    grid = t1c.grid
    corners = grid.center + 0.7 * (grid.corners() - grid.center)
    errors = np.linalg.norm((back.affine @ grid.affine.inverse).apply(corners) - corners, axis=1)
    assert errors.max() < 1.5


def test_a_real_patient_scanned_in_two_frames_of_reference_is_noticed(real_data: Path) -> None:
    folder = real_data / "tumor" / "tcga_raw"
    t1c, t2 = (read_volume(next(folder.glob(f"*_{ending}.nii.gz"))) for ending in ("t1c", "t2"))
    assert any("--register" in warning for warning in check_overlaps({"t1c": t1c, "t2": t2}, "t1c"))
