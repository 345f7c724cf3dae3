"""Scores of patients by contrasts given, and models made of runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from Training.bundle_of_runs import bundle_of_runs, mean_weights
from Training.evaluation.patient_scores import patient_scores, summary, write_scores


def labels(value: int = 3) -> np.ndarray:
    made = np.zeros((20, 20, 20), np.uint8)
    made[4:14, 4:14, 4:14], made[6:10, 6:10, 6:10] = 2, value
    return made


def test_regions_that_a_case_lacks_have_volumes_and_no_dice(tmp_path: Path) -> None:
    rows = patient_scores("a", "m", ("t1c", "flair"), Volume(labels(), np.eye(4)), labels(1), 2.0)
    assert [row.region for row in rows] == ["whole tumor", "core", "enhancing"]
    assert rows[0].dice == rows[1].dice == 1
    assert rows[0].hd95_mm == 0
    assert np.isnan(rows[2].dice)
    assert rows[2].found_ml == pytest.approx(0.064)
    assert rows[2].true_ml == 0
    write_scores(rows, tmp_path / "scores.csv")
    assert (tmp_path / "scores.csv").read_text().splitlines()[1].startswith("a,m,t1c+flair,whole tumor,1.0,0.0")
    told = "\n".join(summary(rows))
    assert "t1c+flair | whole tumor | Dice 1.000" in told
    assert "cases without it, found mL: 0.1" in told


def test_the_mean_of_weights_leaves_counts_alone() -> None:
    made = mean_weights([{"w": torch.tensor([1.0, 2.0]), "n": torch.tensor(3)}, {"w": torch.tensor([3.0, 2.0]), "n": torch.tensor(5)}])
    assert made["w"].tolist() == [2, 2]
    assert made["n"].item() == 3


def test_a_run_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no last.ckpt yet"):
        bundle_of_runs([tmp_path], "a", tmp_path)
