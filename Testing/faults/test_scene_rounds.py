"""A few rounds of ``scene_rounds``; two hundred are run by hand, see README.md."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed")
pytest.importorskip("PySide6", reason="PySide6 is not installed")

from Testing.faults.ground import tiny_model
from Testing.faults.scene_rounds import SceneRounds, opened
from Testing.panel.conftest import application, bench, warm_worker  # noqa: F401

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads memory from /proc")


def test_rounds_in_one_scene(bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("NEUROSPINESEG_MODELS", str(tiny_model(tmp_path / "models").parent))
    rounds = SceneRounds(bench, *opened(bench), tmp_path / "corrections")
    for number in range(3):
        rounds.round(number)
    rounds.undo(2)
    assert rounds.problems() == []
