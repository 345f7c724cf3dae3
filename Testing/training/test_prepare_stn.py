"""The subthalamic nuclei: orientation and sides are never guessed."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from neurospineseg.images.volume import Volume, write_volume
from Testing.raw_miniatures_stn import MIDDLE_MM, ORIENTATION, RADII_MM, stn
from Training import prepare
from Training.datasets.raw_dataset import RawDataset, read_dataset
from Training.datasets.slices import SIDE

LEFT, RIGHT = "left_subthalamic_nucleus", "right_subthalamic_nucleus"
ML = 4 / 3 * np.pi * np.prod(RADII_MM) / 1000


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return stn(tmp_path / "raw", cases=3, size=44)


def run(raw: Path, data: Path, *more: str, sides: str = "as-named", orientation: str | None = ORIENTATION) -> int:
    said_of_it = ["--orientation", orientation] if orientation else []
    return prepare.main(["stn", str(raw), "-o", str(data), "--no-preview", "--sides", sides, *said_of_it, *more])


def said(capsys: pytest.CaptureFixture) -> str:
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


def alter(path: Path, change) -> None:
    """Writes an Analyze pair again with other voxels (I, J, K)."""
    image = nib.load(path)
    voxels = change(image.get_fdata().astype(image.get_data_dtype()))
    header = nib.AnalyzeHeader()
    header.set_data_dtype(voxels.dtype)
    nib.AnalyzeImage(voxels, None, header).to_filename(path)


def center(dataset: RawDataset, case: str, name: str) -> np.ndarray:
    """RAS mm of a nucleus."""
    labels = dataset.read(case)[1]
    return labels.ijk_to_ras[:3, :3] @ np.argwhere(labels.voxels == dataset.labels[name]).mean(0)[::-1] + labels.ijk_to_ras[:3, 3]


def require_true_sides(dataset: RawDataset) -> None:
    for case in dataset.split.named("all"):
        left, right = center(dataset, case, LEFT), center(dataset, case, RIGHT)
        assert right[0] - left[0] == pytest.approx(2 * MIDDLE_MM, abs=1), case
        scans, labels = dataset.read(case)
        for value in (1, 2):
            assert np.sum(labels.voxels == value) / 1000 == pytest.approx(ML, rel=0.1)
            assert scans["image"].voxels[labels.voxels == value].mean() == pytest.approx(150, abs=5)


def test_both_masks_become_the_nuclei_of_their_sides(raw: Path, tmp_path: Path) -> None:
    assert run(raw, tmp_path / "data") == 0
    dataset = read_dataset(tmp_path / "data")
    assert dataset.labels == {"background": 0, LEFT: 1, RIGHT: 2}
    assert len(dataset.split.named("all")) == 3
    assert nib.aff2axcodes(dataset.read("patient00")[1].ijk_to_ras) == tuple(ORIENTATION)
    require_true_sides(dataset)


def test_without_an_orientation_plain_analyze_is_refused(raw: Path, tmp_path: Path, capsys) -> None:
    assert run(raw, tmp_path / "data", orientation=None) == 2
    assert "does not record which side is left" in said(capsys)
    assert not list((tmp_path / "data" / "imagesTr").iterdir())


@pytest.mark.parametrize("orientation", ["XYZ", "LA", "LLS"])
def test_letters_that_are_no_orientation_are_refused(orientation: str, raw: Path, tmp_path: Path, capsys) -> None:
    assert run(raw, tmp_path / "data", orientation=orientation) == 2
    assert f"'{orientation}' is no orientation" in said(capsys)


def test_sides_that_the_masks_contradict_are_refused_never_guessed(raw: Path, tmp_path: Path, capsys) -> None:
    assert run(raw, tmp_path / "data", sides="swapped") == 2
    assert "are in '" in said(capsys)
    text = " ".join(json.loads((tmp_path / "data" / "report.json").read_text())["faulty"].values())
    for number in range(3):
        name = f"patient{number:02d}.img"
        assert f"'mask_left/{name}' and 'mask_right/{name}' lie on the wrong sides for --sides swapped" in text
    assert run(raw, tmp_path / "mirrored", orientation="RAS") == 2
    assert "lie on the wrong sides for --sides as-named" in said(capsys)


def test_sides_must_be_given(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        prepare.main(["stn", str(raw), "-o", str(tmp_path / "data"), "--orientation", ORIENTATION])


def test_exchanged_names_of_the_masks_come_out_right_with_swapped(tmp_path: Path) -> None:
    raw = stn(tmp_path / "raw", cases=3, size=44, sides_swapped=True)
    assert run(raw, tmp_path / "named") == 2
    assert run(raw, tmp_path / "data", sides="swapped") == 0
    require_true_sides(read_dataset(tmp_path / "data"))


def test_masks_of_0_and_255_are_read(raw: Path, tmp_path: Path) -> None:
    for file in raw.glob("mask_*/*.img"):
        alter(file, lambda voxels: voxels * np.uint8(255))
    assert run(raw, tmp_path / "data") == 0
    require_true_sides(read_dataset(tmp_path / "data"))


def test_overlapping_empty_and_odd_masks_are_named(raw: Path, tmp_path: Path, capsys) -> None:
    alter(raw / "mask_left" / "patient00.img", np.zeros_like)
    alter(raw / "mask_right" / "patient01.img", lambda voxels: voxels * np.uint8(3))
    assert run(raw, tmp_path / "data") == 1
    text = said(capsys)
    assert "'mask_left/patient00.img' is no mask of 0 and 1 (or 255): it holds 0;" in text
    assert "'mask_right/patient01.img' is no mask of 0 and 1 (or 255): it holds 0, 3;" in text
    both = nib.load(raw / "mask_left" / "patient02.img").get_fdata().astype(np.uint8)
    alter(raw / "mask_right" / "patient02.img", lambda voxels: np.maximum(voxels, both))
    assert run(raw, tmp_path / "other") == 2
    reasons = json.loads((tmp_path / "other" / "report.json").read_text())["faulty"]
    assert f"'mask_left/patient02.img' and 'mask_right/patient02.img' overlap in {np.count_nonzero(both)} voxels" in reasons["patient02"]


def test_hidden_files_are_passed_over_and_a_missing_folder_is_named(raw: Path, tmp_path: Path, capsys) -> None:
    (raw / "mask_left" / "._patient00.img").write_bytes(b"\x00\x05")
    assert run(raw, tmp_path / "data") == 0
    (raw / "mask_left").rename(raw / "left")
    assert run(raw, tmp_path / "other") == 2
    assert "mask_left' is missing; give the folder" in said(capsys)


def test_two_files_of_one_name_are_both_named_and_the_case_left_out(raw: Path, tmp_path: Path, capsys) -> None:
    (raw / "mask_left" / "patient00.nii").write_bytes(b"")
    assert run(raw, tmp_path / "data") == 1
    assert "'patient00.img' and 'patient00.nii' in 'mask_left' are one case, which was left out" in said(capsys)
    assert sorted(read_dataset(tmp_path / "data").split.named("all")) == ["patient01", "patient02"]


def test_whole_scans_are_cropped_around_both_nuclei_in_their_place(tmp_path: Path, capsys) -> None:
    raw = stn(tmp_path / "raw", cases=2, size=64)
    (raw / "mri_crop").rename(raw / "mri")
    assert run(raw, tmp_path / "whole") == 0
    assert run(raw, tmp_path / "data", "--crop", "40") == 0
    whole, cropped = read_dataset(tmp_path / "whole"), read_dataset(tmp_path / "data")
    require_true_sides(cropped)
    for case in ("patient00", "patient01"):
        assert cropped.read(case)[1].shape == (40, 40, 40)
        for name in (LEFT, RIGHT):
            np.testing.assert_allclose(center(cropped, case, name), center(whole, case, name), atol=1e-4)
    assert run(raw, tmp_path / "small", "--crop", "20") == 0
    assert "Part of a nucleus lies outside the 20 voxels" in (tmp_path / "small" / "report.json").read_text()


@pytest.mark.parametrize("side", ["0", "-4"])
def test_a_crop_of_no_size_is_a_sentence(side: str, raw: Path, tmp_path: Path, capsys) -> None:
    assert run(raw, tmp_path / "data", "--crop", side) == 2
    assert f"--crop {side} is no size" in said(capsys)


SLICED = ("--n-train", "2", "--n-val", "1")


def pictures(folder: Path, part: str, kind: str, place: str) -> dict[str, np.ndarray]:
    return {path.name: np.asarray(Image.open(path)) for path in sorted((folder / part / kind / place).glob("*.png"))}


def test_slices_show_the_nucleus_of_their_side_as_documented(tmp_path: Path) -> None:
    raw = stn(tmp_path / "raw", cases=3, size=44)
    for file in raw.glob("mri_crop/*.img"):
        marked = nib.load(file).get_fdata().astype(np.int16)
        marked[:20, 34:, :] = 700
        alter(file, lambda _, marked=marked: marked)
    slices = tmp_path / "slices"
    assert run(raw, tmp_path / "data", *SLICED, "--slices", str(slices)) == 0
    split = read_dataset(tmp_path / "data").split
    for part, cases in (("Training", split.train), ("Validation", split.val)):
        for place in ("left_stn", "right_stn"):
            images, masks = (pictures(slices, part, kind, place) for kind in ("slices", "masks"))
            assert list(images) == list(masks)
            assert {name.rsplit("_", 1)[0] for name in images} == set(cases)
            for name, mask in masks.items():
                assert images[name].shape == mask.shape == (SIDE, SIDE) == (40, 40)
                assert images[name].dtype == mask.dtype == np.uint8
                assert set(np.unique(mask)) <= {0, 255}
                if mask.any():
                    assert images[name][mask > 0].mean() < images[name][mask == 0].mean()
                    np.testing.assert_allclose(np.argwhere(mask).mean(0), 19.5, atol=1.5)
            for case in cases:
                empty = [not masks[name].any() for name in masks if name.startswith(case)]
                assert empty[:2] == empty[-2:] == [True, True]
                assert not any(empty[2:-2])
                middle = [name for name in masks if name.startswith(case)][len(empty) // 2]
                mask, bright = masks[middle] > 0, images[middle] == 255
                wide, tall = np.ptp(np.argwhere(mask), axis=0)[::-1]
                assert wide > tall
                across = bright.any(0).nonzero()[0]
                assert bright.any(1).nonzero()[0].max() < 19, "the bright block lies in front, so above"
                if place == "left_stn":
                    assert across.max() < 19, "the bright block lies on the patient's right, so left of the left nucleus"
                else:
                    assert across.max() > 19, "the bright block reaches across the right nucleus"


def test_slices_of_a_case_that_changed_sides_are_moved(raw: Path, tmp_path: Path) -> None:
    slices = tmp_path / "slices"
    run(raw, tmp_path / "first", *SLICED, "--slices", str(slices))
    stranger = slices / "Training" / "slices" / "left_stn" / "holiday.png"
    stranger.write_bytes(b"mine")
    for seed in range(2, 6):
        run(raw, tmp_path / f"other{seed}", *SLICED, "--seed", str(seed), "--slices", str(slices))
        split = read_dataset(tmp_path / f"other{seed}").split
        for kind in ("slices", "masks"):
            names = {path.name.rsplit("_", 1)[0] for path in slices.glob(f"Training/{kind}/*/patient*.png")}
            assert names == set(split.train)
            assert {path.name.rsplit("_", 1)[0] for path in slices.glob(f"Validation/{kind}/*/*.png")} == set(split.val)
    assert stranger.read_bytes() == b"mine"


def test_files_that_record_their_orientation_need_none(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for part in ("mri_crop", "mask_left", "mask_right"):
        (raw / part).mkdir(parents=True)
    k, j, i = np.indices((30, 40, 44))
    masks = {
        name: ((k - 15) / 3) ** 2 + ((j - 20) / 4) ** 2 + ((i - at) / 5) ** 2 < 1 for name, at in (("mask_right", 33), ("mask_left", 11))
    }
    image = np.where(masks["mask_left"] | masks["mask_right"], 150.0, 300.0).astype(np.float32)
    matrix = np.diag([1.0, 1.0, 1.0, 1.0])
    for number in range(2):
        write_volume(Volume(image, matrix), raw / "mri_crop" / f"case {number}.nii.gz")
        for name, mask in masks.items():
            write_volume(Volume(mask.astype(np.uint8), matrix), raw / name / f"case {number}.nii.gz")
    assert run(raw, tmp_path / "data", orientation=None) == 0
    dataset = read_dataset(tmp_path / "data")
    assert sorted(dataset.split.named("all")) == ["case_0", "case_1"]
    assert center(dataset, "case_0", LEFT)[0] < center(dataset, "case_0", RIGHT)[0]
