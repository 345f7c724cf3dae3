"""Corrections that were accepted in Slicer, as training cases."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from neurospineseg.images.volume import Volume
from neurospineseg.pipeline.corrections import store_correction
from neurospineseg.tasks.anatomy import structures_of
from Testing.raw_miniatures_spine import sagittal
from Training import prepare
from Training.datasets.raw_dataset import RawDataset, read_dataset

SHAPE, SPACING = (8, 20, 16), (3.0, 1.0, 1.5)
VALUE = {structure.key: structure.label for task in ("spine", "tumor") for structure in structures_of(task)}


def correct(
    folder: Path, seed: int, boxes: dict[str, tuple[slice, ...]], channels: tuple[str, ...] = ("image",), task: str = "spine"
) -> Path:
    """Stores a correction: noise, with a box of voxels for each structure."""
    rng, matrix = np.random.default_rng(seed), sagittal(seed, SPACING)
    scans = {name: Volume(rng.normal(100, 20, SHAPE).astype(np.float32), matrix) for name in channels}
    labels = np.zeros(SHAPE, np.uint16)
    for key, box in boxes.items():
        labels[box] = VALUE[key]
    return store_correction(folder, task, scans, Volume(labels, matrix), None, None)[0]


def box(*starts: int) -> tuple[slice, ...]:
    return tuple(slice(start, start + 3) for start in starts)


def run(raw: Path, data: Path, task: str = "spine") -> int:
    return prepare.main(["corrections", str(raw), "-o", str(data), "--task", task, "--no-preview"])


def places(dataset: RawDataset, case: str, name: str) -> np.ndarray:
    labels = dataset.read(case)[1]
    return np.argwhere(labels.voxels == dataset.labels[name])


def test_corrections_come_back_with_their_places_and_classes(tmp_path: Path) -> None:
    where = {"vertebra_L4": box(1, 1, 1), "vertebra_L5": box(1, 12, 1), "disc_L4_L5": box(1, 6, 1), "spinal_canal": box(4, 4, 10)}
    case = correct(tmp_path / "raw", 1, where)
    assert run(tmp_path / "raw", tmp_path / "data") == 0
    dataset = read_dataset(tmp_path / "data")
    assert dataset.labels == {"background": 0, "vertebra": 1, "disc": 2, "canal": 3}
    scans, labels = dataset.read(case.name)
    np.testing.assert_allclose(labels.ijk_to_ras, sagittal(1, SPACING), atol=1e-4)
    np.testing.assert_allclose(scans["image"].voxels, np.random.default_rng(1).normal(100, 20, SHAPE), atol=1e-3)
    expected = np.zeros(SHAPE)
    for key, value in (("vertebra_L4", 1), ("vertebra_L5", 1), ("disc_L4_L5", 2), ("spinal_canal", 3)):
        expected[where[key]] = value
    np.testing.assert_array_equal(labels.voxels, expected)


def test_the_last_of_two_corrections_of_a_scan_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    first = correct(tmp_path / "raw", 1, {"vertebra_L4": box(1, 1, 1)})
    last = correct(tmp_path / "raw", 1, {"vertebra_L4": box(3, 3, 3)})
    other = correct(tmp_path / "raw", 2, {"vertebra_L4": box(1, 1, 1)})
    assert run(tmp_path / "raw", tmp_path / "data") == 1
    assert f"'{first.name}' was left out: '{last.name}' is a later correction" in " ".join(capsys.readouterr().err.split())
    dataset = read_dataset(tmp_path / "data")
    assert sorted(dataset.split.named("all")) == sorted([last.name, other.name])
    assert places(dataset, last.name, "vertebra").min(0).tolist() == [3, 3, 3]


def test_a_class_that_a_later_correction_brings_renumbers_the_earlier_ones(tmp_path: Path) -> None:
    first = correct(tmp_path / "raw", 1, {"disc_L4_L5": box(1, 1, 1)})
    assert run(tmp_path / "raw", tmp_path / "data") == 0
    assert read_dataset(tmp_path / "data").labels == {"background": 0, "disc": 1}
    correct(tmp_path / "raw", 2, {"vertebra_L4": box(1, 1, 1), "disc_L4_L5": box(1, 8, 1)})
    assert run(tmp_path / "raw", tmp_path / "data") == 0
    dataset = read_dataset(tmp_path / "data")
    assert dataset.labels == {"background": 0, "vertebra": 1, "disc": 2}
    assert len(places(dataset, first.name, "disc")) == 27
    assert len(places(dataset, first.name, "vertebra")) == 0


def test_a_channel_that_a_case_lacks_is_zero_with_a_note(tmp_path: Path) -> None:
    full = correct(tmp_path / "raw", 1, {"edema": box(1, 1, 1)}, ("t1c", "flair"), "tumor")
    lacking = correct(tmp_path / "raw", 2, {"edema": box(1, 1, 1)}, ("t1c",), "tumor")
    assert run(tmp_path / "raw", tmp_path / "data", "tumor") == 0
    dataset = read_dataset(tmp_path / "data")
    assert dataset.channels == ("t1c", "flair")
    scans, _ = dataset.read(lacking.name)
    assert not scans["flair"].voxels.any()
    assert scans["t1c"].voxels.any()
    assert dataset.read(full.name)[0]["flair"].voxels.any()
    assert json.loads((tmp_path / "data" / "report.json").read_text())["notes"] == {
        lacking.name: ["flair was not given and is zero everywhere."]
    }


def test_a_channel_that_only_a_later_correction_has_does_not_shift_the_others(tmp_path: Path) -> None:
    first = correct(tmp_path / "raw", 1, {"edema": box(1, 1, 1)}, ("t1c", "flair"), "tumor")
    assert run(tmp_path / "raw", tmp_path / "data", "tumor") == 0
    before = read_dataset(tmp_path / "data").read(first.name)[0]["flair"].voxels
    correct(tmp_path / "raw", 2, {"edema": box(1, 1, 1)}, ("t1c", "t1", "flair"), "tumor")
    assert run(tmp_path / "raw", tmp_path / "data", "tumor") == 0
    scans = read_dataset(tmp_path / "data").read(first.name)[0]
    np.testing.assert_array_equal(scans["flair"].voxels, before)
    assert not scans["t1"].voxels.any()


@pytest.mark.parametrize(
    "change", [{"scans": 3}, {"structures": {"elbow": 1}}, {"structures": {"vertebra_L4": "one"}}, {"structures": [1]}]
)
def test_a_description_that_the_panel_does_not_write_leaves_out_its_case_alone(change: dict, tmp_path: Path, capsys) -> None:
    broken = correct(tmp_path / "raw", 1, {"vertebra_L4": box(1, 1, 1)})
    good = correct(tmp_path / "raw", 2, {"vertebra_L4": box(1, 1, 1)})
    description = json.loads((broken / "case.json").read_text()) | change
    (broken / "case.json").write_text(json.dumps(description))
    assert run(tmp_path / "raw", tmp_path / "data") == 1
    assert f"'{broken.name}' was left out" in " ".join(capsys.readouterr().err.split())
    assert read_dataset(tmp_path / "data").split.named("all") == (good.name,)


def test_a_missing_scan_and_a_folder_without_corrections_are_named(tmp_path: Path, capsys) -> None:
    case = correct(tmp_path / "raw", 1, {"vertebra_L4": box(1, 1, 1)})
    correct(tmp_path / "raw", 2, {"vertebra_L4": box(1, 1, 1)})
    (case / "image.nii.gz").unlink()
    assert run(tmp_path / "raw", tmp_path / "data") == 1
    assert f"'{case.name}' was left out: its file 'image.nii.gz' is missing" in " ".join(capsys.readouterr().err.split())
    assert run(tmp_path / "raw", tmp_path / "other", "tumor") == 2
    assert "holds no corrections for tumor" in " ".join(capsys.readouterr().err.split())
