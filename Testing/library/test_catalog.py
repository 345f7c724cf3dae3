"""Models are listed from their metadata alone; what is damaged is left out and named."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from neurospineseg.models import catalog
from neurospineseg.models.bundle import BundleError, ModelSpec, installed_bundles
from neurospineseg.models.catalog import MODELS_FOLDER, ModelEntry, damaged_models, models_of

SPEC = {
    "name": "a",
    "version": "1.2",
    "task": "tumor",
    "title": "A",
    "channels": ["t1c", "flair"],
    "modalities": "MR",
    "spacing": [1, 1, 1],
}


def write(parent: Path, folder: str, spec: Any = SPEC, weights: bool = True) -> Path:
    bundle = parent / folder
    for part in ("configs", "models", "docs"):
        (bundle / part).mkdir(parents=True)
    text = spec if isinstance(spec, str) else json.dumps({"version": "9", "neurospineseg": spec})
    (bundle / "configs" / "metadata.json").write_text(text, encoding="utf-8")
    (bundle / "configs" / "inference.json").write_text("{}")
    if weights:
        (bundle / "models" / "model.pt").write_bytes(b"weights")
    return bundle


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for bundles, the only one."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setattr(catalog, "MODELS_FOLDER", tmp_path / "none")
    monkeypatch.setenv("NEUROSPINESEG_MODELS", str(folder))
    return folder


def test_what_a_panel_needs(models: Path) -> None:
    folder = write(models, "a", {**SPEC, "optional_channels": True, "advised_channels": ["flair"], "summary": "Finds.", "preference": 3})
    (entry,) = models_of("tumor")
    assert entry == ModelEntry(
        folder=folder,
        name="a",
        task="tumor",
        version="1.2",
        title="A",
        summary="Finds.",
        preference=3,
        modalities="MR",
        channels=("t1c", "flair"),
        advised_channels=("flair",),
        optional_channels=True,
    )
    assert entry.card == folder / "docs" / "README.md"
    assert models_of("spine") == []


def test_the_preferred_one_is_first(models: Path) -> None:
    for name, preference in (("a", 0), ("b", 2), ("c", -1), ("d", 2)):
        write(models, name, {**SPEC, "name": name, "preference": preference})
    assert [entry.name for entry in models_of("tumor")] == ["b", "d", "a", "c"]


def test_models_that_only_locate_are_not_offered(models: Path) -> None:
    write(models, "a", {**SPEC, "role": "locate"})
    assert models_of("tumor") == [] == damaged_models()


def test_the_earlier_folder_counts(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "MODELS_FOLDER", tmp_path / "bundled")
    write(tmp_path / "bundled", "a")
    mine = write(models, "a")
    other = write(tmp_path / "bundled", "b", {**SPEC, "name": "b"})
    assert [entry.folder for entry in models_of("tumor")] == [mine, other]


@pytest.mark.parametrize(
    "spec",
    [
        "{",
        "[]",
        "\x00",
        "{}",
        '{"neurospineseg": 5}',
        '{"neurospineseg": null}',
        {},
        {"name": "a"},
        {**SPEC, "name": 5},
        {**SPEC, "preference": "high"},
        {**SPEC, "preference": True},
        {**SPEC, "channels": "t1c"},
        {**SPEC, "channels": [1]},
        {**SPEC, "optional_channels": "yes"},
    ],
)
def test_a_damaged_one_is_left_out_and_named(models: Path, spec: Any) -> None:
    damaged = write(models, "damaged", spec)
    write(models, "whole", {**SPEC, "name": "whole"})
    assert [entry.name for entry in models_of("tumor")] == ["whole"]
    assert damaged_models() == [damaged]


def test_without_weights_it_is_damaged(models: Path) -> None:
    damaged = write(models, "a", weights=False)
    assert models_of("tumor") == []
    assert damaged_models() == [damaged]


def test_folders_that_are_not_there_hold_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(catalog, "MODELS_FOLDER", tmp_path / "none")
    monkeypatch.setenv("NEUROSPINESEG_MODELS", str(tmp_path / "neither"))
    assert models_of("tumor") == [] == damaged_models()


def test_fields_are_those_of_the_bundle() -> None:
    assert set(ModelEntry.__dataclass_fields__) - {"folder"} <= set(ModelSpec.model_fields)


@pytest.mark.parametrize("task", ["tumor", "spine", "subcortical"])
def test_bundled_models(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEUROSPINESEG_MODELS", raising=False)
    entries = models_of(task)
    assert entries
    assert all(entry.title and entry.channels and entry.modalities and entry.card.is_file() for entry in entries)
    assert damaged_models() == []
    assert all(entry.folder.parent == MODELS_FOLDER for entry in entries)


def test_listing_loads_nothing_heavy() -> None:
    code = "import sys; import neurospineseg.models.catalog as c; c.models_of('spine'); assert not {'torch', 'monai', 'pydantic', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=MODELS_FOLDER.parent)


def test_a_damaged_model_stops_its_own_task_alone(models: Path) -> None:
    whole = Path(__file__).resolve().parents[2] / "Resources" / "Models" / "tumor_glioma"
    shutil.copytree(whole, models / "good")
    (write(models, "damaged", {**SPEC, "task": "spine"}) / "configs" / "inference.json").write_text("{bad")
    write(models, "unreadable", "{")
    assert [bundle.spec.name for bundle in installed_bundles("tumor")] == ["tumor_glioma"]
    with pytest.raises(BundleError, match="'damaged' is not valid JSON"):
        installed_bundles("spine")
