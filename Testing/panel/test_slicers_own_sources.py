"""The panel over Slicer's own Python sources: some of its tests once more, with those in place of the bench's stand-ins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from Testing.panel.bench.sources import SLICER, Sources

HERE = Path(__file__).resolve().parent
CHOSEN = (
    "test_segment.py::test_a_click_gives_what_the_library_gives",
    "test_segment.py::test_a_saved_scene_brings_the_choices_back",
    "test_segment.py::test_the_module_is_reloaded",
    "test_self_tests.py::test_check[open]",
    "test_self_tests.py::test_check[registered]",
)


def test_the_panel_works_on_slicers_own_sources(tmp_path: Path) -> None:
    sources = Sources(SLICER)
    if sources.place is None:
        pytest.skip(f"Slicer's sources are not here (set {SLICER})")
    environment = {**os.environ, "NEUROSPINESEG_SLICERS_OWN": str(sources.unpack(tmp_path))}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *(str(HERE / name) for name in CHOSEN)]
    done = subprocess.run(command, cwd=HERE.parents[1], env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-4000:]
