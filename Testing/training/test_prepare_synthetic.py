"""Drawn scans as training cases: they carry the truth that they were drawn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neurospineseg.tasks.anatomy import structures_of
from neurospineseg.tasks.phantoms import phantom
from neurospineseg.tasks.task import task_named
from Testing.raw_miniatures_spine import sagittal
from Training import prepare
from Training.datasets import synthetic
from Training.datasets.class_names import class_of
from Training.datasets.raw_dataset import read_dataset

SHAPE = (20, 24, 28)


def run(task: str, data: Path, *more: str) -> int:
    return prepare.main(["synthetic", task, "-o", str(data), "--cases", "2", "--no-preview", *more])


def test_a_drawn_spine_has_the_truth_of_the_phantom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = {}

    def kept(task: str, seed: int):
        drawn[seed] = phantom(task, seed)
        return drawn[seed]

    monkeypatch.setattr(synthetic, "phantom", kept)
    assert run("spine", tmp_path / "data", "--first-seed", "7") == 0
    dataset = read_dataset(tmp_path / "data")
    assert sorted(drawn) == [7, 8]
    assert sorted(dataset.split.named("all")) == ["spine00007", "spine00008"]
    images, matrix, truth = drawn[8]
    scans, labels = dataset.read("spine00008")
    np.testing.assert_allclose(labels.ijk_to_ras, matrix, atol=1e-4)
    np.testing.assert_allclose(scans["image"].voxels, images["image"], rtol=1e-5)
    for structure in structures_of("spine"):
        if (truth == structure.label).any():
            assert (labels.voxels[truth == structure.label] == dataset.labels[class_of(structure.key)]).all(), structure.key
    assert not labels.voxels[truth == 0].any()


@pytest.mark.parametrize("task", ["tumor", "subcortical"])
def test_every_class_that_is_drawn_comes_back_in_its_place(task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, rng = synthetic.values(task), np.random.default_rng(1)
    names = [name for name in table if name != "background"]
    drawn = np.zeros(SHAPE, np.int32)
    for number, name in enumerate(names):
        drawn[:, number % 24, number // 24] = table[name][0]
    drawn[:, :, 20] = 41
    images = {name: rng.normal(100, 10, SHAPE).astype(np.float32) for name in task_named(task).channel_keys}
    monkeypatch.setattr(synthetic, "phantom", lambda *_: (images, sagittal(1, (1, 1, 1)), drawn))
    assert run(task, tmp_path / "data") == 0
    dataset = read_dataset(tmp_path / "data")
    assert set(dataset.labels) == {"background", *names}
    assert dataset.channels == tuple(images)
    labels = dataset.read(dataset.split.train[0])[1].voxels
    for number, name in enumerate(names):
        assert (labels[:, number % 24, number // 24] == dataset.labels[name]).all(), name
    assert np.count_nonzero(labels) == len(names) * SHAPE[0]


def test_the_values_of_left_and_right_nuclei_are_those_of_the_task() -> None:
    table = synthetic.values("subcortical")
    assert set(table) <= {structure.key for structure in structures_of("subcortical")}
    assert len({value for values in table.values() for value in values}) == len(table)
    assert {name: values[0] for name, values in table.items()} == {
        structure.key: structure.label for structure in structures_of("subcortical") if structure.key in table
    }


def test_another_task_is_refused_for_a_folder_that_holds_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    drawn = np.zeros(SHAPE, np.int32)
    drawn[5:9, 5:9, 5:9] = 2
    noise = np.random.default_rng(1).normal(100, 10, SHAPE).astype(np.float32)
    monkeypatch.setattr(synthetic, "phantom", lambda task, _: ({n: noise for n in task_named(task).channel_keys}, np.eye(4), drawn))
    assert run("tumor", tmp_path / "data") == 0
    assert run("spine", tmp_path / "data") == 2
    assert "prepared with other options" in " ".join(capsys.readouterr().err.split())
    assert len(list((tmp_path / "data" / "imagesTr").iterdir())) == 8


@pytest.mark.parametrize("more", [["--cases", "0"], ["--first-seed", "-1"]])
def test_no_cases_and_seeds_below_zero_are_sentences(more: list[str], tmp_path: Path, capsys) -> None:
    assert run("spine", tmp_path / "data", *more) == 2
    assert capsys.readouterr().err.strip()
    assert not (tmp_path / "data").exists()
