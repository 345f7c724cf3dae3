"""The panel writes Qt as PythonQt shows Qt 5: enumerations without their scope; properties are no functions."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PANEL = Path(__file__).resolve().parents[2] / "Resources" / "neurospineseg_panel"
SELF_TESTS = Path(__file__).resolve().parents[1] / "slicer"
FILES = sorted([*PANEL.glob("*.py"), *SELF_TESTS.glob("*.py")])
PROPERTIES = (
    "text",
    "currentIndex",
    "currentText",
    "checked",
    "enabled",
    "rowCount",
    "count",
    "value",
    "toolTip",
    "windowTitle",
    "directory",
)
"""Properties of widgets; on items of lists and tables some of them are functions."""


def scoped(tree: ast.AST) -> list[str]:
    """Enumerations with their scope, as Qt 6 writes them: ``qt.Qt.CheckState.Checked``."""
    chains = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    parts = [chain.split(".") for chain in chains if chain.startswith("qt.")]
    return [".".join(names) for names in parts if len(names) == 4 and names[2][0].isupper()]


def called_properties(tree: ast.AST) -> list[str]:
    """Properties of the panel's widgets that are called: ``ui.segmentButton.text()``."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return [ast.unparse(call) for call in calls if call.attr in PROPERTIES and "ui." in ast.unparse(call.value)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_enumerations_have_no_scope(path: Path) -> None:
    assert scoped(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_properties_are_not_called(path: Path) -> None:
    assert called_properties(ast.parse(path.read_text(encoding="utf-8"))) == []


def test_the_checks_see_what_they_look_for() -> None:
    wrong = ast.parse("self.ui.button.text()\nitem.setCheckState(qt.Qt.CheckState.Checked)")
    assert (scoped(wrong), called_properties(wrong)) == (["qt.Qt.CheckState.Checked"], ["self.ui.button.text"])
