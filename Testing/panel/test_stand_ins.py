"""Every stand-in of the bench has only what the original has; its README says which line of which source it follows."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from Testing.panel import bench as benches
from Testing.panel.bench.sources import CTK, SLICER, Sources

FOLDER = Path(benches.__file__).parent
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (FOLDER / "README.md").read_text("utf-8").splitlines()
    if line.startswith("| `")
]
NO_CLASSES = {"make_sample_data", "make_packaging", "patch_util", "make_i18n", "parameterNodeWrapper"}


def stand_in(row: list[str]) -> Any:
    module, name = row[0].strip("`").split(".")
    return getattr(importlib.import_module(f"Testing.panel.bench.{module}"), name)


def sources_of(row: list[str]) -> tuple[Sources, list[str]]:
    """Where the row's files lie, and their paths; the first with a line number."""
    found = Sources(CTK if row[1].startswith("ctk ") else SLICER)
    if found.place is None:
        pytest.skip(f"the sources are not here (set {found.variable})")
    return found, re.findall(r"`([^`]+)`", row[1] + row[2])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip("`"))
def test_it_follows_the_line_that_is_named(application: Any, row: list[str]) -> None:
    sources, (first, *_) = sources_of(row)
    path, _, line = first.partition(":")
    text = sources.read(path).splitlines()[int(line) - 1]
    assert re.match(r"(class|def) ", text.strip()), text


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row[0].strip("`").split(".")[1] not in NO_CLASSES], ids=lambda row: row[0].strip("`")
)
def test_it_has_no_name_that_the_original_lacks(application: Any, row: list[str]) -> None:
    sources, paths = sources_of(row)
    words = set(re.findall(r"\w+", " ".join(sources.read(path.partition(":")[0]) for path in paths)))
    names = {name for name in vars(stand_in(row)) if not name.startswith("_")} - {"staticMetaObject", "minimumSizeHint", "paintEvent"}
    assert names - words - set(row[3].split()) == set()


def test_every_class_of_the_bench_is_in_the_table(application: Any) -> None:
    listed = {row[0].strip("`") for row in ROWS}
    tools = {"application.Signals", "application.Modules", "pythonqt.PythonQtObject", "sources.Sources", "parameter_node._Wrapper"}
    found = set()
    for path in FOLDER.glob("*.py"):
        module = importlib.import_module(f"Testing.panel.bench.{path.stem}") if path.stem != "__init__" else benches
        for name, kind in vars(module).items():
            if inspect.isclass(kind) and kind.__module__ == module.__name__:
                found.add(f"{path.stem}.{name}")
    assert found - listed - tools == set()
