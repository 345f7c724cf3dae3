"""From raw files to a model that segments: each way on a miniature of its data set, with the commands of the documentation."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from neurospineseg.cli import main as cli
from neurospineseg.images.volume import read_volume
from neurospineseg.models.bundle import installed_bundles
from neurospineseg.tasks.anatomy import structures_of
from Testing.raw_miniatures_brats import brats
from Testing.raw_miniatures_spine import NRRD_LABELS, nrrd_list, spider
from Testing.raw_miniatures_stn import ORIENTATION, stn
from Training import evaluate, prepare, train
from Training.datasets.raw_dataset import read_dataset

SMALL = ["--workers", "0", "--device", "cpu", "--set", "loop.patience=null"]
WAYS = {
    "stn_unet2d": (
        "subcortical",
        lambda folder: ["stn", str(stn(folder)), "--sides", "as-named", "--orientation", ORIENTATION],
        [
            "network.filters=12",
            "loop.patches_per_case=48",
            "loop.epochs=10",
            "loop.batch=16",
            "loss.name=dice",
            "optimizer.learning_rate=0.005",
        ],
        {"left_subthalamic_nucleus": 0.8, "right_subthalamic_nucleus": 0.8},
    ),
    "brats_unet3d": (
        "tumor",
        lambda folder: ["brats", str(brats(folder, "2020"))],
        [
            "model.spacing=[4,4,4]",
            "model.patch=[32,32,32]",
            "network.n_levels=3",
            "network.filters=8",
            "loop.epochs=25",
            "optimizer.learning_rate=0.01",
        ],
        {"WT (whole tumor)": 0.8, "TC (tumor core)": 0.6, "ET (enhancing tumor)": 0.5},
    ),
    "spine_unet2d": (
        "spine",
        lambda folder: ["nrrd-list", str(nrrd_list(folder)), "--labels", NRRD_LABELS],
        [
            "model.patch=[64,64,1]",
            "model.spacing=[2,1,1]",
            "network.n_levels=3",
            "network.filters=8",
            "loop.epochs=15",
            "optimizer.learning_rate=0.01",
        ],
        {"vertebra_body": 0.8, "disc": 0.6},
    ),
    "spine_unet3d": (
        "spine",
        lambda folder: ["nrrd-list", str(nrrd_list(folder)), "--labels", NRRD_LABELS],
        ["model.patch=[32,32,32]", "network.n_levels=3", "network.filters=8", "loop.epochs=30", "optimizer.learning_rate=0.01"],
        {"vertebra_body": 0.8, "disc": 0.5},
    ),
    "spider_unet3d": (
        "spine",
        lambda folder: ["spider", str(spider(folder)), "--partial", "ignore"],
        [
            "model.patch=[64,48,16]",
            "model.spacing=[4,1,1]",
            "network.n_levels=3",
            "network.filters=8",
            "loop.epochs=12",
            "optimizer.learning_rate=0.01",
        ],
        {"vertebra": 0.8, "disc": 0.6, "canal": 0.6},
    ),
}


@pytest.mark.parametrize("recipe", WAYS)
def test_from_raw_files_to_a_model_that_segments(recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, raw, changes, least = WAYS[recipe]
    data, models, evaluated = tmp_path / "data", tmp_path / "models", tmp_path / "evaluated"
    monkeypatch.setenv("NEUROSPINESEG_MODELS", str(models))
    split = ["--n-train", "2", "--n-val", "1"] if task == "spine" else ["--n-train", "4", "--n-val", "1"]
    assert prepare.main([*raw(tmp_path / "raw"), "-o", str(data), *split, "--no-preview"]) == 0
    run = ["--folder", str(tmp_path / "run"), "--models", str(models)]
    settings = [part for change in changes for part in ("--set", change)]
    assert train.main([recipe, "--data", str(data), *run, *SMALL, *settings]) == 0
    assert (tmp_path / "run" / "curves.png").stat().st_size > 10_000
    assert recipe in [bundle.spec.name for bundle in installed_bundles(task)]
    assert evaluate.main([recipe, str(data), "-o", str(evaluated), "--device", "cpu", "--slices", "2", "--card"]) == 0
    with open(evaluated / "cases.csv", newline="") as stream:
        rows = [(row["structure"], float(row["dice"])) for row in csv.DictReader(stream)]
    worst = {name: min(dice for structure, dice in rows if structure == name) for name in least}
    assert all(worst[name] > bound for name, bound in least.items()), rows

    dataset = read_dataset(data)
    case = dataset.split.test[0]
    scans = [f"--{name}={dataset.image_file(case, n)}" for n, name in enumerate(dataset.channels)]
    given = scans if task == "tumor" else [str(dataset.image_file(case))]
    mask = tmp_path / "mask.nii.gz"
    assert cli.main(["segment", task, *given, "-o", str(mask), "--model", recipe, "--device", "cpu"]) == 0
    found, scan = read_volume(mask), read_volume(dataset.image_file(case))
    np.testing.assert_allclose(found.ijk_to_ras, scan.ijk_to_ras, atol=1e-4)
    known = {structure.label for structure in structures_of(task)}
    assert found.shape == scan.shape
    assert set(np.unique(found.voxels)) - {0}
    assert set(np.unique(found.voxels)) <= known | {0}
