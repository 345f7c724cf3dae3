"""Evaluation on drawn heads: the same ones each time, the worst in pictures."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from Training import evaluate_tumor
from Training.evaluation import drawn_tumors
from Training.evaluation.drawn_tumors import CHANNELS, Case, DrawnScores
from Training.evaluation.tumor_regions import region_dice
from Training.synthetic.brain.procedural import procedural_head
from Training.synthetic.examples import tumor_glioma
from Training.synthetic.nuclei.heads import Head


class Finds:
    """A segmenter that finds the given labels, whatever it is shown."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels

    def run(self, scans: dict[str, Volume]) -> SimpleNamespace:
        return SimpleNamespace(labels=Volume(self.labels, scans["t1c"].ijk_to_ras))


def case(number: int, truth: np.ndarray) -> Case:
    noise = np.random.default_rng(number).normal(100, 20, truth.shape).astype(np.float32)
    return Case(number, {name: Volume(noise, np.diag([-2.0, 2, 2, 1])) for name in CHANNELS}, truth)


@pytest.fixture
def ball() -> np.ndarray:
    k, j, i = np.indices((24, 30, 26))
    distance = np.sqrt((k - 12) ** 2 + (j - 14) ** 2 + (i - 8) ** 2)
    return np.select([distance < 3, distance < 4.5, distance < 7], [1, 3, 2], 0).astype(np.uint8)


def test_dice_by_region(ball: np.ndarray) -> None:
    assert region_dice(ball, ball) == [1, 1, 1]
    solid = np.where(ball == 1, 3, ball)
    whole, core, enhancing = region_dice(ball, solid)
    assert whole == core == 1
    assert 0 < enhancing < 1
    assert np.isnan(region_dice(ball, np.zeros_like(ball))).all()


def test_the_worst_are_told_and_drawn(ball: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    scores = DrawnScores("tried", (CHANNELS, ("t1c",)))
    scores.evaluate(Finds(ball), case(1, ball))
    scores.evaluate(Finds(np.roll(ball, 5, 2)), case(2, ball))
    scores.evaluate(Finds(ball), case(3, np.zeros_like(ball)))
    assert scores.worst["tumor"][1].number == 2
    assert scores.worst["no_tumor"][1].number == 3
    scores.tell()
    assert f"found mL [{(ball > 0).sum() * 0.008:.1f}]" in capsys.readouterr().out
    scores.picture_worst(tmp_path, "drawn")
    for name in ("drawn_tumor.png", "drawn_no_tumor.png"):
        assert (tmp_path / name).stat().st_size < 120_000
        assert len(np.unique(np.asarray(Image.open(tmp_path / name).convert("L")))) > 10


def test_held_out_heads_are_the_same_each_time_and_lie_where_they_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, ijk_to_ras = procedural_head(np.random.default_rng(1), 4.0)
    head = Head(torch.from_numpy(labels), ijk_to_ras)
    for module in (tumor_glioma, drawn_tumors):
        monkeypatch.setattr(module, "cached_heads", lambda kind, held_out=False: [head])
    monkeypatch.setattr(tumor_glioma, "CUT", 0.0)
    (whole,), (again,) = (list(drawn_tumors.cases(1, harder=False)) for _ in range(2))
    assert np.array_equal(whole.scans["t2"].voxels, again.scans["t2"].voxels)
    assert whole.truth.shape == whole.scans["t2"].shape
    monkeypatch.setattr(tumor_glioma, "CUT", 1.0)
    view = (slice(3, None), slice(2, None), slice(1, None))
    monkeypatch.setattr(tumor_glioma, "field_of_view", lambda *given, **named: view)
    (cut,) = drawn_tumors.cases(1, harder=False)
    moved = cut.scans["t1"].ijk_to_ras[:3, 3] - whole.scans["t1"].ijk_to_ras[:3, 3]
    assert moved == pytest.approx(whole.scans["t1"].ijk_to_ras[:3, :3] @ [1, 2, 3])
    assert np.array_equal(cut.truth, whole.truth[view])


def test_what_is_taken_for_a_region_that_a_tumor_lacks_is_told(ball: np.ndarray, capsys: pytest.CaptureFixture) -> None:
    scores = DrawnScores("tried", (CHANNELS,))
    scores.evaluate(Finds(ball), case(1, np.where(ball == 3, 1, ball)))
    scores.tell()
    printed = capsys.readouterr().out
    assert f"tumors without enhancing, found mL [{(ball == 3).sum() * 0.008:.2f}]" in printed
    assert "without core" not in printed


def test_without_prepared_heads_it_is_said_how_to_prepare_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (tumor_glioma, drawn_tumors):
        monkeypatch.setattr(module, "cached_heads", lambda kind, held_out=False: [])
    with pytest.raises(InputError, match="run prepare_nuclei.py"):
        next(drawn_tumors.cases(1, harder=False))


@pytest.mark.parametrize("spacing", (1.0, 2.0))
def test_a_model_is_judged_on_heads_of_its_own_spacing(spacing: float) -> None:
    segmenter = SimpleNamespace(bundle=SimpleNamespace(spec=SimpleNamespace(spacing=(spacing,) * 3)))
    assert evaluate_tumor.drawn_spacing(segmenter) == spacing
