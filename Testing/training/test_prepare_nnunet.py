"""Raw data sets of nnU-Net 1 and 2."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from neurospineseg.images.volume import Volume, write_volume
from Testing.raw_miniatures_spine import sagittal
from Training import prepare
from Training.datasets.raw_dataset import read_dataset

V1 = {"modality": {"0": "T2"}, "labels": {"0": "background", "1": "disc", "2": "vertebra"}}
V2 = {"channel_names": {"0": "T2"}, "labels": {"background": 0, "disc": 1, "vertebra": 2}, "file_ending": ".nii.gz"}
SHAPE = (6, 12, 10)


def write(folder: Path, description: dict, cases: int = 4, ending: str = ".nii.gz") -> Path:
    """Cases a, b, c, ... whose label 1 are 12 voxels in the slice k = 1 and label 2 eight in k = 3; channel n is about 100 (n + 1)."""
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    for number in range(cases):
        name, matrix = "abcdefgh"[number], sagittal(number, (3, 1, 1))
        for channel in range(len(description.get("channel_names", description.get("modality")))):
            voxels = np.random.default_rng([number, channel]).normal(100 * (channel + 1), 10, SHAPE).astype(np.float32)
            write_volume(Volume(voxels, matrix), folder / "imagesTr" / f"{name}_{channel:04d}{ending}")
        labels = np.zeros(SHAPE, np.uint8)
        labels[1, 2:5, 2:6], labels[3, 2:4, 2:6] = 1, 2
        write_volume(Volume(labels, matrix), folder / "labelsTr" / f"{name}{ending}")
    describe(folder, description)
    return folder


def describe(folder: Path, description: dict) -> None:
    (folder / "dataset.json").write_text(json.dumps(description))


def run(raw: Path, data: Path, *more: str) -> int:
    return prepare.main(["nnunet", str(raw), "-o", str(data), "--task", "spine", "--no-preview", *more])


def said(capsys: pytest.CaptureFixture) -> str:
    captured = capsys.readouterr()
    return " ".join((captured.out + captured.err).split())


@pytest.mark.parametrize("description", [V1, V2])
def test_both_versions_of_the_description_give_the_same_truth(description: dict, tmp_path: Path) -> None:
    assert run(write(tmp_path / "raw", description), tmp_path / "data", "--rename", "T2=image") == 0
    dataset = read_dataset(tmp_path / "data")
    assert dataset.channels == ("image",)
    assert dataset.labels == {"background": 0, "vertebra": 1, "disc": 2}
    scans, labels = dataset.read("b")
    assert np.bincount(labels.voxels.astype(int).ravel())[1:].tolist() == [8, 12]
    assert (labels.voxels[1, 2:5, 2:6] == dataset.labels["disc"]).all()
    np.testing.assert_allclose(labels.ijk_to_ras, sagittal(1, (3, 1, 1)), atol=1e-4)
    assert abs(scans["image"].voxels.mean() - 100) < 2


def test_another_file_ending_is_read(tmp_path: Path) -> None:
    assert run(write(tmp_path / "raw", V2 | {"file_ending": ".nrrd"}, ending=".nrrd"), tmp_path / "data") == 0
    assert len(list((tmp_path / "data" / "labelsTr").glob("*.nii.gz"))) == 4


def test_names_of_labels_that_are_exchanged_afterward_are_read_anew(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw", V2)
    run(raw, tmp_path / "data")
    describe(raw, V2 | {"labels": {"background": 0, "vertebra": 1, "disc": 2}})
    assert run(raw, tmp_path / "data") == 0
    dataset = read_dataset(tmp_path / "data")
    assert (dataset.read("a")[1].voxels[1, 2:5, 2:6] == dataset.labels["vertebra"]).all()


def test_labels_renamed_to_one_class_are_joined(tmp_path: Path) -> None:
    labels = {"background": 0, "upper": 1, "lower": 2}
    assert run(write(tmp_path / "raw", V2 | {"labels": labels}), tmp_path / "data", "--rename", "upper=disc,lower=disc") == 0
    dataset = read_dataset(tmp_path / "data")
    assert dataset.labels == {"background": 0, "disc": 1}
    assert dataset.read("a")[1].voxels.sum() == 20


def test_channels_keep_their_order(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw", V2 | {"channel_names": {"1": "late", "0": "early"}})
    assert run(raw, tmp_path / "data") == 0
    scans = read_dataset(tmp_path / "data").read("a")[0]
    assert {name: round(float(scan.voxels.mean()), -2) for name, scan in scans.items()} == {"early": 100, "late": 200}


def test_two_channels_of_one_name_are_refused(tmp_path: Path, capsys) -> None:
    raw = write(tmp_path / "raw", V2 | {"channel_names": {"0": "MRI", "1": "MRI"}})
    assert run(raw, tmp_path / "data") == 2
    assert "names two channels 'MRI'" in said(capsys)


def test_its_split_is_kept_and_a_fold_can_be_chosen(tmp_path: Path, capsys) -> None:
    raw = write(tmp_path / "raw", V2)
    folds = [{"train": ["c", "a"], "val": ["b"]}, {"train": ["b"], "val": ["d"]}]
    (raw / "splits_final.json").write_text(json.dumps(folds))
    assert run(raw, tmp_path / "data") == 0
    split = read_dataset(tmp_path / "data").split
    assert (split.train, split.val, split.test) == (("c", "a"), ("b",), ("d",))
    assert run(raw, tmp_path / "second", "--fold", "1") == 0
    split = read_dataset(tmp_path / "second").split
    assert (split.train, split.val, split.test) == (("b",), ("d",), ("a", "c"))
    for fold in ("2", "-1"):
        assert run(raw, tmp_path / "third", "--fold", fold) == 2
        assert "has 2 folds; choose --fold 0 to 1" in said(capsys)


@pytest.mark.parametrize("content", ["{", "{}", '[{"train": ["a"]}]', '[{"train": ["a", "b"], "val": ["b"]}]'])
def test_a_split_that_is_none_is_refused(content: str, tmp_path: Path, capsys) -> None:
    raw = write(tmp_path / "raw", V2)
    (raw / "splits_final.json").write_text(content)
    assert run(raw, tmp_path / "data") == 2
    assert "splits_final.json of 'raw'" in said(capsys)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"labels": {"background": 0, "whole": [1, 2]}}, "region-based labels"),
        ({"labels": {"background": 0, "disc": "one"}}, "a label whose value is no number"),
        ({"labels": {"background": 0, "elbow": 1}}, "knows no class 'elbow'"),
        ({"labels": None}, "names no channels or no labels"),
        ({"channel_names": None}, "names no channels or no labels"),
        ({"channel_names": {"first": "T2"}}, "does not give a name to each number"),
        ({"channel_names": {"0": ["T2"]}}, "does not give a name to each number"),
    ],
)
def test_a_description_that_cannot_be_used_is_refused(change: dict, sentence: str, tmp_path: Path, capsys) -> None:
    raw = write(tmp_path / "raw", V2)
    describe(raw, V2 | change)
    assert run(raw, tmp_path / "data") == 2
    assert sentence in said(capsys)


def test_a_value_that_no_name_has_makes_its_cases_faulty(tmp_path: Path, capsys) -> None:
    raw = write(tmp_path / "raw", V2 | {"labels": {"background": 0, "disc": 1}})
    assert run(raw, tmp_path / "data") == 2
    assert "'a.nii.gz' holds the label 2, which dataset.json does not name" in said(capsys)


def test_missing_files_are_named_and_hidden_ones_passed_over(tmp_path: Path, capsys) -> None:
    raw = write(tmp_path / "raw", V2)
    (raw / "imagesTr" / "a_0000.nii.gz").unlink()
    (raw / "labelsTr" / "b.nii.gz").unlink()
    for hidden in ("imagesTr/._c_0000.nii.gz", "labelsTr/._c.nii.gz"):
        (raw / hidden).write_bytes(b"\x00\x05\x16\x07")
    assert run(raw, tmp_path / "data") == 1
    text = said(capsys)
    assert "'a_0000.nii.gz' is missing" in text
    assert "'b.nii.gz' is missing in labelsTr" in text
    assert "._c" not in text
    assert sorted(read_dataset(tmp_path / "data").split.named("all")) == ["c", "d"]


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_a_folder_without_a_description_is_refused(content, tmp_path: Path, capsys) -> None:
    raw = write(tmp_path / "raw", V2)
    (raw / "dataset.json").unlink()
    if content:
        (raw / "dataset.json").write_text(content)
    assert run(raw, tmp_path / "data") == 2
    assert "dataset.json" in said(capsys)
