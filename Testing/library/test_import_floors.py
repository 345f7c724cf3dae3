"""Imports point downward only, without circles, and what Slicer loads at start is light: read from the imports themselves."""

from __future__ import annotations

import pytest

from Testing.import_graph import (
    FACE,
    MODULE_FILES,
    ROOT,
    Import,
    all_imports,
    circle_in,
    floor_of,
    folder_of,
    modules,
    picture,
    reached_at_start,
)

HEAVY = {"torch", "monai", "pydantic", "nibabel", "pydicom", "SimpleITK", "scipy", "nrrd", "matplotlib", "lightning", "jinja2", "rich"}
LOADED_AT_START = (
    *MODULE_FILES,
    "neurospineseg",
    "neurospineseg_panel",
    "neurospineseg.mrml",
    "neurospineseg.tasks.anatomy",
    *(f"neurospineseg.tasks.{task}.declaration" for task in ("spine", "subcortical", "tumor")),  # imported by name
    "neurospineseg.measurements.measurement",
    "neurospineseg.models.catalog",
    "neurospineseg.pipeline.settings",
    "neurospineseg.pipeline.stages",
    "neurospineseg.worker.client",
    "neurospineseg.worker.protocol",
    "neurospineseg.errors",
)
"""Modules; of a package all its modules, but of the library only its face."""
WITHOUT_NUMPY = ("neurospineseg.models.catalog", "neurospineseg.cli.main", "neurospineseg.errors", "neurospineseg")
"""What a shell loads to show its help or the list of models."""


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    return all_imports()


@pytest.fixture(scope="module")
def own(imports: list[Import]) -> list[Import]:
    """Imports of this project's modules by each other, those of the face aside."""
    known = modules()
    return [each for each in imports if each.imported in known and FACE not in (each.importer, each.imported)]


def loaded_at_start() -> list[str]:
    named = modules()
    whole = [each for each in LOADED_AT_START if each != FACE]
    return sorted(name for name in named if name == FACE or any(name == each or name.startswith(f"{each}.") for each in whole))


def test_every_folder_stands_on_a_floor() -> None:
    assert [name for name in modules() if name != FACE and floor_of(name) is None] == []


def test_no_arrow_points_upward(own: list[Import]) -> None:
    assert [(each.importer, each.imported) for each in own if (floor_of(each.importer) or 0) < (floor_of(each.imported) or 0)] == []


def test_no_circle_between_files(own: list[Import]) -> None:
    assert circle_in(own) == []


def test_no_circle_between_folders(own: list[Import]) -> None:
    assert circle_in(own, key=folder_of) == []


def test_the_face_lends_its_names_only_when_they_are_used(imports: list[Import]) -> None:
    assert [each.imported for each in imports if each.importer == FACE and each.when == "start" and each.imported.startswith(FACE)] == []


@pytest.mark.parametrize("name", loaded_at_start())
def test_what_slicer_loads_at_start_is_light(name: str, imports: list[Import]) -> None:
    reached = {each.partition(".")[0] for each in reached_at_start(name, imports)}
    assert reached & HEAVY == set()


@pytest.mark.parametrize("name", WITHOUT_NUMPY)
def test_the_help_and_the_list_of_models_need_no_numpy(name: str, imports: list[Import]) -> None:
    assert "numpy" not in reached_at_start(name, imports)


@pytest.mark.parametrize(
    "package, folders",
    [
        ("slicer", {"mrml", "neurospineseg_panel", *MODULE_FILES}),
        ("vtk", {"mrml", "neurospineseg_panel", *MODULE_FILES}),
        ("qt", {"neurospineseg_panel"}),
        ("ctk", {"neurospineseg_panel"}),
    ],
)
def test_slicer_and_qt_stay_in_their_folders(package: str, folders: set[str], imports: list[Import]) -> None:
    importers = {folder_of(each.importer) for each in imports if each.imported.partition(".")[0] == package}
    assert importers <= folders


def test_an_upward_arrow_a_circle_and_a_heavy_import_are_seen() -> None:
    up = Import("neurospineseg.geometry.grid", "neurospineseg.images.volume", "lazy")
    down = Import("neurospineseg.images.volume", "neurospineseg.geometry.grid", "start")
    heavy = Import("neurospineseg.geometry.grid", "torch", "start")
    assert set(circle_in([up, down])) == {"neurospineseg.geometry.grid", "neurospineseg.images.volume"}
    assert set(circle_in([up, down], key=folder_of)) == {"geometry", "images"}
    assert "torch" in reached_at_start("neurospineseg.images.volume", [up, down, heavy])
    assert "neurospineseg.images.volume" not in reached_at_start("neurospineseg.geometry.grid", [up, down, heavy])


def test_the_architecture_page_shows_the_picture_as_it_is() -> None:
    page = (ROOT / ".github" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert picture() in page, "write anew what python -m Testing.import_graph prints"
