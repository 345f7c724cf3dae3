"""A task, class, modality, rule or stage that nobody knows is refused by its name wherever one is read; nothing falls through to another's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch

from neurospineseg.checks.input_plausibility import implausible_volumes
from neurospineseg.cli.main import main
from neurospineseg.cli.models import list_models
from neurospineseg.errors import InputError
from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.resample import resample
from neurospineseg.images.intensity import normalize, onto_grid
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.inference.device import choose_device
from neurospineseg.models.bundle import ModelSpec, read_bundle
from neurospineseg.models.catalog import damaged_models, models_of
from neurospineseg.models.network import build_network, build_to_run
from neurospineseg.pages.html_page import Case, write_page
from neurospineseg.pages.slice_pictures import Segment
from neurospineseg.pipeline.batch import find_cases
from neurospineseg.pipeline.corrections import store_correction
from neurospineseg.pipeline.segmenter import Segmenter
from neurospineseg.pipeline.settings import Settings
from neurospineseg.pipeline.stages import Stage, StageWatch
from neurospineseg.tasks.anatomy import structure, structures_of, structures_of_classes
from neurospineseg.tasks.channel import Channel, Suitability
from neurospineseg.tasks.class_scores import check_classes, postprocess
from neurospineseg.tasks.declarations import called
from neurospineseg.tasks.phantoms import phantom
from neurospineseg.tasks.task import Composite, Hiding, PlausibleVolumes, task_named
from Testing.small_scans import ball, oblique_affine
from Training.datasets.class_names import values_of
from Training.training.recipe import read_recipe

UNKNOWN = "gizmo"
GRID = Grid((4, 4, 4), np.eye(4))
SCAN = Volume(ball().astype(np.float32), oblique_affine())
SPEC: dict[str, Any] = {
    "name": "any",
    "task": "tumor",
    "channels": ("t1c",),
    "spacing": (1.0, 1.0, 1.0),
    "patch": (8, 8, 8),
    "normalization": "foreground_zscore",
    "classes": ("background", "edema"),
}


def of_task(task: str) -> ModelSpec:
    """What a model says of itself, unchecked."""
    return ModelSpec.model_construct(**{**SPEC, "task": task})


TASK_READERS: dict[str, Callable[[str, Path], object]] = {
    "segmenter": lambda task, folder: Segmenter(task),
    "many cases": find_cases,
    "structures": lambda task, folder: structures_of(task),
    "structures of classes": lambda task, folder: structures_of_classes(task, ("background",)),
    "classes": lambda task, folder: check_classes(task, ("background",)),
    "classes of a data set": lambda task, folder: values_of(task, ()),
    "rules": lambda task, folder: postprocess(torch.ones(2, 4, 4, 4), GRID, of_task(task)),
    "models of the panel": lambda task, folder: models_of(task),
    "a model's metadata": lambda task, folder: ModelSpec(**{**SPEC, "task": task}),
    "drawing": lambda task, folder: phantom(task, 1),
    "page": lambda task, folder: write_page(folder / "a.html", [Case(task, {"image": SCAN}, SCAN, [], {})]),
    "corrections": lambda task, folder: store_correction(folder, task, {"image": SCAN}, SCAN, None, None),
    "recipe": lambda task, folder: read_recipe("tumor_glioma", [f"task={task}"]),
}


@pytest.mark.parametrize("reader", TASK_READERS)
def test_a_task(reader: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=UNKNOWN):
        TASK_READERS[reader](UNKNOWN, tmp_path)


@pytest.mark.parametrize("line", [["segment", UNKNOWN, "a.nii"], ["batch", UNKNOWN, "folder"]])
def test_a_task_on_the_command_line(line: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*line, "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert UNKNOWN in said
    assert "tumor" in said, "it says which there are"


@pytest.mark.parametrize(
    "read",
    [
        lambda: check_classes("tumor", ("background", UNKNOWN)),
        lambda: check_classes("spine", ("background", "vertebra", UNKNOWN)),
        lambda: values_of("subcortical", (UNKNOWN,)),
        lambda: Segmenter("tumor", Settings(structures=(UNKNOWN,))),
        lambda: structure(UNKNOWN),
        lambda: implausible_volumes(task_named("subcortical"), {UNKNOWN: 3.0}, [UNKNOWN]),
        lambda: task_named("tumor").structure(UNKNOWN),
        lambda: replace(task_named("tumor"), composites=(Composite("all", "All", (UNKNOWN,)),)),
        lambda: replace(task_named("tumor"), plausible=PlausibleVolumes("parts", {UNKNOWN: (1.0, 2.0)})),
        lambda: replace(task_named("spine"), families={"vertebra": UNKNOWN}),
    ],
)
def test_a_class_or_structure(read: Callable[[], object]) -> None:
    with pytest.raises((ValueError, KeyError), match=UNKNOWN):
        read()


@pytest.mark.parametrize(
    "read",
    [
        lambda: task_named("tumor").channel(UNKNOWN),
        lambda: Channel("image", "Scan", contrast=UNKNOWN),
        lambda: Suitability({UNKNOWN: 1}),
        lambda: Suitability(not_of=(UNKNOWN,)),
        lambda: replace(task_named("spine"), modalities=(UNKNOWN,)),
        lambda: replace(task_named("spine"), head=UNKNOWN),
        lambda: replace(task_named("tumor"), hiding=Hiding((UNKNOWN,), 0.8)),
        lambda: normalize(torch.rand(1, 4, 4, 4), UNKNOWN),
        lambda: onto_grid(torch.rand(4, 4, 4), 0.0, GRID, GRID, UNKNOWN),
        lambda: resample(torch.rand(1, 4, 4, 4), GRID, GRID, mode=UNKNOWN),
        lambda: ModelSpec(**{**SPEC, "advised_channels": (UNKNOWN,)}),
    ],
)
def test_a_modality_or_how_its_gray_values_are_read(read: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=UNKNOWN):
        read()


def test_a_scan_that_the_model_does_not_take(tiny_models: Path) -> None:
    with pytest.raises(InputError, match=f"no use for '{UNKNOWN}'"):
        Segmenter("tumor", Settings(model=str(tiny_models / "tiny_tumor"), device="cpu")).run({UNKNOWN: SCAN})


@pytest.mark.parametrize(
    "read",
    [
        lambda: called(f"neurospineseg.tasks.{UNKNOWN}:rules"),
        lambda: called(f"neurospineseg.tasks.tumor.rules:{UNKNOWN}"),
        lambda: Stage(UNKNOWN),
        lambda: StageWatch().start(UNKNOWN),
        lambda: Settings.of({UNKNOWN: True}),
        lambda: Settings.of({"region": UNKNOWN}),
        lambda: choose_device(UNKNOWN),
        lambda: build_network({"_target_": UNKNOWN}),
        lambda: build_to_run({"_target_": UNKNOWN}),
        lambda: read_recipe(UNKNOWN),
        lambda: read_recipe("tumor_glioma", [f"{UNKNOWN}=1"]),
    ],
)
def test_a_rule_a_stage_an_option_or_a_network(read: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=UNKNOWN):
        read()


def test_a_merge_rule() -> None:
    pytest.importorskip("slicer", reason="slicer-core is not installed")
    from neurospineseg.mrml import MergeRule

    with pytest.raises(InputError, match=UNKNOWN):
        MergeRule(UNKNOWN)


@pytest.fixture
def altered(tiny_models: Path, tmp_path: Path) -> Callable[..., Path]:
    """Copies ``tiny_tumor`` with other metadata into a folder of its own."""

    def alter(**values: Any) -> Path:
        folder = tmp_path / "models" / "tiny_tumor"
        shutil.copytree(tiny_models / "tiny_tumor", folder)
        metadata = json.loads((folder / "configs" / "metadata.json").read_text(encoding="utf-8"))
        metadata["neurospineseg"].update(values)
        (folder / "configs" / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
        return folder

    return alter


@pytest.mark.parametrize(
    "values",
    [
        {"task": UNKNOWN},
        {"role": UNKNOWN},
        {"normalization": UNKNOWN},
        {"classes": ["background", "necrotic_core", "edema", "enhancing_tumor", UNKNOWN]},
        {UNKNOWN: 1},
        {"advised_channels": [UNKNOWN]},
    ],
)
def test_what_a_bundle_says(values: dict[str, Any], altered: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=UNKNOWN):
        read_bundle(altered(**values))


@pytest.mark.parametrize("values", [{"task": UNKNOWN}, {"role": UNKNOWN}])
def test_a_bundle_that_the_panel_cannot_place_is_named(
    values: dict[str, Any], altered: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = altered(**values)
    monkeypatch.setenv("NEUROSPINESEG_MODELS", str(folder.parent))
    assert folder in damaged_models()
    list_models()
    listed, _, under = capsys.readouterr().out.rpartition("spine_")
    assert listed, "the good ones are listed"
    assert f"{folder}: " in under
    assert UNKNOWN in under


def test_the_helper_that_a_bundle_names(altered: Callable[..., Path]) -> None:
    folder = altered(recognizer=UNKNOWN)
    result = Segmenter("tumor", Settings(model=str(folder), device="cpu", force=True)).run({"t1c": SCAN})
    assert any(UNKNOWN in warning for warning in result.warnings)


def test_a_channel_on_a_page(tmp_path: Path) -> None:
    labels = Volume(np.ones(SCAN.shape, np.uint16), SCAN.ijk_to_ras)
    segment = Segment(1, "edema", "Edema", (1, 2, 3))
    with pytest.raises(InputError, match=UNKNOWN):
        write_page(tmp_path / "a.html", [Case("tumor", {"t1c": SCAN, UNKNOWN: SCAN}, labels, [segment], {})])


def test_an_orientation(tmp_path: Path) -> None:
    nib.AnalyzeImage(ball().T, np.eye(4)).to_filename(tmp_path / "a.hdr")
    with pytest.raises(InputError, match="XYZ"):
        read_volume(tmp_path / "a.hdr", orientation="XYZ")
