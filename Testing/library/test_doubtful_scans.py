"""Scans that do not show what the model expects: refused with a sentence, segmented where the user insists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neurospineseg import expectations
from neurospineseg.cli import main
from neurospineseg.errors import DoubtfulScan
from neurospineseg.expectations import doubts, family_share, implausible
from neurospineseg.grid import Grid
from neurospineseg.locate import Pose
from neurospineseg.pipeline import Segmenter, Settings
from neurospineseg.recognize import Head, brain_seen, is_hounsfield, is_mask
from neurospineseg.volume import Volume
from small_scans import ball, oblique_affine

UPRIGHT = Pose(np.eye(3), np.zeros(3), 1.0, 0.0)


def scan(voxels: np.ndarray) -> Volume:
    return Volume(voxels.astype(np.float32), oblique_affine())


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(100, 20, (20, 22, 24))


def segmenter(models: Path, **settings) -> Segmenter:
    return Segmenter("tumor", Settings(model=str(models / "tiny_tumor"), device="cpu", **settings))


def test_a_scan_without_a_brain_is_refused_and_segmented_with_anyway(doubting_models: Path) -> None:
    volumes = {"flair": scan(ball())}
    with pytest.raises(DoubtfulScan, match="No brain was found in the scan given as FLAIR"):
        segmenter(doubting_models).run(volumes)
    result = segmenter(doubting_models, anyway=True).run(volumes)
    assert result.structures and any("No brain was found" in warning for warning in result.warnings)
    assert result.warnings == result.report["warnings"] and result.report["settings"]["anyway"]


def test_a_mask_is_no_scan(doubting_models: Path) -> None:
    with pytest.raises(DoubtfulScan, match="as a mask does"):
        segmenter(doubting_models).run({"t1c": scan(ball() > ball().mean())})


def test_a_model_without_a_recognizer_doubts_nothing(tiny_models: Path) -> None:
    assert segmenter(tiny_models).run({"flair": scan(ball())}).structures


def test_the_shell_says_how_to_go_on(doubting_models: Path, head: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mask = tmp_path / "mask.nii.gz"
    line = ["segment", "tumor", "--t1c", str(head), "-o", str(mask), "--model", str(doubting_models / "tiny_tumor"), "--device", "cpu"]
    assert main(line) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].endswith("With --anyway it is segmented all the same.")
    assert not mask.exists()
    assert main([*line, "--anyway"]) == 0 and mask.exists()
    assert "Warning: No brain was found" in capsys.readouterr().err


def test_the_batch_says_so_for_each_case(doubting_models: Path, head: Path, tmp_path: Path) -> None:
    case = tmp_path / "cases" / "one"
    case.mkdir(parents=True)
    (case / "one_t1c.nii.gz").write_bytes(head.read_bytes())
    line = [
        "batch",
        "tumor",
        str(case.parent),
        "-o",
        str(tmp_path / "out"),
        "--model",
        str(doubting_models / "tiny_tumor"),
        "--device",
        "cpu",
    ]
    assert main(line) == 2
    assert "With --anyway" in (tmp_path / "out" / "summary.csv").read_text()


def test_masks_and_hounsfield_units_are_told_from_scans(noise: np.ndarray) -> None:
    assert is_mask(scan(noise > 100)) and not is_mask(scan(noise))
    ct = np.where(noise > 100, 40, -1000) + np.round(noise / 10)
    assert is_hounsfield(scan(ct)) and not is_hounsfield(scan(noise))
    assert not is_hounsfield(scan(noise - 2000.4)), "values between whole numbers are no Hounsfield units"


def test_the_share_of_the_brain_in_view() -> None:
    whole = Grid.canonical((0, -18, 8), np.full(3, 200.0), np.full(3, 2.0))
    assert brain_seen(whole, UPRIGHT) == 1
    right = Grid.canonical((50, -18, 8), (100.0, 200.0, 200.0), np.full(3, 2.0))
    assert brain_seen(right, UPRIGHT) == pytest.approx(0.5, abs=0.06)
    turned = Pose(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), np.array([0.0, 0, 0]), 1.0, 0.0)
    assert brain_seen(right, turned) < 1


class Shown:
    """A head that shows given contrasts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seen: dict[str, dict[str, float]], brain: float = 1.0) -> None:
        first = next(iter(seen))
        monkeypatch.setattr(expectations, "find_head", lambda *rest, **more: Head(UPRIGHT, seen[first], brain))
        values = iter(list(seen.values())[1:])
        monkeypatch.setattr(expectations, "contrasts", lambda *rest: next(values))
        self.names = list(seen)

    def doubts(self, noise: np.ndarray, task: str = "tumor") -> tuple[list[str], list[str]]:
        return doubts(task, {name: scan(noise) for name in self.names}, self.names[0], None, None)


def test_scans_in_each_others_slots_are_doubted(monkeypatch: pytest.MonkeyPatch, noise: np.ndarray) -> None:
    shown = Shown(monkeypatch, {"t2": {"flair": 0.9, "t2": 0.05}, "flair": {"t2": 0.8, "flair": 0.1}})
    against, _ = shown.doubts(noise)
    assert against == [
        "The scan given as T2 looks like FLAIR; check which scan is in which slot.",
        "The scan given as FLAIR looks like T2; check which scan is in which slot.",
    ]


def test_t1_with_and_without_contrast_agent_are_not_doubted(monkeypatch: pytest.MonkeyPatch, noise: np.ndarray) -> None:
    assert Shown(monkeypatch, {"t1c": {"t1": 0.95, "t1c": 0.02}}).doubts(noise) == ([], [])
    assert family_share({"t1": 0.5, "t1c": 0.3, "t2": 0.2}, "t1c") == pytest.approx(0.8)


def test_an_unsure_contrast_is_not_doubted(monkeypatch: pytest.MonkeyPatch, noise: np.ndarray) -> None:
    assert Shown(monkeypatch, {"t2": {"flair": 0.5, "t2": 0.1}}).doubts(noise) == ([], [])
    assert Shown(monkeypatch, {"t2": {"pd": 0.65, "t2": 0.35}}).doubts(noise) == ([], [])


def test_a_ct_is_doubted_by_the_brains_models(monkeypatch: pytest.MonkeyPatch, noise: np.ndarray) -> None:
    against, _ = Shown(monkeypatch, {"image": {"ct": 0.9}}).doubts(noise, "subcortical")
    assert against == ["The scan looks like a CT, and this model knows MR only; choose an MR scan."]


def test_a_head_is_doubted_by_the_spines_models(monkeypatch: pytest.MonkeyPatch, noise: np.ndarray) -> None:
    against, _ = Shown(monkeypatch, {"image": {}}).doubts(noise, "spine")
    assert "shows a head" in against[0]


def test_a_brain_that_is_cut_off_is_said(monkeypatch: pytest.MonkeyPatch, noise: np.ndarray) -> None:
    against, besides = Shown(monkeypatch, {"flair": {"flair": 1.0}}, brain=0.6).doubts(noise)
    assert not against and "about 60% of the brain" in besides[0]


def test_results_that_cannot_be() -> None:
    assert implausible("tumor", {"edema": 300.0, "necrotic_core": 250.0}) and not implausible("tumor", {"edema": 90.0})
    usual = {"left_thalamus": 7.0, "right_thalamus": 7.2, "left_subthalamic_nucleus": 0.15, "left_putamen": 4.5}
    assert implausible("subcortical", usual) is None
    assert "3 of the nuclei" in implausible("subcortical", {**usual, "left_thalamus": 70.0, "right_thalamus": 0.5, "left_putamen": 40.0})
    assert implausible("spine", {"vertebra_l1": 40.0}) is None
