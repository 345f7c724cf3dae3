"""The sources pass ruff and mypy as pyproject.toml sets them up."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("command", ["ruff check", "ruff format --check --diff", "mypy"])
def test_the_sources_pass(command: str) -> None:
    program, *options = command.split()
    if importlib.util.find_spec(program) is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([sys.executable, "-m", program, *options], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
