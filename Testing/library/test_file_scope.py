"""What Slicer runs when it only looks for modules: declarations, and the one line that finds the library."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE_FILES = [ROOT / name / f"{name}.py" for name in ("TumorSeg", "SpineSeg", "SubcorticalSeg")]
PANEL_FILES = sorted((ROOT / "Resources" / "neurospineseg_panel").glob("*.py"))
MAKES_A_CONSTANT = {"Path", "resolve", "compile", "split", "ModuleDeclaration", "_"}
LATE = {"SampleData", "PyTorchUtils", "slicer.packaging"}
"""Modules of others that are imported when they are first used, since they may be absent or slow."""


def beside_declarations(source: str) -> list[str]:
    """Statements at file scope other than imports, classes, functions, words and constants; ``sys.path`` may be told where the library is."""
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        called = {ast.unparse(each.func).rpartition(".")[2] for each in ast.walk(node) if isinstance(each, ast.Call)}
        if isinstance(node, ast.Assign | ast.AnnAssign) and called <= MAKES_A_CONSTANT:
            continue
        if ast.unparse(node).startswith("sys.path += "):
            continue
        found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("file", [*MODULE_FILES, *PANEL_FILES], ids=lambda file: file.stem)
def test_nothing_runs_when_a_file_is_imported(file: Path) -> None:
    assert beside_declarations(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("file", [*MODULE_FILES, *PANEL_FILES], ids=lambda file: file.stem)
def test_what_may_be_absent_is_imported_late(file: Path) -> None:
    imports = [node for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}
    assert names & LATE == set()


def test_a_statement_that_does_something_is_seen() -> None:
    assert beside_declarations("import slicer\nNAME = 'x'\nslicer.util.pip_install(NAME)") == ["slicer.util.pip_install(NAME)"]
    assert beside_declarations("timer = qt.QTimer()") == ["timer = qt.QTimer()"]
