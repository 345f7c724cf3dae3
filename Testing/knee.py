"""KneeSeg as ``Resources/docs/adding-a-module.md`` makes it, in a folder of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent

import pytest

from neurospineseg import tasks
from neurospineseg.tasks.task import forget_task

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "Resources" / "docs" / "adding-a-module.md"
TASKS = Path("Resources") / "neurospineseg" / "tasks"
CHANGED = 4
"""Files that exist and may be touched, at most."""


def blocks(kind: str) -> list[str]:
    """The page's blocks of a language, in order."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.S | re.M)


def write_task(folder: Path) -> Path:
    """Step 1 in a repository's root; returns the folder of tasks."""
    made = folder / TASKS / "knee"
    made.mkdir(parents=True)
    for name, text in zip(("__init__.py", "declaration.py"), blocks("python")):
        (made / name).write_text(text, encoding="utf-8")
    return made.parent


def write_model(folder: Path) -> Path:
    """Step 2, in a process of its own, which knows the task by ``NEUROSPINESEG_TASKS``; returns the folder of models."""
    (folder / "make_knee.py").write_text(blocks("python")[2], encoding="utf-8")
    subprocess.run([sys.executable, "make_knee.py"], cwd=folder, check=True)
    return folder / "Resources" / "Models"


def write_module(folder: Path) -> Path:
    """Step 3: the copied folder."""
    shutil.copytree(ROOT / "TumorSeg", folder / "TumorSeg", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(blocks("sh")[1], shell=True, cwd=folder, check=True)
    file = folder / "KneeSeg" / "KneeSeg.py"
    first, declaration, words = blocks("python")[3:6]
    text = re.sub(r'\A""".*?"""\n', lambda found: first, file.read_text(encoding="utf-8"))
    text = re.sub(r"^DECLARATION = .*?^\)\n", lambda found: declaration, text, flags=re.S | re.M)
    text = re.sub(r"^        parent\.helpText = .*?^        \)\n", lambda found: indent(words, 8 * " "), text, flags=re.S | re.M)
    file.write_text(text, encoding="utf-8")
    return file


@contextmanager
def known_knee(folder: Path) -> Iterator[Path]:
    """A repository's root with the task and the model, both known to this process and to those that it starts; yields ``folder``."""
    with pytest.MonkeyPatch.context() as patch:
        made = write_task(folder)
        patch.setenv("NEUROSPINESEG_TASKS", str(made))
        patch.setenv("NEUROSPINESEG_MODELS", str(write_model(folder)))
        patch.setattr(tasks, "__path__", [*tasks.__path__, str(made)])
        yield folder
        forget_task("knee")
        for name in [name for name in sys.modules if name.startswith("neurospineseg.tasks.knee")]:
            del sys.modules[name]
