"""Every command of the training documentation is one that the programs take."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest

from Training.training.recipe import RECIPES, read_recipe

PAGES = Path(__file__).resolve().parents[2] / "Resources" / "Training" / "docs"
COMMAND = re.compile(r"Resources/Training/(\w+)\.py ([^`#\n]*)")


def commands() -> list[tuple[str, str, str]]:
    return [
        (page.name, program, arguments.strip())
        for page in sorted(PAGES.glob("*.md"))
        for program, arguments in COMMAND.findall(page.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("page, program, arguments", commands())
def test_a_command_is_understood(page: str, program: str, arguments: str) -> None:
    options = importlib.import_module(f"Training.{program}").parser().parse_args(shlex.split(arguments))
    if program == "train":
        read_recipe(options.recipe, options.changes)


def test_every_page_and_recipe_is_listed() -> None:
    overview = (PAGES / "README.md").read_text(encoding="utf-8")
    pages = {page.name for page in PAGES.glob("*.md")} - {"README.md"}
    assert len(commands()) > 20
    assert all(f"[{page}]({page})" in overview for page in pages)
    together = "".join(page.read_text(encoding="utf-8") for page in PAGES.glob("*.md"))
    for recipe in RECIPES.glob("*.yaml"):
        assert recipe.stem in together or "drawn:" in recipe.read_text(encoding="utf-8"), recipe.stem
