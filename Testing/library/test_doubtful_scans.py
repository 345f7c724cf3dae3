"""Scans that do not show what the model expects: refused with a sentence, segmented where the user insists."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from neurospineseg.checks.contrast import bone_contrast, features, head_view
from neurospineseg.checks.input_plausibility import InputPlausibility, implausible_volumes, whole_labels
from neurospineseg.checks.scan_recognition import Head, Look, brain_seen, coarse, is_hounsfield, is_mask
from neurospineseg.cli.main import main
from neurospineseg.errors import ImplausibleInput, InputError
from neurospineseg.geometry.grid import Grid
from neurospineseg.images.volume import Volume
from neurospineseg.inference.head_pose import Pose
from neurospineseg.models.bundle import read_bundle
from neurospineseg.models.bundle_writer import write_bundle
from neurospineseg.pipeline.segmenter import Segmenter, Settings
from neurospineseg.tasks.task import PlausibleVolumes, task_named
from Testing.small_scans import ball, oblique_affine

UPRIGHT = Pose(np.eye(3), np.zeros(3), 1.0, 0.0)


def scan(voxels: np.ndarray) -> Volume:
    return Volume(voxels.astype(np.float32), oblique_affine())


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(100, 20, (20, 22, 24))


def segmenter(models: Path, **settings) -> Segmenter:
    return Segmenter("tumor", Settings(model=str(models / "tiny_tumor"), device="cpu", **settings))


def test_a_scan_without_a_brain_is_refused_and_segmented_with_force(doubting_models: Path) -> None:
    volumes = {"flair": scan(ball())}
    with pytest.raises(ImplausibleInput, match="No brain was found in the scan given as FLAIR"):
        segmenter(doubting_models).run(volumes)
    result = segmenter(doubting_models, force=True).run(volumes)
    assert result.structures
    assert any("No brain was found" in warning for warning in result.warnings)
    assert result.warnings == result.report["warnings"]
    assert result.report["settings"]["force"]


def test_a_mask_is_no_scan(doubting_models: Path) -> None:
    with pytest.raises(ImplausibleInput, match="as a mask does"):
        segmenter(doubting_models).run({"t1c": scan(ball() > ball().mean())})


def test_a_model_without_a_recognizer_doubts_nothing(tiny_models: Path) -> None:
    assert segmenter(tiny_models).run({"flair": scan(ball())}).structures


def test_the_shell_says_how_to_go_on(doubting_models: Path, head: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mask = tmp_path / "mask.nii.gz"
    line = ["segment", "tumor", "--t1c", str(head), "-o", str(mask), "--model", str(doubting_models / "tiny_tumor"), "--device", "cpu"]
    assert main(line) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].endswith("With --force it is segmented all the same.")
    assert not mask.exists()
    assert main([*line, "--force"]) == 0
    assert mask.exists()
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
    assert "With --force" in (tmp_path / "out" / "summary.csv").read_text()


def test_masks_and_hounsfield_units_are_told_from_scans(noise: np.ndarray) -> None:
    assert is_mask(scan(noise > 100))
    assert not is_mask(scan(noise))
    blocks = np.kron(np.arange(27).reshape(3, 3, 3), np.ones((8, 8, 8)))
    assert is_mask(scan(blocks)), "a scan of few gray levels is none"
    assert not is_mask(scan(np.round(noise / 5))), "a scan of few gray levels is none"
    ct = np.where(noise > 100, 40, -1000) + np.round(noise / 10)
    assert is_hounsfield(scan(ct))
    assert not is_hounsfield(scan(noise))
    assert not is_hounsfield(scan(noise - 2000.4)), "values between whole numbers are no Hounsfield units"


def test_the_share_of_the_brain_in_view() -> None:
    whole = Grid.canonical((0, -18, 8), np.full(3, 200.0), np.full(3, 2.0))
    assert brain_seen(whole, UPRIGHT) == 1
    right = Grid.canonical((50, -18, 8), (100.0, 200.0, 200.0), np.full(3, 2.0))
    assert brain_seen(right, UPRIGHT) == pytest.approx(0.5, abs=0.06)
    turned = Pose(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), np.array([0.0, 0, 0]), 1.0, 0.0)
    assert brain_seen(right, turned) < 1


class Shown:
    """Finds a head whose scans look as given, or none."""

    def __init__(self, seen: dict[str, dict[str, float]], brain: float | None = 1.0, bone: float = 3.0) -> None:
        self.names, self.brain, self.bone, self.seen = list(seen), brain, bone, iter(seen.values())

    def head(self, volume: Volume) -> Head | None:
        return None if self.brain is None else Head(UPRIGHT, self.brain)

    def look(self, volume: Volume, pose: Pose) -> Look | None:
        return Look(next(self.seen), self.bone)

    def doubts(self, noise: np.ndarray, task: str = "tumor", part: bool = False) -> tuple[list[str], list[str]]:
        expected = InputPlausibility(task_named(task), self.names[0], self, part)
        volumes = {name: scan(noise) for name in self.names}
        return expected.implausible_scans(volumes) + expected.implausible_contrasts(volumes), expected.notes


def shares(**given: float) -> dict[str, float]:
    rest = (1 - sum(given.values())) / 6
    return {name: given.get(name, 0.0) + rest for name in ("t1c", "t1", "t2", "flair", "pd", "ct")}


def test_scans_in_each_others_slots_are_doubted(noise: np.ndarray) -> None:
    against, _ = Shown({"t2": shares(flair=0.95), "flair": shares(t2=0.95)}).doubts(noise)
    assert against == [
        "The scan given as T2 looks like FLAIR; check which scan is in which slot.",
        "The scan given as FLAIR looks like T2; check which scan is in which slot.",
    ]
    against, _ = Shown({"t1c": shares(flair=0.8), "flair": shares(t1=0.5, t1c=0.3)}).doubts(noise)
    assert against == ["The scans given as T1 with contrast agent and as FLAIR seem to be exchanged; check which scan is in which slot."]


def test_proton_density_is_doubted_in_any_slot(noise: np.ndarray) -> None:
    against, _ = Shown({"t1": shares(t1=0.95), "t2": shares(pd=0.95)}).doubts(noise)
    assert against == [
        "The scan given as T2 looks like proton density, and this model knows T1, T2 and FLAIR only; choose one of these.",
    ]
    assert Shown({"flair": shares(pd=0.95)}).doubts(noise)[0]
    assert Shown({"image": shares(pd=0.95)}).doubts(noise, "subcortical") == ([], [])


def test_what_is_no_t2_is_doubted_as_one_though_it_is_unclear_what_it_is(noise: np.ndarray) -> None:
    against, _ = Shown({"t2": shares(t1c=0.4, t1=0.2, pd=0.35)}).doubts(noise)
    assert against == ["The scan given as T2 looks like T1 with contrast agent; check which scan is in which slot."]


@pytest.mark.parametrize(
    "seen",
    [
        {"t1c": {"t1": 0.98}},
        {"t1c": {"flair": 0.98}},
        {"t1c": {"flair": 0.98}, "flair": {"flair": 0.9}},
        {"t2": {"flair": 0.5, "t2": 0.3}},
        {"t2": {"pd": 0.6, "t2": 0.3}},
        {"flair": {"pd": 0.6}},
        {"flair": {"t2": 0.6}},
    ],
)
def test_what_cannot_be_told_is_not_doubted(seen: dict, noise: np.ndarray) -> None:
    assert Shown({name: shares(**given) for name, given in seen.items()}).doubts(noise) == ([], [])


def test_a_ct_is_doubted_by_the_brains_models(noise: np.ndarray) -> None:
    against, _ = Shown({"image": shares()}, bone=60).doubts(noise, "subcortical")
    assert len(against) == 1
    assert "looks like a CT" in against[0]


def test_a_head_is_doubted_by_the_spines_models(noise: np.ndarray) -> None:
    against, _ = Shown({"image": {}}).doubts(noise, "spine")
    assert "shows a head" in against[0]


def test_a_spine_without_a_head_is_not_doubted(noise: np.ndarray) -> None:
    assert Shown({"image": {}}, brain=None).doubts(noise, "spine") == ([], [])


def test_a_brain_that_is_cut_off_is_said(noise: np.ndarray) -> None:
    against, besides = Shown({"flair": shares(flair=1.0)}, brain=0.6).doubts(noise)
    assert not against
    assert "about 60% of the brain" in besides[0]


def implausible(task: str, volumes_ml: dict[str, float]) -> str | None:
    return implausible_volumes(task_named(task), volumes_ml, volumes_ml)


def test_results_that_cannot_be() -> None:
    assert implausible("tumor", {"edema": 300.0, "necrotic_core": 250.0})
    assert not implausible("tumor", {"edema": 90.0})
    usual = {"left_thalamus": 7.0, "right_thalamus": 7.2, "left_subthalamic_nucleus": 0.15, "left_putamen": 4.5}
    assert implausible("subcortical", usual) is None
    assert "3 of the deep nuclei" in implausible(
        "subcortical", {**usual, "left_thalamus": 70.0, "right_thalamus": 0.5, "left_putamen": 40.0}
    )
    spine = {"vertebra_L1": 40.0, "vertebra_L2": 45.0, "vertebra_L3": 50.0, "sacrum": 300.0}
    assert implausible("spine", spine) is None
    assert "3 of the vertebrae" in implausible("spine", {key: 10 * ml for key, ml in spine.items()})


def test_only_whole_structures_are_judged_by_themselves() -> None:
    cut = {"vertebra_L1": 0.1, "vertebra_L2": 0.1, "vertebra_L3": 0.1}
    assert implausible_volumes(task_named("spine"), cut, cut)
    assert implausible_volumes(task_named("spine"), cut, ["vertebra_L1", "vertebra_L2"]) is None


def test_a_head_outside_the_region_is_not_doubted(noise: np.ndarray) -> None:
    assert Shown({"image": {}}).doubts(noise, "spine", part=True) == ([], [])


def test_the_deep_nuclei_are_not_sought_without_a_head(noise: np.ndarray) -> None:
    with pytest.raises(InputError, match="were not found") as refused:
        Shown({"image": {}}, brain=None).doubts(noise, "subcortical")
    assert not isinstance(refused.value, ImplausibleInput), "no one can have it segmented all the same"


HEAD = Grid.canonical((0, -18, 8), np.full(3, 220.0), np.full(3, 4.0))


@pytest.fixture
def image() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(100, 20, HEAD.shape).astype(np.float32))


def test_features_do_not_depend_on_gain_offset_or_pose(image: torch.Tensor) -> None:
    here = features(head_view(image, HEAD, UPRIGHT, 8.0))
    assert torch.allclose(features(head_view(3 * image - 50, HEAD, UPRIGHT, 8.0)), here, atol=1e-4)
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    moved = np.eye(4)
    moved[:3, :3], moved[:3, 3] = turn, (30, -20, 10)
    pose = Pose(turn, np.array([30.0, -20, 10]), 1.0, 0.0)
    view = head_view(image, Grid(HEAD.shape, moved @ HEAD.ijk_to_ras), pose, 8.0)
    assert torch.allclose(features(view), here, atol=1e-3)


def test_bright_bone_around_a_flat_brain_is_told_by_its_brightness(image: torch.Tensor) -> None:
    mr = bone_contrast(head_view(image, HEAD, UPRIGHT, 4.0))
    ct = 30 + image / 100
    ct[:4] = 900.0
    ct[:, :12] = 900.0
    assert mr < 5 < 50 < bone_contrast(head_view(ct, HEAD, UPRIGHT, 4.0))


@pytest.mark.parametrize("shift", (70.0, 300.0))
def test_nothing_is_said_of_a_scan_that_shows_too_little_of_the_brain(image: torch.Tensor, shift: float) -> None:
    away = Pose(np.eye(3), np.array([0.0, 0, shift]), 1.0, 0.0)
    seen = head_view(image, HEAD, away, 8.0)
    assert (seen is None) == (shift > 100)
    assert seen is None or bone_contrast(seen) < 5, "what lies outside the scan is no brain"
    assert head_view(torch.full(HEAD.shape, 3.0), HEAD, UPRIGHT, 8.0) is None


def test_a_coarse_scan_lies_where_the_scan_lies() -> None:
    place = np.array([20.0, -31.0, 12.0])
    fine = Grid.canonical((0, -18, 8), np.full(3, 160.0), (0.9, 1.1, 3.3))
    turned = np.eye(4)
    turned[:3, :3] = [[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1]]
    grid = Grid(fine.shape, turned @ fine.ijk_to_ras)
    k, j, i = np.indices(grid.shape)
    ras = np.stack([i, j, k], -1) @ grid.ijk_to_ras[:3, :3].T + grid.ijk_to_ras[:3, 3]
    blob = np.exp(-((ras - place) ** 2).sum(-1) / (2 * 8.0**2)).astype(np.float32)
    seen, coarse_grid = coarse(Volume(blob, grid.ijk_to_ras), np.full(3, 4.0))
    weights = seen.clamp_min(0).numpy()
    kji = np.indices(weights.shape).reshape(3, -1) @ weights.ravel() / weights.sum()
    np.testing.assert_allclose(coarse_grid.affine.apply_kji(kji), place, atol=0.6)


def test_scans_that_do_not_overlap_are_refused_for_that(doubting_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neurospineseg.checks.scan_recognition.Recognizer.head", lambda self, volume: Head(UPRIGHT, 1.0))
    near, far = scan(ball()), oblique_affine()
    far[:3, 3] += 500
    with pytest.raises(InputError, match="do not overlap"):
        segmenter(doubting_models).run({"t1c": near, "flair": Volume(ball(seed=1).astype(np.float32), far)})


def test_what_cannot_be_checked_is_said_and_segmented(tiny_models: Path, tmp_path: Path) -> None:
    bundle = read_bundle(tiny_models / "tiny_tumor")
    write_bundle(tmp_path, bundle.spec.model_copy(update={"recognizer": "nowhere"}), bundle.network_def, bundle.weights)
    result = segmenter(tmp_path, force=True).run({"flair": scan(ball())})
    assert result.structures
    assert any("was not checked" in warning for warning in result.warnings)


def test_structures_cut_by_the_border_are_not_whole() -> None:
    labels = np.zeros((6, 6, 6), np.uint16)
    labels[2:4, 2:4, 2:4], labels[4:, 1, 1] = 7, 9
    assert whole_labels(labels, np.unique(labels[labels > 0]).tolist()) == {7}


def test_an_impossible_tumor_is_doubted_though_it_touches_the_border(doubting_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neurospineseg.checks.scan_recognition.Recognizer.head", lambda self, volume: Head(UPRIGHT, 1.0))
    small = replace(task_named("tumor"), plausible=PlausibleVolumes("parts", total_ml=0.5, total_doubt="The tumor found measures {ml}."))
    monkeypatch.setattr("neurospineseg.pipeline.run.task_named", lambda name: small)
    whole = np.full(ball().shape, 2, np.uint16)
    monkeypatch.setattr("neurospineseg.pipeline.run.to_scan_grid", lambda *_: whole)
    monkeypatch.setattr("neurospineseg.checks.input_plausibility.InputPlausibility.implausible_contrasts", lambda *_: [])
    with pytest.raises(ImplausibleInput, match="The tumor found measures"):
        segmenter(doubting_models).run({"flair": scan(ball())})
