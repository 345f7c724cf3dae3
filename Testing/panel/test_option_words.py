"""No sentence of the library tells who clicks, or who writes Python, of an option of the shell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("slicer")

ROOT = Path(__file__).resolve().parents[2] / "Resources"
SHELL_ONLY = ("cli/", "worker/server.py", "packages/gathering.py", "packages/target.py", "__main__.py")
"""What runs in a shell alone."""
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
COMMANDS = re.compile(r"neurospineseg wheels DIR[^.]*--\S+ \S+( --\S+ \S+)?|slicer\.util\.pip_install\('[^']*'\)")
"""What is to be entered as it is: on another computer, or in the Python console."""


def sentences() -> Iterator[tuple[str, str]]:
    """File and text of every sentence that names an option, with 7 in the place of what is filled in."""
    for path in sorted([*(ROOT / "neurospineseg").rglob("*.py"), *(ROOT / "neurospineseg_panel").glob("*.py")]):
        name = path.relative_to(ROOT).as_posix()
        if path.name != "option_words.py" and not any(part in name for part in SHELL_ONLY):
            for text in texts(ast.parse(path.read_text(encoding="utf-8"))):
                if " " in text.strip() and not text.startswith("--") and OPTION.search(text):
                    yield name, text


def texts(tree: ast.AST) -> Iterator[str]:
    docstrings = {id(node.body[0].value) for node in ast.walk(tree) if is_documented(node)}
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "7" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | inner:
            yield node.value


def is_documented(node: ast.AST) -> bool:
    body = getattr(node, "body", None)
    return isinstance(body, list) and bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)


def test_there_are_such_sentences() -> None:
    assert len(list(sentences())) >= 10


@pytest.mark.parametrize("name, text", list(sentences()))
@pytest.mark.parametrize("place", ["in_the_panel", "in_the_console"])
def test_no_option_is_left(application, place: str, name: str, text: str) -> None:
    from neurospineseg_panel import option_words

    told = getattr(option_words, place)(text)
    assert not OPTION.search(COMMANDS.sub("", told)), told


@pytest.mark.parametrize(
    "text, told",
    [
        ("pick one with --frame 0 to --frame 3.", "pick one with frame=0 to frame=3."),
        ("choose one with --volume NAME: series=4, series=5.", 'choose one with volume="NAME": series=4, series=5.'),
        ("take a part with --volume slab=1 (60 slices).", 'take a part with volume="slab=1" (60 slices).'),
        ("with, for example, --orientation LPS --spacing 0.5,0.5,3.", 'with, for example, orientation="LPS" spacing=(0.5, 0.5, 3).'),
        ("if that is so, use --register.", "if that is so, use register=True."),
    ],
)
def test_the_console_is_told_what_segment_folder_takes(application, text: str, told: str) -> None:
    from neurospineseg_panel.option_words import in_the_console

    assert in_the_console(text) == told
