"""A fine-tuning on a user's corrections as others see it: how it is started, how far it is, how it is paused, canceled and gone on with.

The training itself is a program of its own (``Resources/Training/fine_tune.py``) in a process of its own. It keeps all that it needs to go on in
the folder of its run, where it tells its progress in a small file and looks for wishes. Nothing here needs more than Python itself.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from neurospineseg.atomic_files import whole_file
from neurospineseg.errors import InputError
from neurospineseg.errors.json_text import json_of
from neurospineseg.models.catalog import model_folders, user_models_folder
from neurospineseg.owners import is_abandoned

PROGRAM = Path(__file__).resolve().parents[2] / "Training" / "fine_tune.py"
_START = "import sys; sys.path[:] = [sys.argv.pop(1), *filter(None, sys.path)]; from Training.fine_tune import main; sys.exit(main())"
"""Python puts the current folder first, as an empty name; whatever lies there must not be imported."""
PROGRESS, PAUSE, CANCEL, LOG = "progress.json", "pause", "cancel", "program.log"
PACKAGES = {"lightning": "lightning", "tensorboard": "tensorboard", "pyyaml": "yaml", "matplotlib": "matplotlib", "rich": "rich"}
"""What training needs beside what segmenting does, and what each is called in Python."""
RUNNING, PAUSED, DONE, FAILED = "running", "paused", "done", "failed"
LEAST_CASES = 2
"""One to learn from, and one held out."""


@dataclass(frozen=True)
class Figures:
    """Mean Dice of the old and the new model over the same cases, none of which taught the new one.

    Attributes:
        structures: Dice of the old and the new model by class.
    """

    cases: int
    old: float
    new: float
    structures: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class TuningProgress:
    """How far a run is.

    Attributes:
        state: ``RUNNING``, ``PAUSED``, ``DONE`` or ``FAILED``.
        stage: what it is doing, in words; ``fraction`` of the whole; ``seconds``: what is left, None while unknown.
        task, model, name: the task, the model that it began with, and the new one.
        corrections: the folder.
        message: why it failed, in one sentence.
        owner: the process, see ``owners``.
        corrected, drawn: figures over corrected cases that were held out, and over drawn ones as the old model knew them.
    """

    state: str
    stage: str
    fraction: float
    seconds: float | None
    task: str
    model: str
    name: str
    corrections: str
    message: str = ""
    owner: str = ""
    corrected: Figures | None = None
    drawn: Figures | None = None

    @property
    def is_interrupted(self) -> bool:
        """Whether its process ended in the midst of it, as where Slicer was closed; it can be gone on with."""
        return self.state in (RUNNING, PAUSED) and is_abandoned(self.owner)


def runs_folder() -> Path:
    """Where runs are kept until their model was offered: beside the user's models."""
    return user_models_folder().parent / "fine-tuning"


def free_name(model: str) -> str:
    """A name for a new model that no installed one and no run has: ``tumor_glioma_tuned``, then ``tumor_glioma_tuned2``, ..."""
    first = re.sub(r"_tuned\d*$", "", model) + "_tuned"
    taken = {path.name for parent in (*model_folders(), runs_folder()) if parent.is_dir() for path in parent.iterdir()}
    return next(name for name in (first, *(f"{first}{number}" for number in range(2, 10_000))) if name not in taken)


def read_progress(run: Path) -> TuningProgress | None:
    """What a run tells of itself; None where it tells nothing that can be understood."""
    try:
        said = json_of(run / PROGRESS)
        made = {each.name: said[each.name] for each in fields(TuningProgress) if each.name in said}
        for key in ("corrected", "drawn"):
            made[key] = _figures(made.get(key))
        return TuningProgress(**made)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _figures(said: Mapping[str, Any] | None) -> Figures | None:
    if said is None:
        return None
    pairs = {str(key): (float(old), float(new)) for key, (old, new) in said["structures"].items()}
    return Figures(int(said["cases"]), float(said["old"]), float(said["new"]), pairs)


def write_progress(run: Path, progress: TuningProgress) -> None:
    """Tells how far a run is."""
    with whole_file(run / PROGRESS) as new:
        new.write_text(json.dumps(asdict(progress)), encoding="utf-8")


def unfinished_run(task: str) -> Path | None:
    """The run of a task whose model was neither offered nor canceled, the last one where there are several."""
    folder = runs_folder()
    runs = [(path.stat().st_mtime, path) for path in folder.iterdir() if (path / PROGRESS).is_file()] if folder.is_dir() else []
    found = [path for _, path in sorted(runs) if (told := read_progress(path)) is not None and told.task == task]
    return found[-1] if found else None


def ask_pause(run: Path, wanted: bool) -> None:
    """Lets a run wait, or go on."""
    if wanted:
        (run / PAUSE).touch()
    else:
        (run / PAUSE).unlink(missing_ok=True)


def forget_run(run: Path) -> None:
    """Removes what a run kept, when its model was offered or it was canceled; the model is elsewhere."""
    with suppress(OSError):
        (run / CANCEL).touch()
    shutil.rmtree(run, ignore_errors=True)


def missing_training_packages() -> list[str]:
    """Names of the packages that training needs and that are not there."""
    return [package for package, module in PACKAGES.items() if importlib.util.find_spec(module) is None]


def tuning_arguments(corrections: Path, model: str, *more: str) -> list[str]:
    """What follows Python on the command line that begins a run, or goes on with it.

    Args:
        more: further options of the program.

    Raises:
        InputError: the training program or its packages are not there.
    """
    if not PROGRAM.is_file():
        raise InputError("The training programs are not installed here; get them from NeuroSpineSeg's sources (Resources/Training).")
    missing = missing_training_packages()
    if missing:
        raise InputError(
            f"Fine-tuning needs Python packages that segmenting does not ({', '.join(missing)}); install them with `python -m pip install {' '.join(missing)}`."
        )
    return ["-c", _START, str(PROGRAM.parents[1]), str(corrections), "--model", model, *more]
