"""The short form of the walk through the whole loop: segment, correct, accept, fine-tune, segment again."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from Testing.small_scans import ball, oblique_affine
from Training import correction_loop
from Training.training import tuning


def small(task: str, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Stands in for a drawn head: a bright ball in one channel."""
    voxels = ball() + np.random.default_rng(seed).normal(0, 3, ball().shape).astype(np.float32)
    return {"flair": voxels}, oblique_affine(), (3 * (ball() > ball().max() / 2)).astype(np.uint8)


@pytest.fixture
def walked(tmp_path: Path, tiny_models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[Path, str]:
    """The folder of a walk with two corrected scans and an unseen one, and what was said."""
    monkeypatch.setattr(correction_loop, "phantom", small)
    correction_loop.drawn.cache_clear()
    monkeypatch.setattr(tuning, "FEWEST_STEPS", 4)
    monkeypatch.setattr(tuning, "MOST_STEPS", 4)
    monkeypatch.setattr(tuning, "_drawn", lambda *_: [])
    monkeypatch.setenv("NEUROSPINESEG_MODELS", str(tiny_models))
    counts = ["--cases", "2", "--unseen", "1", "--look", "inverted"]
    assert correction_loop.main(["tumor", "--model", "tiny_tumor", *counts, "-o", str(tmp_path / "loop")]) == 0
    return tmp_path / "loop", capsys.readouterr().out


def test_the_loop_closes(walked: tuple[Path, str]) -> None:
    folder, said = walked
    with open(folder / "loop.csv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["seed"] for row in rows] == [str(correction_loop.UNSEEN)]
    assert len(list((folder / "corrections").glob("tumor-*/case.json"))) == 2
    assert (folder / "models" / "tiny_tumor_inverted" / "docs" / "README.md").is_file()
    assert "2 cases in 2 versions" in said
    assert "2 corrected scans, 1 unseen ones: mean Dice" in said


def test_a_look_exchanges_bright_and_dark_and_leaves_air() -> None:
    voxels = np.array([0.0, 10.0, 90.0], np.float32)
    looked = correction_loop.inverted(voxels)
    assert looked[0] == 0
    assert looked[1] > looked[2] > 0
