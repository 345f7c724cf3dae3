"""The panel over Slicer's own Python sources: some of its tests once more, with those in place of the bench's stand-ins."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

import pytest

from Testing.panel.bench.sources import SLICER, Sources

HERE = Path(__file__).resolve().parent
MODULES = ("SubcorticalSeg", "SpineSeg", "TumorSeg")
GENERIC = "Base/QTCore/Testing/Python/qSlicerModuleGenericTest.py.in"
OF_THE_DECLARATION = ("test_categories", "test_acknowledgementText", "test_contributors", "test_module_valid")
"""The others ask for the application."""
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


@pytest.mark.parametrize("name", MODULES)
def test_slicers_generic_tests_take_the_declaration(bench: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    import slicer

    sources = Sources(SLICER)
    if sources.place is None:
        pytest.skip(f"Slicer's sources are not here (set {SLICER})")
    bench.open(name)
    object.__setattr__(bench.declared, "name", name)
    monkeypatch.setattr(slicer.modules, name.lower(), bench.declared, raising=False)
    code = sources.read(GENERIC).replace("@MODULENAME@", name).replace("@MODULENAME_LC@", name.lower())
    made: dict[str, Any] = {"__name__": f"qSlicer{name}ModuleGenericTest", "__file__": "generic"}
    exec(compile(code, GENERIC, "exec"), made)
    case = made[f"qSlicer{name}ModuleGenericTest"]
    result = unittest.TestSuite(map(case, OF_THE_DECLARATION)).run(unittest.TestResult())
    assert result.testsRun == len(OF_THE_DECLARATION)
    assert not [*result.failures, *result.errors]
