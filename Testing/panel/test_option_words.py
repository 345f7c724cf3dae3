"""No sentence of the library tells who clicks, or who writes Python, of an option of the shell."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("slicer")

ROOT = Path(__file__).resolve().parents[2] / "Resources"
SHELL_ONLY = ("cli/", "worker/server.py", "packages/gathering.py", "packages/target.py", "__main__.py")
"""What runs in a shell alone."""
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
COMMANDS = re.compile(r"neurospineseg wheels DIR[^.]*--\S+ \S+( --\S+ \S+)?|slicer\.util\.pip_install\('[^']*'\)|`ssh [^`]*`")
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
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "7" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | inner:
            yield node.value


def test_there_are_such_sentences() -> None:
    assert len(list(sentences())) >= 10


@pytest.mark.parametrize("name, text", list(sentences()))
@pytest.mark.parametrize("place", ["in_the_panel", "in_the_console"])
def test_no_option_is_left(application, place: str, name: str, text: str) -> None:
    from neurospineseg_panel import option_words

    told = getattr(option_words, place)(text)
    assert not OPTION.search(COMMANDS.sub("", told)), told
    assert "the shell's option" not in told, "a sentence without words of its own for this place"


@pytest.mark.parametrize("place", ["in_the_panel", "in_the_console"])
def test_an_option_without_words_is_named_as_what_it_is_also_beside_a_command(application, place: str) -> None:
    from neurospineseg_panel import option_words

    command = "slicer.util.pip_install('--force-reinstall torch')"
    told = getattr(option_words, place)(f"Enter {command}.\nThen say --new-thing or leave --other 3.")
    assert told == f"Enter {command}.\nThen say the shell's option 'new-thing' or leave the shell's option 'other' 3."


def test_arguments_that_the_console_is_told_of_are_taken() -> None:
    from dataclasses import fields

    from neurospineseg.pipeline.settings import Settings
    from neurospineseg_panel.logic import SegmentLogic
    from neurospineseg_panel.option_words import ARGUMENTS

    functions = (SegmentLogic.segment, SegmentLogic.segmentFolder)
    taken = {name for function in functions for name in inspect.signature(function).parameters} | {field.name for field in fields(Settings)}
    assert set(ARGUMENTS) <= taken


@pytest.mark.parametrize(
    "text, told",
    [
        ("pick one with --frame 0 to --frame 3.", "pick one with frame=0 to frame=3."),
        ("choose one with --volume NAME: series=4, series=5.", 'choose one with volume="NAME": series=4, series=5.'),
        ("take a part with --volume slab=1 (60 slices).", 'take a part with volume="slab=1" (60 slices).'),
        ("with, for example, --orientation LPS --spacing 0.5,0.5,3.", 'with, for example, orientation="LPS" spacing=(0.5, 0.5, 3).'),
        ("if that is so, use --register.", "if that is so, use register=True."),
        ("and give --orientation where that is wrong.", "and give orientation= where that is wrong."),
    ],
)
def test_the_console_is_told_what_segment_folder_takes(application, text: str, told: str) -> None:
    from neurospineseg_panel.option_words import in_the_console

    assert in_the_console(text) == told
