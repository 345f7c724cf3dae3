"""Examples of real patients, and the programs around their training; the patients are drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from neurospineseg.errors import InputError
from neurospineseg.models.bundle import Bundle, read_bundle
from neurospineseg.models.network import build_network
from neurospineseg.models.weights import dequantized
from neurospineseg.tasks.anatomy import structure
from Training import bundle_of_runs, evaluate_spider
from Training.synthetic.examples.spine_patients import Examples
from Training.synthetic.spine import patients as spine_patients
from Training.synthetic.spine.canvas import BACKGROUND, BODY
from Training.synthetic.spine.contrast import paint_spine
from Training.synthetic.spine.drawing import draw_spine
from Training.synthetic.spine.patient_scan import patient_scan
from Training.training.network_shape import model_spec, network_def
from Training.training.partial_labels import any_of, only
from Training.training.recipe import read_recipe

SPACING = (1.5, 1.5, 1.5)
NO_SETS = {"spider": 0.0, "chu": 0.0, "bodies": 0.0, "discs": 0.0}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of three prepared slabs of 15 mm."""
    rng = np.random.default_rng(3)
    for name in ("SPIDER_001", "SPIDER_002", "SPIDER_003"):
        spine = draw_spine(rng, (110, 80, 10), SPACING, 70.0)
        voxels = paint_spine(rng, spine.tissue, SPACING, "t2", 0.0).numpy().round().astype(np.int16)
        target = only(torch.from_numpy(spine.classes.astype(np.int64))).numpy().astype(np.uint8)
        np.savez(tmp_path / f"{name}.npz", voxels=voxels, target=target, ijk_to_ras=spine.ijk_to_ras)
    monkeypatch.setattr(spine_patients, "FOLDER", tmp_path)
    return tmp_path


def test_a_fold_leaves_its_own_cases_out(folder: Path) -> None:
    assert [each.name for each in spine_patients.patients(1)] == ["SPIDER_001", "SPIDER_003"]
    assert spine_patients.held_out(1) == ["SPIDER_002"]
    assert len(spine_patients.patients(-1)) == 3


def test_a_patient_looks_different_each_time_and_keeps_its_bodies(folder: Path) -> None:
    patient = spine_patients.patients()[0]
    views = [patient_scan(np.random.default_rng(seed), patient, (2.5, 1.5, 1.5), "foreground_zscore", 0.3) for seed in range(6)]
    assert len({tuple(image.shape) for image, _ in views}) > 1
    for image, masks in views:
        assert image.isfinite().all()
        assert image.abs().max() <= 5
        assert image.shape == masks.shape
        assert int(masks.min()) >= 1
        bodies = masks == any_of(BODY)
        assert bodies.float().mean() > 0.02
        assert bool((masks[image == image.min()] > 0).all())


def test_slabs_are_paired_in_a_patch_without_gaps_in_their_targets(folder: Path) -> None:
    spec = model_spec(read_recipe("spine_patients"), (), (), ())
    examples = Examples(spec, **{**NO_SETS, "spider": 1.0}, map_share=0.0, size=3)
    filled = []
    for number in range(8):
        image, masks = examples.example(np.random.default_rng(number))
        assert image.shape == (1, *spec.patch)
        assert masks.shape == spec.patch
        assert bool((masks[image[0] == 0] > 0).all())
        assert masks.dtype == torch.int64
        columns = (masks != any_of(BACKGROUND)).any(0).any(0)
        filled.append(bool(columns[:16].any() and columns[16:].any()))
    assert any(filled)


def test_missing_patients_and_wrong_shares_are_told(folder: Path) -> None:
    spec = model_spec(read_recipe("spine_patients"), (), (), ())
    with pytest.raises(InputError, match="run prepare_spine.py, or set drawing.chu=0"):
        Examples(spec)
    with pytest.raises(InputError, match="add up to more than 1"):
        Examples(spec, **{**NO_SETS, "spider": 1.2})


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two trainings' folders with checkpoints of a small network."""
    recipe = read_recipe("spine_patients", ["network.filters=[4,4,4,4]"])
    definition = network_def(recipe, model_spec(recipe, (), (), ()))
    folders = []
    for number in range(2):
        run = tmp_path / f"run{number}"
        run.mkdir()
        (run / "recipe.json").write_text(json.dumps(recipe.model_dump(mode="json")))
        state = {f"network.{key}": torch.full_like(value, number) for key, value in build_network(definition).state_dict().items()}
        latest = {key: value + 3 for key, value in state.items()}
        torch.save({"state_dict": state, "current_model_state": latest, "global_step": 100 * (number + 1)}, run / "last.ckpt")
        folders.append(run)
    return folders


def stored(bundle: Bundle) -> dict[str, torch.Tensor]:
    return dequantized(torch.load(bundle.weights, weights_only=True))


def test_the_weights_of_two_trainings_are_averaged_into_a_bundle(runs: list[Path], tmp_path: Path) -> None:
    bundle = read_bundle(bundle_of_runs.bundle_of_runs(runs, "mean", tmp_path / "models"))
    assert bundle.spec.name == "mean"
    assert bundle.spec.spacing == (2.5, 1.5, 1.5)
    assert "100, 200 steps" in bundle.card.read_text()
    assert all(bool((value - 0.5).abs().max() < 1e-3) for value in stored(bundle).values())


def test_the_latest_weights_are_had_on_demand(runs: list[Path], tmp_path: Path) -> None:
    bundle = read_bundle(bundle_of_runs.bundle_of_runs(runs[:1], "latest", tmp_path / "models", averaged=False))
    assert all(bool((value - 3).abs().max() < 1e-2) for value in stored(bundle).values())


def test_a_run_without_checkpoint_is_told(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (runs[0] / "last.ckpt").unlink()
    assert bundle_of_runs.main([str(runs[0]), "--name", "mean", "--models", str(tmp_path)]) == 2
    assert "holds no last.ckpt yet; wait" in capsys.readouterr().err


def test_scores_of_a_perfect_and_of_an_empty_answer() -> None:
    truth = np.zeros((12, 12, 12), int)
    truth[2:5], truth[5:8], truth[8:11] = 1, 2, 3
    keys = ("vertebra_L4", "disc_L4_L5", "spinal_canal")
    labels = np.array([0, *(structure(key).label for key in keys)])[truth]
    perfect, empty = (evaluate_spider.scores(each, truth, (1.0, 1.0, 1.0)) for each in (labels, np.zeros_like(truth)))
    for name in evaluate_spider.STRUCTURES:
        assert perfect[f"{name} Dice"] == 1
        assert perfect[f"{name} HD95"] == 0
        assert empty[f"{name} Dice"] == 0
