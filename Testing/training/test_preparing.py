"""What every adapter shares: checks, going on after a stop, the split and the files of a data set."""

from __future__ import annotations

import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from neurospineseg.errors import InputError
from neurospineseg.images.volume import read_volume
from Testing.raw_miniatures_brats import brats
from Testing.raw_miniatures_stn import ORIENTATION, stn
from Training import prepare
from Training.datasets import preparing
from Training.datasets import stn as stn_adapter
from Training.datasets.raw_dataset import read_dataset


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return stn(tmp_path / "raw", cases=4, size=40)


def run(raw: Path, data: Path, *more: str) -> int:
    return prepare.main(["stn", str(raw), "-o", str(data), "--sides", "as-named", "--orientation", ORIENTATION, "--no-preview", *more])


def said(capsys: pytest.CaptureFixture) -> str:
    """What was printed, in one line."""
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


def rewrite(path: Path, voxels: np.ndarray) -> None:
    header = nib.AnalyzeHeader()
    header.set_data_dtype(voxels.dtype)
    nib.AnalyzeImage(np.array(voxels), None, header).to_filename(path)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the scans in the order in which they are read."""
    names, load = [], stn_adapter.load

    def noted(files, options):
        names.append(files["image"].stem)
        return load(files, options)

    monkeypatch.setattr(stn_adapter, "load", noted)
    return names


@pytest.mark.parametrize("seed", range(4))
def test_scans_of_a_patient_never_lie_on_both_sides_of_the_split(seed: int) -> None:
    cases = [preparing.PlannedCase(f"case{n}", [], lambda: None, group=f"patient{n % 5}") for n in range(13)]
    split = preparing.draw_split(cases, 2, 2, seed)
    parts = [{int(name[4:]) % 5 for name in part} for part in (split.train, split.val, split.test)]
    assert [len(part) for part in parts] == [2, 2, 1]
    assert len(set.union(*parts)) == 5
    assert sorted(split.named("all")) == sorted(case.name for case in cases)


def test_two_scans_of_a_patient_are_kept_together_on_disk(tmp_path: Path) -> None:
    raw = brats(tmp_path / "raw", "2023", cases=5, size=24)
    for seed in range(3):
        data = tmp_path / f"data{seed}"
        assert prepare.main(["brats", str(raw), "-o", str(data), "--no-preview", "--seed", str(seed)]) == 0
        split = read_dataset(data).split
        assert len(split.named("all")) == 5
        parts = [part for part in (split.train, split.val, split.test) if any("00003" in name for name in part)]
        assert len(parts) == 1
        assert sum("00003" in name for name in parts[0]) == 2


def test_a_split_without_numbers_validates_with_a_fifth() -> None:
    cases = [preparing.PlannedCase(f"case{n}", [], lambda: None) for n in range(10)]
    split = preparing.draw_split(cases, None, None, 1)
    assert (len(split.train), len(split.val), len(split.test)) == (8, 2, 0)
    assert preparing.draw_split(cases, None, None, 1) == split != preparing.draw_split(cases, None, None, 2)
    assert preparing.draw_split(cases[:1], None, None, 1).train == ("case0",)


def test_stopped_after_two_cases_it_goes_on_without_reading_them_again(raw, tmp_path, monkeypatch, loads, capsys) -> None:
    write = preparing.write_volume

    def stopping(volume, file):
        if file.name == "patient02.nii.gz":
            raise KeyboardInterrupt
        write(volume, file)

    monkeypatch.setattr(preparing, "write_volume", stopping)
    assert run(raw, tmp_path / "data") == 130
    assert loads == ["patient00", "patient01", "patient02"]
    assert "goes on from here" in said(capsys)
    with pytest.raises(InputError):
        read_dataset(tmp_path / "data")
    monkeypatch.setattr(preparing, "write_volume", write)
    loads.clear()
    assert run(raw, tmp_path / "data") == 0
    assert loads == ["patient02", "patient03"]
    assert len(read_dataset(tmp_path / "data").split.named("all")) == 4


def test_a_file_of_the_data_set_that_vanished_is_written_again(raw, tmp_path, loads) -> None:
    run(raw, tmp_path / "data")
    (tmp_path / "data" / "labelsTr" / "patient01.nii.gz").unlink()
    loads.clear()
    assert run(raw, tmp_path / "data") == 0
    assert loads == ["patient01"]
    assert read_dataset(tmp_path / "data").label_file("patient01").is_file()


def test_a_source_file_that_changed_is_read_again(raw, tmp_path, loads) -> None:
    run(raw, tmp_path / "data")
    before = read_volume(tmp_path / "data" / "imagesTr" / "patient03_0000.nii.gz").voxels
    file = raw / "mri_crop" / "patient03.img"
    rewrite(file, np.asarray(nib.load(file).dataobj) + np.int16(7))
    loads.clear()
    assert run(raw, tmp_path / "data") == 0
    assert loads == ["patient03"]
    after = read_volume(tmp_path / "data" / "imagesTr" / "patient03_0000.nii.gz").voxels
    np.testing.assert_array_equal(after, before + 7)


def test_a_header_beside_the_voxels_that_changed_is_read_again(raw, tmp_path, loads) -> None:
    run(raw, tmp_path / "data")
    for part in ("mri_crop", "mask_left", "mask_right"):
        file = raw / part / "patient03.hdr"
        header = nib.load(file).header
        header.set_zooms((2, 2, 2))
        with file.open("wb") as stream:
            header.write_to(stream)
    loads.clear()
    assert run(raw, tmp_path / "data") == 0
    assert loads == ["patient03"]
    np.testing.assert_allclose(read_volume(tmp_path / "data" / "labelsTr" / "patient03.nii.gz").spacing, 2)


def test_a_case_that_is_gone_from_the_source_is_gone_from_the_data_set(raw, tmp_path) -> None:
    run(raw, tmp_path / "data")
    for file in raw.glob("*/patient02.*"):
        file.unlink()
    assert run(raw, tmp_path / "data") == 0
    assert not list((tmp_path / "data").glob("*/patient02*"))
    assert "patient02" not in read_dataset(tmp_path / "data").split.named("all")


def test_other_options_are_refused_for_a_folder_that_holds_a_data_set(raw, tmp_path, capsys) -> None:
    run(raw, tmp_path / "data")
    before = {file: file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file()}
    assert run(raw, tmp_path / "data", "--seed", "2") == 2
    assert "prepared with other options" in said(capsys)
    assert before == {file: file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file()}


def test_a_folder_that_holds_other_things_is_refused(raw, tmp_path, capsys) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "holiday.txt").write_text("mine")
    assert run(raw, tmp_path / "data") == 2
    assert "is not empty" in said(capsys)
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["holiday.txt"]


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"fingerprint": {}, "cases": 3}'])
def test_a_broken_record_of_what_was_done_is_a_sentence(content: str, raw, tmp_path, capsys) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "prepared.json").write_text(content)
    assert run(raw, tmp_path / "data") == 2
    assert "is not what prepare.py writes" in said(capsys)


def test_an_output_that_is_a_file_is_a_sentence(raw, tmp_path, capsys) -> None:
    (tmp_path / "data").write_text("")
    assert run(raw, tmp_path / "data") == 2
    assert "a file where a folder is needed" in said(capsys)


def test_two_cases_that_would_be_written_to_the_same_files_are_refused(raw, tmp_path, capsys) -> None:
    for part in ("mri_crop", "mask_left", "mask_right"):
        for ending in (".img", ".hdr"):
            (raw / part / f"patient00{ending}").rename(raw / part / f"a b{ending}")
            (raw / part / f"patient01{ending}").rename(raw / part / f"a_b{ending}")
    assert run(raw, tmp_path / "data") == 2
    assert "Two cases would be named 'a_b'" in said(capsys)
    assert not (tmp_path / "data").exists()


def test_faulty_cases_are_named_file_by_file_while_the_others_go_on(raw, tmp_path, capsys) -> None:
    masks = raw / "mask_left"
    rewrite(masks / "patient00.img", np.asarray(nib.load(masks / "patient00.img").dataobj)[:-3])
    for file in (raw / "mask_right").glob("patient01.*"):
        file.unlink()
    assert run(raw, tmp_path / "data") == 1
    text = said(capsys)
    assert "'mask_left/patient00.img' and 'mri_crop/patient00.img' have different sizes (37x40x40 and 40x40x40)" in text
    assert "'patient01' is missing in 'mask_right'" in text
    assert "2 of 3 cases are in" in text
    assert sorted(read_dataset(tmp_path / "data").split.named("all")) == ["patient02", "patient03"]
    report = json.loads((tmp_path / "data" / "report.json").read_text())
    assert list(report["faulty"]) == ["patient00"]
    assert len(report["problems"]) == 1


def test_a_label_map_in_another_place_is_named_with_the_distance(tmp_path, capsys) -> None:
    raw = brats(tmp_path / "raw", cases=3, size=24)
    mask = raw / "BraTS2021_00002" / "BraTS2021_00002_seg.nii.gz"
    image = nib.load(mask)
    matrix = image.affine.copy()
    matrix[0, 3] += 1.5
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), matrix), mask)
    assert prepare.main(["brats", str(raw), "-o", str(tmp_path / "data"), "--no-preview"]) == 1
    assert "'BraTS2021_00002_seg.nii.gz' and 'BraTS2021_00002_t1ce.nii.gz' lie up to 1.50 mm apart" in said(capsys)
    assert sorted(read_dataset(tmp_path / "data").split.named("all")) == ["BraTS2021_00000", "BraTS2021_00004"]


def test_a_dry_run_writes_nothing(raw, tmp_path, capsys) -> None:
    assert run(raw, tmp_path / "data", "--dry-run", "--slices", str(tmp_path / "slices")) == 0
    assert "4 cases of 4 patients" in said(capsys)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["raw"]


@pytest.mark.parametrize(
    "more", [["--n-train", "5"], ["--n-train", "3", "--n-val", "2"], ["--n-val", "4"], ["--n-train", "0"], ["--n-val", "-1"]]
)
@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_numbers_that_do_not_fit_are_told_before_a_case_is_read(more, dry, raw, tmp_path, capsys, loads) -> None:
    assert run(raw, tmp_path / "data", *more, *dry) == 2
    assert "ask for fewer" in said(capsys) or more == ["--n-train", "0"]
    assert not loads
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dataset.json", "{"),
        ("dataset.json", "[]"),
        ("dataset.json", '{"neurospineseg": {"task": "spine"}}'),
        ("dataset.json", '{"neurospineseg": {"task": "spine"}, "channel_names": {"a": "b"}, "labels": {"background": 0}}'),
        ("dataset.json", '{"neurospineseg": {"task": "spine"}, "channel_names": {"0": "b"}, "labels": {"background": 0, "disc": 2}}'),
        ("splits_final.json", "\x00"),
        ("splits_final.json", "[]"),
        ("splits_final.json", '[{"train": 3, "val": []}]'),
        ("splits_final.json", None),
    ],
)
def test_a_broken_description_is_a_sentence(name, content, raw, tmp_path, capsys) -> None:
    run(raw, tmp_path / "data")
    (tmp_path / "data" / name).unlink()
    if content is not None:
        (tmp_path / "data" / name).write_text(content)
    with pytest.raises(InputError, match="data"):
        read_dataset(tmp_path / "data")
    assert prepare.main(["check", str(tmp_path / "data")]) == 2
    assert "Traceback" not in said(capsys)


def test_the_description_is_the_one_that_nnunet_reads(raw, tmp_path) -> None:
    run(raw, tmp_path / "data", "--n-train", "2", "--n-val", "1")
    data = tmp_path / "data"
    described = json.loads((data / "dataset.json").read_text())
    assert described["channel_names"] == {"0": "image"}
    assert described["labels"] == {"background": 0, "left_subthalamic_nucleus": 1, "right_subthalamic_nucleus": 2}
    assert described["numTraining"] == len(list((data / "labelsTr").iterdir())) == len(list((data / "imagesTr").iterdir())) == 4
    assert described["file_ending"] == ".nii.gz"
    assert described["neurospineseg"]["task"] == "subcortical"
    assert len(described["neurospineseg"]["test"]) == 1
    (fold,) = json.loads((data / "splits_final.json").read_text())
    assert len(fold["train"]) == 2
    assert len(fold["val"]) == 1
    names = {*fold["train"], *fold["val"], *described["neurospineseg"]["test"]}
    assert {f"{name}.nii.gz" for name in names} == set(os.listdir(data / "labelsTr"))
    assert {f"{name}_0000.nii.gz" for name in names} == set(os.listdir(data / "imagesTr"))
    labels = nib.load(data / "labelsTr" / "patient00.nii.gz")
    assert labels.get_data_dtype() == np.uint8
    assert set(np.unique(labels.dataobj)) == {0, 1, 2}


def test_a_scan_whose_voxels_are_all_alike_is_faulty(raw, tmp_path, capsys) -> None:
    file = raw / "mri_crop" / "patient00.img"
    rewrite(file, np.full_like(np.asarray(nib.load(file).dataobj), 5))
    assert run(raw, tmp_path / "data") == 1
    assert "Every voxel of 'mri_crop/patient00.img' has the same value" in said(capsys)
    assert not list((tmp_path / "data").glob("*/patient00*"))
