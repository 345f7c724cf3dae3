"""Fine-tuning on corrections: a new model beside the old one, with the figures of both; stopped, gone on with, canceled."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from neurospineseg.images.volume import Volume
from neurospineseg.models.bundle import read_bundle
from neurospineseg.models.catalog import models_of
from neurospineseg.pipeline.corrections import store_correction
from neurospineseg.pipeline.fine_tuning import CANCEL, DONE, read_progress
from Testing.small_scans import ball, oblique_affine
from Training import fine_tune
from Training.training import tuning
from Training.training.tuning_figures import figures_of
from Training.training.tuning_watch import TuningCanceled, TuningWatch


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Three corrected scans in one channel."""
    for seed in range(3):
        voxels = ball() + np.random.default_rng(seed).normal(0, 3, ball().shape).astype(np.float32)
        labels = Volume((3 * (ball() > ball().max() / 2)).astype(np.uint16), oblique_affine())
        store_correction(tmp_path / "kept", "tumor", {"flair": Volume(voxels, oblique_affine())}, labels, None, None)
    return tmp_path / "kept"


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_models: Path) -> None:
    """A handful of steps, without drawn cases, into a home of the test's own."""
    monkeypatch.setattr(tuning, "FEWEST_STEPS", 4)
    monkeypatch.setattr(tuning, "MOST_STEPS", 4)
    monkeypatch.setattr(tuning, "_drawn", lambda *_: [])
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setenv("NEUROSPINESEG_MODELS", os.pathsep.join([str(tmp_path / "models"), str(tiny_models)]))


def run(kept: Path, tmp_path: Path, *more: str) -> int:
    return fine_tune.main([str(kept), "--model", "tiny_tumor", "--models", str(tmp_path / "models"), "--device", "cpu", *more])


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "models" / "model.pt", weights_only=True)


def test_the_new_model_lies_beside_the_old_one_with_the_figures_of_both(kept: Path, tmp_path: Path, tiny_models: Path, capsys) -> None:
    before = (tiny_models / "tiny_tumor" / "models" / "model.pt").read_bytes()
    assert run(kept, tmp_path) == 0
    new = read_bundle(tmp_path / "models" / "tiny_tumor_tuned")
    card = new.card.read_text(encoding="utf-8")
    assert (tiny_models / "tiny_tumor" / "models" / "model.pt").read_bytes() == before
    assert any(not torch.equal(value, weights(tiny_models / "tiny_tumor")[key]) for key, value in weights(new.folder).items())
    assert "| structure | old | new |" in card
    assert "Mean Dice over 1 corrected cases that were held out" in card
    assert "with tiny_tumor," in capsys.readouterr().out
    assert [model.name for model in models_of("tumor")].index("tiny_tumor") == 0


def test_a_run_that_was_stopped_goes_on_and_is_forgotten_when_it_is_done(kept: Path, tmp_path: Path, monkeypatch) -> None:
    place = tmp_path / "home" / ".neurospineseg" / "fine-tuning" / "tiny_tumor_tuned"
    batches = []

    def stopped(self: TuningWatch, trainer, _, *others: object) -> None:
        batches.append(trainer.global_step)
        if len(batches) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(tuning, "FEWEST_STEPS", 8)
    monkeypatch.setattr(tuning, "MOST_STEPS", 8)
    monkeypatch.setattr(TuningWatch, "on_train_batch_end", stopped)
    assert run(kept, tmp_path) == 130
    assert not (tmp_path / "models" / "tiny_tumor_tuned").exists()
    assert (place / "training" / "last.ckpt").is_file()
    assert run(kept, tmp_path) == 0
    assert batches == [1, 2, 3, 4, 5, 5, 6, 7, 8]
    assert read_bundle(tmp_path / "models" / "tiny_tumor_tuned").spec.name == "tiny_tumor_tuned"
    assert not place.exists()


def test_a_canceled_run_leaves_nothing(kept: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    told = TuningWatch.at

    def canceled(self: TuningWatch, stage: str, fraction: float, seconds: float | None = None) -> None:
        if stage == "Learning" and fraction > 0:
            (self.run / CANCEL).touch()
        told(self, stage, fraction, seconds)

    monkeypatch.setattr(TuningWatch, "at", canceled)
    assert run(kept, tmp_path, "--folder", str(tmp_path / "run")) == 130
    assert "no model was changed" in capsys.readouterr().out
    assert [(tmp_path / name).exists() for name in ("run", "models")] == [False, False]


def test_progress_and_figures_are_told_in_a_file(kept: Path, tmp_path: Path) -> None:
    assert run(kept, tmp_path, "--folder", str(tmp_path / "run"), "--keep-run") == 0
    told = read_progress(tmp_path / "run")
    assert told is not None
    assert (told.state, told.name, told.model, told.fraction) == (DONE, "tiny_tumor_tuned", "tiny_tumor", 1.0)
    assert told.corrected is not None
    assert told.corrected.cases == 1
    assert not told.is_interrupted


def test_one_correction_is_too_few(kept: Path, tmp_path: Path, capsys) -> None:
    for case in sorted(kept.iterdir())[1:]:
        (case / "case.json").unlink()
    assert run(kept, tmp_path) == 2
    assert "one to learn from and one to judge by" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "words"), [("spine_3d", "came with the program"), ("../models", "cannot be the name"), ("..", "cannot be the name"), ("", "")]
)
def test_names_that_a_new_model_cannot_have(kept: Path, tmp_path: Path, capsys, name: str, words: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    more = ["--name", name] if name else ["--folder", str(tmp_path / "mine")]
    assert run(kept, tmp_path, *more) == 2
    assert (words or "holds something else than a fine-tuning") in capsys.readouterr().err
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "mine"


def test_a_pause_lasts_until_it_is_over(tmp_path: Path, monkeypatch) -> None:
    from neurospineseg.pipeline import fine_tuning
    from neurospineseg.pipeline.fine_tuning import PAUSED, TuningProgress

    watch = TuningWatch(tmp_path, TuningProgress("running", "", 0.0, None, "tumor", "a", "b", "c"), lambda stage, fraction: None)
    fine_tuning.ask_pause(tmp_path, True)
    states = []

    def waited(_: float) -> None:
        states.append(json.loads((tmp_path / "progress.json").read_text())["state"])
        fine_tuning.ask_pause(tmp_path, False)

    monkeypatch.setattr("Training.training.tuning_watch.sleep", waited)
    watch.at("Learning", 0.5)
    assert (states, read_progress(tmp_path).state) == ([PAUSED], "running")
    (tmp_path / CANCEL).touch()
    with pytest.raises(TuningCanceled):
        watch.at("Learning", 0.6)


@pytest.mark.parametrize("dice, moved", [(0.1, 1.0), (0.6, 0.5)])
def test_a_model_that_knows_the_look_goes_half_the_way(kept: Path, tmp_path: Path, tiny_models: Path, monkeypatch, dice, moved) -> None:
    monkeypatch.setattr(tuning, "_old_dice", lambda *_: dice)
    learned, blend = [], tuning._blended

    def watched(start, bundle, plan):
        learned.append(weights(bundle.folder))
        return blend(start, bundle, plan)

    monkeypatch.setattr(tuning, "_blended", watched)
    assert run(kept, tmp_path) == 0
    old, new = weights(tiny_models / "tiny_tumor"), weights(tmp_path / "models" / "tiny_tumor_tuned")
    key = next(key for key, value in old.items() if value.is_floating_point() and (learned[0][key] - value).abs().max() > 1e-4)
    torch.testing.assert_close(new[key].float(), torch.lerp(old[key].float(), learned[0][key].float(), moved), atol=2e-3, rtol=0.02)


def test_figures_are_means_over_cases() -> None:
    old = {"one": {"edema": 0.4}, "two": {"edema": 0.6, "core": 0.2}}
    new = {"one": {"edema": 0.8, "core": 0.0}, "two": {"edema": 0.6, "core": 0.4}}
    figures = figures_of(old, new)
    assert (figures.old, figures.new) == (pytest.approx((0.7 + 0.4) / 2), pytest.approx((0.4 + 0.5) / 2))
    assert figures.structures["edema"] == (pytest.approx(0.5), pytest.approx(0.7))
