"""The examples in docstrings run and give what they say; each public name has one."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import neurospineseg

LIBRARY = Path(neurospineseg.__file__).parent
WITH_EXAMPLES = sorted(path for path in LIBRARY.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))


def dotted(path: Path) -> str:
    parts = path.relative_to(LIBRARY.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("module", [dotted(path) for path in WITH_EXAMPLES])
def test_examples_give_what_they_say(module: str) -> None:
    results = doctest.testmod(importlib.import_module(module))
    assert results.failed == 0
    assert results.attempted > 0


@pytest.mark.parametrize("name", neurospineseg.__all__)
def test_each_public_name_has_an_example(name: str) -> None:
    assert ">>> " in (getattr(neurospineseg, name).__doc__ or "")
