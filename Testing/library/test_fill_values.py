"""Fill, backgrounds amid the gray values, and twins in the place of scans are found before anything is interpolated."""

from __future__ import annotations

import numpy as np
import pytest

from neurospineseg.checks.distinct_scans import check_distinct
from neurospineseg.checks.fill_values import above_background, without_fill
from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume

SHAPE = (12, 60, 60)


def magnitude(rng: np.random.Generator, top: float = 600.0, air: bool = True) -> np.ndarray:
    """Tissue of several gray values in air, int16."""
    k, j, i = np.indices(SHAPE)
    body = (j - 30) ** 2 + (i - 30) ** 2 < (25**2 if air else 1e6)
    tissue = top * (0.3 + 0.6 * ((i // 7 + j // 9 + k // 3) % 5) / 5) + rng.normal(0, 0.02 * top, SHAPE)
    noise = np.abs(rng.normal(0, 0.004 * top, SHAPE))
    return np.where(body, tissue, noise).clip(0).astype(np.int16)


def ring(radius: int = 29) -> np.ndarray:
    _, j, i = np.indices(SHAPE)
    return (j - 30) ** 2 + (i - 30) ** 2 >= radius**2


def frame() -> np.ndarray:
    inside = np.zeros(SHAPE, bool)
    inside[1:-1, 4:-4, 4:-4] = True
    return ~inside


def hounsfield(rng: np.random.Generator) -> np.ndarray:
    k, j, i = np.indices(SHAPE)
    body = (j - 30) ** 2 + (i - 30) ** 2 < 22**2
    return np.where(body, rng.normal(40, 30, SHAPE), rng.normal(-1000, 12, SHAPE)).clip(-1024, 3000).astype(np.int16)


@pytest.mark.parametrize("where", [ring, frame])
@pytest.mark.parametrize("fill", [-100, -1000, -2000, -32768])
@pytest.mark.parametrize("top", [300.0, 600.0, 4000.0])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_fill_of_mr_becomes_air(where, fill: int, top: float, dtype: type) -> None:
    plain = magnitude(np.random.default_rng(1), top).astype(dtype)
    plain[where()] = 0
    filled = plain.copy()
    filled[where()] = fill
    found, notes = without_fill(Volume(filled, np.eye(4)), "the scan")
    np.testing.assert_array_equal(found.voxels, plain)
    assert found.voxels.dtype == dtype
    assert len(notes) == 1
    assert str(fill) in notes[0]


@pytest.mark.parametrize("fill", [-1500, -2000, -3024, -32768])
def test_fill_of_ct_becomes_air(fill: int) -> None:
    scan = hounsfield(np.random.default_rng(2))
    filled = scan.copy()
    filled[ring()] = fill
    found, notes = without_fill(Volume(filled, np.eye(4)), "the scan")
    assert -1060 <= found.voxels[ring()].min() <= -1000
    np.testing.assert_array_equal(found.voxels[~ring()], scan[~ring()])
    assert len(notes) == 1


def test_a_frame_around_a_ring() -> None:
    filled = magnitude(np.random.default_rng(3))
    filled[ring()] = -1000
    filled[frame()] = -32768
    found, notes = without_fill(Volume(filled, np.eye(4)), "the scan")
    assert found.voxels.min() == 0
    assert len(notes) == 2


def test_edges_that_an_interpolation_mixed_with_fill_go_too() -> None:
    from scipy import ndimage

    plain = magnitude(np.random.default_rng(4)).astype(np.float32)
    filled = plain.copy()
    filled[ring(27)] = -1000
    mixed = ndimage.gaussian_filter(filled, 0.5, truncate=2)
    mixed[ndimage.binary_erosion(ring(27), border_value=1)] = -1000
    found, _ = without_fill(Volume(mixed, np.eye(4)), "the scan")
    assert found.voxels.min() == 0


@pytest.mark.parametrize(
    "scan",
    [
        magnitude(np.random.default_rng(5)),
        hounsfield(np.random.default_rng(6)),
        np.where(ring(), -1024, hounsfield(np.random.default_rng(6))),
        np.where(ring(), 0, magnitude(np.random.default_rng(5), air=False) + 90),
        magnitude(np.random.default_rng(7)).astype(np.float32) - 200,
        (magnitude(np.random.default_rng(8)).astype(np.float32) - 250) / 180,
    ],
    ids=["MR", "CT", "CT with a ring of -1024", "brain in 0", "MR less 200", "z-scores of a whole scan"],
)
def test_scans_without_fill_stay_as_they_are(scan: np.ndarray) -> None:
    volume = Volume(scan, np.eye(4))
    found, notes = without_fill(volume, "the scan")
    assert found is volume
    assert notes == []


def test_a_background_amid_z_scores_comes_below_them() -> None:
    rng = np.random.default_rng(9)
    raw = np.where(ring(), 0, magnitude(rng, air=False) + 60).astype(np.float32)
    inside = raw > 0
    scores = np.where(inside, (raw - raw[inside].mean()) / raw[inside].std(), 0).astype(np.float32)
    found = above_background(Volume(scores, np.eye(4))).voxels
    assert (found[~inside] == 0).all()
    assert (found[inside] > 0).all()
    assert np.corrcoef(found[inside], raw[inside])[0, 1] > 0.9999


@pytest.mark.parametrize(
    "scan",
    [
        magnitude(np.random.default_rng(10)),
        hounsfield(np.random.default_rng(11)),
        magnitude(np.random.default_rng(12)).astype(np.float32) + 3,
    ],
)
def test_a_lowest_background_stays(scan: np.ndarray) -> None:
    volume = Volume(scan, np.eye(4))
    assert above_background(volume) is volume


@pytest.mark.parametrize("change", [lambda v: v, lambda v: v * 2.5 - 7, lambda v: (v / 3).round()])
def test_one_image_in_two_slots_is_refused(change) -> None:
    scan = magnitude(np.random.default_rng(13))
    with pytest.raises(InputError, match="t1c and flair are the same image"):
        check_distinct({"t1c": Volume(scan, np.eye(4)), "flair": Volume(change(scan.astype(np.float32)), np.eye(4))})


def test_two_images_of_one_head_pass() -> None:
    rng = np.random.default_rng(14)
    scan = magnitude(rng)
    other = (scan.astype(np.float32) ** 1.2 + rng.normal(0, 5, SHAPE)).astype(np.float32)
    check_distinct({"t1c": Volume(scan, np.eye(4)), "flair": Volume(other, np.eye(4))})
