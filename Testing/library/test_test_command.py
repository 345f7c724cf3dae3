"""The command that runs all tests ends, whatever a test does to its process."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = runpy.run_path(str(ROOT / "Resources" / "bootstrap.py"))["TESTS"]
SETTINGS = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[tool.pytest.ini_options]")[2].partition("\n[")[0]


@pytest.mark.parametrize(("end", "timeout"), [("import os; os._exit(3)", "1200"), ("import threading; threading.Event().wait()", "1")])
def test_a_test_that_ends_its_process_or_hangs_fails_by_name_and_the_run_ends(tmp_path: Path, end: str, timeout: str) -> None:
    """Of two processes one crashes early, with files before it, after it and at the other process."""
    for number in range(8):
        lines = "".join(f"def test_{test}(): pass\n" for test in range(6))
        (tmp_path / f"test_{number}.py").write_text(lines + (f"def test_bad():\n    {end}\n" if number == 3 else ""))
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n" + SETTINGS.replace("1200", timeout))
    ended = subprocess.run([sys.executable, *TESTS, "-n", "2", "."], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "crashed while running 'test_3.py::test_bad'" in ended.stdout
