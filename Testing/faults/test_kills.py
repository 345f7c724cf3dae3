"""A few rounds of ``kill_at_random``; many are run by hand, see README.md."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

from Testing.faults.kill_at_random import run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a ground sets is taken back after the test."""
    for name in ("TMPDIR", "NEUROSPINESEG_FAULTS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, os.environ.get(name, str(tmp_path) if name == "TMPDIR" else "1"))
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.mark.parametrize("way, rounds", [("worker", 2), ("window", 2), ("batch", 3)])
def test_after_a_kill_nothing_is_lost_or_left_and_the_next_run_works(way: str, rounds: int, tmp_path: Path, environment: None) -> None:
    _killed, wrong = run(way, rounds, 1, tmp_path / "ground")
    assert wrong == []
