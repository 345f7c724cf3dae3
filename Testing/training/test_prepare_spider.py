"""The SPIDER lumbar series."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from neurospineseg.images.volume import Volume, read_volume, write_volume
from Testing.raw_miniatures_spine import levels, spider
from Training import prepare
from Training.datasets.raw_dataset import read_dataset

ALL = {"spider_001_t1", "spider_001_t2", "spider_001_t2_space", "spider_002_t1", "spider_002_t2"}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two patients, not to be written to."""
    return spider(tmp_path_factory.mktemp("spider"), patients=2)


@pytest.fixture
def raw(drawn: Path, tmp_path: Path) -> Path:
    """A copy of the two patients' T1 and T2."""
    for kind in ("images", "masks"):
        (tmp_path / "raw" / kind).mkdir(parents=True)
        for path in (drawn / kind).glob("*.mha"):
            (tmp_path / "raw" / kind / path.name).write_bytes(path.read_bytes())
    return tmp_path / "raw"


def run(raw: Path, data: Path, *more: str) -> int:
    return prepare.main(["spider", str(raw), "-o", str(data), "--no-preview", *more])


def said(capsys: pytest.CaptureFixture) -> str:
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


def report(data: Path) -> dict:
    return json.loads((data / "report.json").read_text())


def mask_of(raw: Path, case: str) -> Volume:
    patient, series = case.removeprefix("spider_").split("_", 1)
    return read_volume(next(path for path in (raw / "masks").iterdir() if path.stem.lower() == f"{int(patient)}_{series}"))


def relabel(path: Path, change) -> None:
    mask = read_volume(path)
    write_volume(Volume(change(mask.voxels.astype(np.uint8)), mask.ijk_to_ras), path)


def centroid(labels: Volume, value: int) -> np.ndarray:
    """RAS mm of a value's voxels."""
    return labels.ijk_to_ras[:3, :3] @ np.argwhere(labels.voxels == value).mean(0)[::-1] + labels.ijk_to_ras[:3, 3]


@pytest.mark.parametrize("partly", ["vertebra", "ignore", "background"])
def test_instances_become_classes_and_vertebrae_partly_in_view_what_was_chosen(partly: str, drawn: Path, tmp_path: Path) -> None:
    assert run(drawn, tmp_path / "data", "--partial", partly) == 0
    dataset = read_dataset(tmp_path / "data")
    expected = {"background": 0, "vertebra": 1, "disc": 2, "canal": 3} | ({"ignore": 4} if partly == "ignore" else {})
    assert dataset.labels == expected
    assert dataset.channels == ("image",)
    assert set(dataset.split.named("all")) == ALL
    for case in ALL:
        raw, labels = mask_of(drawn, case), dataset.read(case)[1]
        values = raw.voxels
        truth = np.select(
            [(values >= 1) & (values <= 25), values == 100, (values > 100) & (values <= 125), values > 200], [1, 3, expected[partly], 2], 0
        )
        differs = labels.voxels != truth
        assert (values[differs] == 2).all()
        assert differs.sum() == (6 if case.startswith("spider_001") else 0)
        np.testing.assert_allclose(labels.ijk_to_ras, raw.ijk_to_ras, atol=1e-4)
        assert (values[values > 100] < 126).any()


def test_a_stray_fragment_is_dropped_and_reported(drawn: Path, tmp_path: Path) -> None:
    assert run(drawn, tmp_path / "data") == 0
    notes = report(tmp_path / "data")["notes"]
    assert set(notes) == {case for case in ALL if case.startswith("spider_001")}
    assert all(note[0].startswith("1 stray fragment of label 2 dropped (") for note in notes.values())


def test_a_part_of_fair_size_stays(raw: Path, tmp_path: Path) -> None:
    def cleft(voxels: np.ndarray) -> np.ndarray:
        places = np.argwhere(voxels == 1)
        voxels[places[:, 0].min() + 2 : places[:, 0].min() + 4][voxels[places[:, 0].min() + 2 : places[:, 0].min() + 4] == 1] = 0
        return voxels

    before = np.sum(mask_of(raw, "spider_002_t1").voxels == 1)
    relabel(raw / "masks" / "2_t1.mha", cleft)
    kept = np.sum(mask_of(raw, "spider_002_t1").voxels == 1)
    assert run(raw, tmp_path / "data") == 0
    assert kept < before
    assert "spider_002_t1" not in report(tmp_path / "data")["notes"]


def test_an_unknown_label_becomes_background_with_a_note(raw: Path, tmp_path: Path) -> None:
    relabel(raw / "masks" / "2_t2.mha", lambda voxels: np.where(voxels == 100, 77, voxels))
    assert run(raw, tmp_path / "data") == 0
    (note,) = report(tmp_path / "data")["notes"]["spider_002_t2"]
    assert note.startswith("Label 77 (")
    assert note.endswith("became background: SPIDER has no such label.")
    labels = read_dataset(tmp_path / "data").read("spider_002_t2")[1]
    assert not labels.voxels[mask_of(raw, "spider_002_t2").voxels == 77].any()


def test_masks_that_are_empty_or_without_a_vertebra_are_left_out_with_the_reason(raw: Path, tmp_path: Path, capsys) -> None:
    relabel(raw / "masks" / "1_t1.mha", np.zeros_like)
    relabel(raw / "masks" / "2_t1.mha", lambda voxels: np.where(voxels > 200, voxels, 0))
    assert run(raw, tmp_path / "data") == 0
    reasons = {"spider_001_t1": "masks/1_t1.mha is empty.", "spider_002_t1": "masks/2_t1.mha has no vertebra."}
    assert report(tmp_path / "data")["left_out"] == reasons
    text = said(capsys)
    assert all(f"{case} left out: {reason}" in text for case, reason in reasons.items())
    assert sorted(read_dataset(tmp_path / "data").split.named("all")) == ["spider_001_t2", "spider_002_t2"]


def test_missing_files_odd_names_and_other_sizes_are_named_while_the_others_go_on(raw: Path, tmp_path: Path, capsys) -> None:
    (raw / "masks" / "1_t1.mha").unlink()
    (raw / "images" / "1_t2.mha").rename(raw / "images" / "patient1_t2.mha")
    (raw / "images" / "._2_t2.mha").write_bytes(b"\x00\x05")
    relabel(raw / "masks" / "2_t1.mha", lambda voxels: voxels[1:])
    assert run(raw, tmp_path / "data") == 1
    text = said(capsys)
    assert "images/1_t1.mha has no mask of that name" in text
    assert "images/patient1_t2.mha is not named like 12_t1.mha" in text
    assert "masks/1_t2.mha has no image of that name" in text
    assert "'masks/2_t1.mha' and 'images/2_t1.mha' have different sizes (48x64x15 and 48x64x16)" in text
    assert "._" not in text
    assert read_dataset(tmp_path / "data").split.named("all") == ("spider_002_t2",)


def test_series_can_be_chosen_and_capitals_are_read(drawn: Path, tmp_path: Path, capsys) -> None:
    assert (drawn / "images" / "1_T2_SPACE.MHA").is_file()
    assert run(drawn, tmp_path / "data", "--series", "T2_space,t1") == 0
    assert set(read_dataset(tmp_path / "data").split.named("all")) == {"spider_001_t1", "spider_001_t2_space", "spider_002_t1"}
    with pytest.raises(SystemExit):
        run(drawn, tmp_path / "data", "--series", "t3")


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_the_series_of_a_patient_stay_on_one_side(seed: str, drawn: Path, tmp_path: Path) -> None:
    assert run(drawn, tmp_path / "data", "--seed", seed) == 0
    split = read_dataset(tmp_path / "data").split
    parts = [{name[:10] for name in part} for part in (split.train, split.val)]
    assert sorted(map(len, parts)) == [1, 1]
    assert parts[0] != parts[1]


@pytest.mark.parametrize(
    ("option", "shape", "spacing"),
    [(("--resize", "32,24,20"), (32, 24, 20), None), (("--spacing", "1.5,2,3"), (43, 24, 22), (3, 2, 1.5))],
)
def test_resized_cases_lie_where_they_lay(option, shape, spacing, drawn: Path, tmp_path: Path) -> None:
    assert run(drawn, tmp_path / "whole") == 0
    assert run(drawn, tmp_path / "data", *option) == 0
    whole, resized = read_dataset(tmp_path / "whole"), read_dataset(tmp_path / "data")
    for case in ("spider_001_t1", "spider_001_t2_space", "spider_002_t2"):
        (_, before), (scans, after) = whole.read(case), resized.read(case)
        assert after.shape == scans["image"].shape == shape, "voxels along S, A, R"
        assert nib.aff2axcodes(after.ijk_to_ras) == ("R", "A", "S")
        if spacing:
            np.testing.assert_allclose(after.spacing, spacing, rtol=1e-4)
        else:
            np.testing.assert_allclose(np.sort(after.extent_mm), np.sort(before.extent_mm), rtol=1e-4)
        directions = np.abs((after.ijk_to_ras[:3, :3] / after.spacing).T @ (before.ijk_to_ras[:3, :3] / before.spacing))
        np.testing.assert_allclose(np.sort(directions, axis=1), [[0, 0, 1]] * 3, atol=1e-4)
        for value in (1, 2, 3):
            apart = np.linalg.norm(centroid(after, value) - centroid(before, value))
            assert apart < 0.8 * after.spacing.max(), (case, value, apart)


@pytest.mark.parametrize(
    "option", [("--resize", "1,2"), ("--resize", "0,2,3"), ("--spacing", "a,1,1"), ("--spacing", "nan,1,1"), ("--spacing", "inf,1,1")]
)
def test_sizes_that_are_none_are_refused(option, drawn: Path, tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit):
        run(drawn, tmp_path / "data", *option)
    assert f"argument {option[0]}" in said(capsys)


def test_a_size_of_one_voxel_is_refused(drawn: Path, tmp_path: Path, capsys) -> None:
    assert run(drawn, tmp_path / "data", "--resize", "32,24,1") == 2
    assert "2 voxels" in said(capsys)


def test_cropping_keeps_every_labeled_voxel_in_its_place(raw: Path, tmp_path: Path) -> None:
    for name in ("1_t1", "1_t2"):
        scan, mask = (read_volume(raw / kind / f"{name}.mha") for kind in ("images", "masks"))
        faded = scan.voxels * np.where(np.arange(64) < 30, 1, 0.001)[None, :, None]
        write_volume(Volume(np.pad(faded.astype(np.float32), ((0, 0), (0, 40), (0, 30))), scan.ijk_to_ras), raw / "images" / f"{name}.mha")
        padded = np.pad(mask.voxels.astype(np.uint8), ((0, 0), (0, 40), (0, 30)))
        write_volume(Volume(padded, mask.ijk_to_ras), raw / "masks" / f"{name}.mha")
    assert run(raw, tmp_path / "whole") == 0
    assert run(raw, tmp_path / "data", "--crop-non-spinal") == 0
    whole, cropped = read_dataset(tmp_path / "whole"), read_dataset(tmp_path / "data")
    for case in whole.split.named("all"):
        before, after = whole.read(case)[1], cropped.read(case)[1]
        for value in (1, 2, 3):
            assert np.sum(after.voxels == value) == np.sum(before.voxels == value) > 0
            np.testing.assert_allclose(centroid(after, value), centroid(before, value), atol=1e-3)
    after = cropped.read("spider_001_t1")[1]
    assert after.shape[1] < 80
    assert after.shape[2] < 70
    assert any(note.startswith("Cropped from 78x104x16 to ") for note in report(tmp_path / "data")["notes"]["spider_001_t1"])


@pytest.mark.parametrize("how", ["minmax", "zscore", "none"])
def test_intensities_are_scaled_as_asked(how: str, drawn: Path, tmp_path: Path) -> None:
    assert run(drawn, tmp_path / "data", "--scale", how, "--series", "t1") == 0
    dataset = read_dataset(tmp_path / "data")
    for patient in (1, 2):
        voxels = dataset.read(f"spider_00{patient}_t1")[0]["image"].voxels
        before = read_volume(drawn / "images" / f"{patient}_t1.mha").voxels
        if how == "minmax":
            assert voxels.min() == 0
            assert voxels.max() == 1
        elif how == "zscore":
            assert abs(voxels.mean()) < 1e-3
            assert voxels.std() == pytest.approx(1, abs=1e-3)
        else:
            np.testing.assert_array_equal(voxels, before)
        assert np.corrcoef(voxels.ravel(), before.ravel())[0, 1] > 0.9999


def test_the_miniature_has_what_these_tests_look_for() -> None:
    found = levels(1, (16, 64, 48), (4.0, 1.0, 1.0))
    assert found.body.max() >= 3
    assert found.disc.max() >= 3
    assert found.canal.any()
