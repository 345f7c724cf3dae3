"""That the benchmarks run and write their figures, on tiny scans; not how fast anything is."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
OWN, MONAI = "neurospineseg", ("monai float32", "monai autocast", "monai tuned")
QUICK_MODEL = ("--model", "tumor_glioma")
"""Of 2 mm: it has an eighth of the default's voxels."""


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where drawn scans are kept between these tests."""
    return tmp_path_factory.mktemp("cases")


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"Testing.benchmarks.{program}", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


def figures(tmp_path: Path, program: str, *arguments: str | Path) -> dict[str, Any]:
    """What a quick run wrote."""
    done = run(program, "--quick", "--json", tmp_path / "figures.json", *arguments)
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert written["program"] == program
    assert written["quick"]
    assert written["machine"]["threads"] >= 1
    return written


@pytest.mark.parametrize("task", ["tumor", "subcortical"])
def test_inference_compares_and_judges(task: str, tmp_path: Path, cases: Path):
    (found,) = figures(tmp_path, "inference", "--tasks", task, *QUICK_MODEL, "--ways", OWN, *MONAI, "--cases", cases)["cases"]
    assert set(found["median_s"]) == {OWN, *MONAI}
    assert found["times_as_long"][OWN] == 1
    assert 0 < found["network_share"] < 1
    kept = found["accuracy"]["dice_against_truth"]
    assert kept[OWN] > 0.4
    assert kept["float32 reference"] == pytest.approx(kept[OWN], abs=0.05)
    assert all(kept[name] == pytest.approx(kept[OWN], abs=0.1) for name in MONAI), "MONAI's path runs the same weights"


def test_accuracy_pairs_ours_with_each_reference(tmp_path: Path, cases: Path):
    tumor, subcortical = figures(tmp_path, "accuracy", "--tasks", "tumor", "subcortical", *QUICK_MODEL, "--cases", cases)["models"]
    names = {"float32 reference", "float32 mirrored reference"}
    for judged, expected in ((tumor, names), (subcortical, names - {"float32 mirrored reference"})):
        drawn = judged["groups"]["drawn"]
        assert len(drawn["cases"]) == 2, "a model that sees one side at a time has no mirrored reference"
        assert set(drawn["lacks"]) == expected, "a model that sees one side at a time has no mirrored reference"
        for name, found in drawn["lacks"].items():
            dice = [case["dice_against_truth"] for case in drawn["cases"]]
            assert found["mean"] == pytest.approx(sum(each[name] - each[OWN] for each in dice) / 2)
            assert abs(found["mean"]) < 0.02
            assert found["within"] == (found["mean"] <= 0.002)


def test_what_is_lacking_is_summed_up_over_the_cases_with_a_truth():
    from Testing.benchmarks.accuracy import summary

    found = summary([{"lacks": {"a": 0.001}}, {"lacks": {"a": 0.005}}, {"own_dice_against": {"a": 0.9}}])["a"]
    assert found == {"cases": 2, "mean": pytest.approx(0.003), "standard_error": pytest.approx(0.002), "within": False}
    assert summary([{"lacks": {"a": 0.001}}])["a"]["standard_error"] is None
    assert summary([]) == {}


@pytest.mark.parametrize("bodies", [False, True])
def test_where_only_bodies_are_labeled_only_they_are_compared(bodies: bool, cases: Path):
    from neurospineseg.images.volume import read_volume
    from neurospineseg.pipeline.segmenter import Segmenter, Settings
    from Testing.benchmarks.accuracy import comparable
    from Testing.benchmarks.drawn_case import drawn_case

    segmenter = Segmenter("spine", Settings(device="cpu", force=True))
    volumes = {"image": read_volume(drawn_case("spine", cases, quick=True).scans["image"])}
    found, whole = comparable(segmenter, volumes, bodies), segmenter.run(volumes).labels.voxels
    assert ((found == whole) | (found == 0)).all()
    assert found.any()
    discs = [structure.label for structure in segmenter.sought if "disc" in structure.name.lower()]
    assert (found == whole).all() != bodies, "discs are no bodies"
    assert np.isin(found, discs).any() != bodies, "discs are no bodies"


@pytest.mark.parametrize("task", ["tumor", "subcortical"])
def test_our_networks_are_loaded_before_the_clock_starts(task: str, tmp_path: Path, cases: Path):
    from Testing.benchmarks.drawn_case import drawn_case
    from Testing.benchmarks.own_path import OwnPath

    own = OwnPath(task, None, "cpu")
    loaded = set(own.networks)
    spec = own.segmenter.bundle.spec
    assert loaded == {spec.name, "subcortical_locator", "brain_contrast", spec.coarse or spec.name}
    own(drawn_case(task, cases, quick=True).scans, tmp_path / "mask.nii.gz")
    assert set(own.networks) == loaded


@pytest.mark.parametrize(("task", "model"), [("tumor", "tumor_glioma"), ("spine", None), ("subcortical", None)])
@pytest.mark.filterwarnings("ignore:.*labels")
def test_tuned_monai_finds_what_the_standard_path_finds(task: str, model: str | None, tmp_path: Path, cases: Path):
    from neurospineseg.pipeline.segmenter import Segmenter
    from Testing.benchmarks.case import load_case, read_labels, save_case
    from Testing.benchmarks.drawn_case import drawn_case
    from Testing.benchmarks.ways import make_way, with_region

    save_case(with_region(drawn_case(task, cases, quick=True), None), tmp_path)
    case = load_case(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Segmenter, "network", lambda *_: pytest.fail("MONAI's path must not load what only ours needs"))
        ways = [make_way(name, case, model, "cpu") for name in ("monai float32", "monai tuned")]
    standard, tuned = (read_labels(way(case.scans, tmp_path / "mask.nii.gz")) for way in ways)
    assert standard.any()
    assert (standard != tuned).sum() < 0.05 * (standard > 0).sum()


def test_a_mean_over_nothing_is_written_as_null(tmp_path: Path):
    from Testing.benchmarks.machine import write_json
    from Testing.benchmarks.reference import mean_dice

    nothing = np.zeros((2, 2, 2), int)
    assert mean_dice(nothing, nothing, {1}) is None
    write_json(tmp_path / "figures.json", "inference", "cpu", True, dice=mean_dice(nothing, nothing, {1}))
    assert json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))["dice"] is None
    with pytest.raises(ValueError):
        write_json(tmp_path / "figures.json", "inference", "cpu", True, dice=float("nan"))


def test_the_reference_is_not_rounded_to_tf32():
    from Testing.benchmarks.reference import without_tf32

    backends = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [backend.allow_tf32 for backend in backends]
    with without_tf32():
        assert not any(backend.allow_tf32 for backend in backends)
    assert [backend.allow_tf32 for backend in backends] == before


def test_copied_classes_are_checked_as_the_first_model_is(tmp_path: Path):
    from neurospineseg.models.bundle import find_bundle
    from Testing.benchmarks.class_copies import with_classes

    assert with_classes(tmp_path, 5).spec.recognizer == find_bundle("tumor_glioma").spec.recognizer


@pytest.mark.skipif(importlib.util.find_spec("nnunetv2") is None, reason="nnU-Net is not installed")
def test_nnunet_segments_with_our_weights(tmp_path: Path, cases: Path):
    (found,) = figures(tmp_path, "inference", "--tasks", "tumor", *QUICK_MODEL, "--ways", OWN, "nnunet", "--cases", cases)["cases"]
    kept = found["accuracy"]["dice_against_truth"]
    assert kept["nnunet"] == pytest.approx(kept[OWN], abs=0.15)


@pytest.mark.skipif(importlib.util.find_spec("nnunetv2") is not None, reason="nnU-Net is installed")
def test_nnunet_is_said_to_be_missing(cases: Path):
    done = run("inference", "--quick", "--tasks", "spine", "--ways", "nnunet", "--no-accuracy", "--cases", cases)
    assert done.returncode == 0
    assert "pip install 'nnunetv2" in done.stderr


def test_memory(tmp_path: Path, cases: Path):
    (found,) = figures(tmp_path, "memory", "--tasks", "spine", "--ways", *MONAI[:1], "--cases", cases)["cases"]
    assert found["times_ours"][OWN] == 1
    assert found["peak_bytes"][MONAI[0]] > 100 * 2**20


def test_scaling(tmp_path: Path, cases: Path):
    written = figures(tmp_path, "scaling", "--cases", cases)
    (voxels,), (classes,) = written["by_voxels"], written["by_classes"]
    assert voxels["voxels"] == 39 * 60 * 60
    assert classes["model"] == "classes_5"
    assert all(isfinite(seconds) for found in (voxels, classes) for seconds in found["seconds"].values())
    assert set(voxels["seconds"]) == {OWN, "monai float32", "monai tuned"}
    assert voxels["rounds"] == 1


def test_cold_start(tmp_path: Path, cases: Path):
    found = figures(tmp_path, "cold_start", "--cases", cases)["tasks"]["spine"]["median_s"]
    assert len(found) == 6
    assert all(seconds > 0 for seconds in found.values())


def test_training(tmp_path: Path):
    assert figures(tmp_path, "training")["median_ratio"] > 0


@pytest.mark.parametrize(
    "program, arguments, sentence",
    [
        ("inference", ("--model", "no_such_model"), "There is no model 'no_such_model'"),
        ("inference", ("--tasks", "spine", "--model", "spine_2d", "--quick"), "works slice by slice"),
        ("memory", ("--json", "/no/such/folder/figures.json"), "There is no folder"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(program: str, arguments: tuple[str, ...], sentence: str, cases: Path):
    done = run(program, *arguments, "--cases", cases)
    assert done.returncode == 2
    assert sentence in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
