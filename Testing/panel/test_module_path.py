"""Where the modules look for the library, in a checkout and in Slicer's folder of scripted modules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("SubcorticalSeg", "SpineSeg", "TumorSeg")


def path_after(module: str, file: Path, before: list[str]) -> list[str]:
    """``sys.path`` after the module's lines on it, for a module file that lies elsewhere."""
    text = (ROOT / module / f"{module}.py").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith(("_HERE", "sys.path"))]
    system = SimpleNamespace(path=list(before))
    exec("\n".join(lines), {"sys": system, "Path": Path, "__file__": str(file)})
    return system.path


@pytest.mark.parametrize("module", MODULES)
def test_a_checkout(module: str, tmp_path: Path) -> None:
    (tmp_path / "Resources").mkdir()
    file = tmp_path / module / f"{module}.py"
    assert path_after(module, file, ["others"]) == ["others", str(tmp_path.resolve() / "Resources")], "it goes last and shadows nothing"


@pytest.mark.parametrize("module", MODULES)
def test_slicers_folder_of_scripted_modules(module: str, tmp_path: Path) -> None:
    scripted = tmp_path / "lib" / "qt-scripted-modules"
    library = scripted / "Resources" / "NeuroSpineSeg"
    library.mkdir(parents=True)
    once = path_after(module, scripted / f"{module}.py", ["others"])
    assert once == ["others", str(library.resolve())]
    assert path_after(module, scripted / f"{module}.py", once) == once, "three modules add it once"


def test_what_cmake_copies_there() -> None:
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert text.count("QTSCRIPTEDMODULES_LIB_DIR}/Resources/NeuroSpineSeg") == 2, "built and installed"


def test_a_module_elsewhere_as_the_page_says(tmp_path: Path) -> None:
    page = (ROOT / "Resources" / "docs" / "adding-a-module.md").read_text(encoding="utf-8")
    (line,) = [line for line in page.splitlines() if line.startswith("sys.path")]
    line = line.replace("/path/to/NeuroSpineSeg", ROOT.as_posix())
    code = f"import sys\n{line}\nimport neurospineseg_panel as p; print(p.__path__[0])"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip() == str(ROOT / "Resources" / "neurospineseg_panel"), done.stderr
