"""Measuring a model case by case: the numbers, the failures, the page."""

from __future__ import annotations

import csv
import shutil
from math import isnan
from pathlib import Path

import numpy as np
import pytest

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.models.bundle import ModelSpec, read_bundle
from Testing.prepared_miniature import LABELS, write_dataset
from Training import evaluate
from Training.datasets.raw_dataset import read_dataset
from Training.evaluation.case_scores import Score, case_scores, class_values
from Training.evaluation.score_table import read_scores, summary, write_scores

TUMOR = tuple(LABELS)
AFFINE = np.diag([2.0, 3.0, 5.0, 1.0])  # voxels of 0.03 mL


def boxes(**where: tuple[slice, slice, slice]) -> np.ndarray:
    labels = np.zeros((6, 8, 10), np.uint8)
    for name, box in where.items():
        labels[box] = LABELS[name]
    return labels


def scores(found: np.ndarray, truth: np.ndarray, names: dict[str, int] = LABELS, known: tuple[str, ...] = TUMOR[1:]) -> dict[str, Score]:
    made = case_scores("one", found, Volume(truth, AFFINE), names, "tumor", known, 1.0)
    return {score.structure: score for score in made}


CUBE = (slice(1, 3), slice(2, 4))


def test_scores_are_those_computed_by_hand() -> None:
    found, truth = boxes(edema=(*CUBE, slice(3, 7))), boxes(edema=(*CUBE, slice(2, 4)))
    score = scores(found, truth)["edema"]
    assert score.dice == pytest.approx(2 * 4 / (16 + 8))
    assert score.hd95_mm == pytest.approx(6.0)  # the three layers beyond lie 2, 4 and 6 mm off
    assert score.surface_dice == pytest.approx((4 + 4) / (16 + 8))
    assert (score.volume_ml, score.truth_ml) == pytest.approx((16 * 0.03, 8 * 0.03))
    assert score.volume_error == pytest.approx(1.0)
    assert (score.precision, score.recall) == pytest.approx((4 / 16, 4 / 8))
    assert score.accuracy == pytest.approx(1 - 16 / 480)


def test_regions_of_a_tumor_are_unions() -> None:
    truth = boxes(edema=(slice(0, 6), slice(0, 4), slice(0, 4)), enhancing_tumor=(*CUBE, slice(0, 4)), necrotic_core=(*CUBE, slice(1, 3)))
    found = truth.copy()
    found[truth == LABELS["necrotic_core"]] = LABELS["enhancing_tumor"]
    made = scores(found, truth)
    assert list(made) == ["necrotic_core", "edema", "enhancing_tumor", "WT (whole tumor)", "TC (tumor core)", "ET (enhancing tumor)"]
    assert (made["WT (whole tumor)"].dice, made["TC (tumor core)"].dice, made["necrotic_core"].dice) == (1, 1, 0)
    assert made["ET (enhancing tumor)"].dice == made["enhancing_tumor"].dice == pytest.approx(2 * 8 / (16 + 8))
    assert made["WT (whole tumor)"].truth_ml == pytest.approx(96 * 0.03)


def test_what_is_in_neither_mask_is_not_scored_and_a_miss_is() -> None:
    nothing, truth = boxes(), boxes(edema=(*CUBE, slice(2, 4)))
    made = scores(nothing, truth)
    assert isnan(made["necrotic_core"].dice)
    assert made["edema"].dice == 0
    assert isnan(made["edema"].hd95_mm)
    assert made["edema"].volume_error == -1


def test_ignored_voxels_are_not_judged() -> None:
    truth = boxes(edema=(*CUBE, slice(2, 4)))
    truth[4:] = 4
    found = truth.copy()
    found[4:] = LABELS["edema"]
    assert scores(found, truth, {**LABELS, "ignore": 4})["edema"].dice == 1


def test_a_vertebra_is_made_of_body_and_arch_and_the_other_way_round() -> None:
    def spec(*classes: str) -> ModelSpec:
        given = {"task": "spine", "channels": ("image",), "spacing": (1.0,) * 3, "patch": (8,) * 3, "normalization": "foreground_zscore"}
        return ModelSpec(name="mine", classes=("background", *classes), **given)

    assert class_values(spec("vertebra_body", "vertebra_arch", "disc"), ("background", "disc", "vertebra")) == {1: (3,), 2: (1, 2)}
    assert class_values(spec("vertebra"), ("background", "vertebra_body", "canal")) == {1: (1,)}
    with pytest.raises(InputError, match="none of these"):
        class_values(spec("disc"), ("background", "canal"))


def test_scores_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    made = list(scores(boxes(), boxes(edema=(*CUBE, slice(2, 4)))).values())
    write_scores(tmp_path / "cases.csv", made)
    again = read_scores(tmp_path / "cases.csv")
    for one, other in zip(made, again):
        assert (one.case, one.structure) == (other.case, other.structure)
        np.testing.assert_allclose(list(one.row().values())[2:], list(other.row().values())[2:], rtol=1e-4)


def test_the_summary_gives_mean_and_worst() -> None:
    rows = [
        Score(str(n), "edema", dice, hd, 1.0, 1.0, 1.0, error, 1, 1, 1) for n, (dice, hd, error) in enumerate([(0.5, 9, -0.4), (1, 1, 0.2)])
    ]
    assert summary(rows) == [["edema", "2", "0.750 (0.500)", "5.000 (9.000)", "1.000 (1.000)", "-0.100 (-0.400)", "1.000 (1.000)"]]


@pytest.fixture
def miniature(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "data", train=1, val=1, test=2)


def test_an_evaluation_writes_tables_a_page_with_its_pictures_and_the_card(
    miniature: Path, tiny_models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = shutil.copytree(tiny_models / "tiny_tumor", tmp_path / "tiny_tumor")
    arguments = [str(model), str(miniature), "-o", str(tmp_path / "out"), "--slices", "3", "--device", "cpu", "--card"]
    assert evaluate.main(arguments) == 0
    made = read_scores(tmp_path / "out" / "cases.csv")
    assert {score.case for score in made} == {"case2", "case3"}
    assert len(made) == 2 * 6
    with open(tmp_path / "out" / "summary.csv", newline="", encoding="utf-8") as stream:
        assert len(list(csv.reader(stream))) == 1 + 6
    page = (tmp_path / "out" / "evaluation.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,iVBOR") == 3
    assert "not for clinical use" in page
    card = read_bundle(model).card.read_text(encoding="utf-8")
    assert evaluate.main(arguments) == 0
    assert "WT (whole tumor)" in card
    assert read_bundle(model).card.read_text(encoding="utf-8") == card
    assert "0 of 2 cases could not" in capsys.readouterr().out


def test_a_case_that_fails_is_named_and_counts_as_empty(
    miniature: Path, tiny_models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = read_dataset(miniature).image_file("case3", 1)
    broken.write_bytes(broken.read_bytes()[:100])
    arguments = [str(tiny_models / "tiny_tumor"), str(miniature), "-o", str(tmp_path / "out"), "--device", "cpu"]
    assert evaluate.main(arguments) == 1
    printed = capsys.readouterr()
    assert "case3:" in printed.err
    assert "1 of 2 cases could not" in printed.out
    made = [score for score in read_scores(tmp_path / "out" / "cases.csv") if score.case == "case3"]
    assert len(made) == 6
    assert {score.dice for score in made} == {0.0}
    assert {score.volume_ml for score in made} == {0.0}


def test_a_part_without_cases_and_a_model_for_something_else_are_sentences(
    tiny_models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_dataset(tmp_path / "data", train=1, val=1, test=0)
    for model, words in ((tiny_models / "tiny_tumor", "no cases in its part 'test'"), ("spine_3d", "is for spine")):
        assert evaluate.main([str(model), str(data), "-o", str(tmp_path / "out")]) == 2
        assert words in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
