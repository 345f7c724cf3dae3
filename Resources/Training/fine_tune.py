"""Fine-tunes a model on the corrections that were accepted in Slicer, and leaves a new model beside the old one.

    python Resources/Training/fine_tune.py CORRECTIONS --model tumor_glioma

A part of the corrections is held out; the new model comes with its figures on it beside the old one's, in its card and here. Stopped by Ctrl-C or
killed, the same command goes on. ``neurospineseg fine-tune`` and the panel's button start this program.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from neurospineseg.cli.console import StageProgress
from neurospineseg.errors import InputError
from neurospineseg.locks import locked
from neurospineseg.models.bundle import find_bundle
from neurospineseg.models.catalog import MODELS_FOLDER, user_models_folder
from neurospineseg.pipeline.fine_tuning import (
    CANCEL,
    DONE,
    FAILED,
    LOG,
    PAUSE,
    PROGRESS,
    Figures,
    TuningProgress,
    forget_run,
    free_name,
    read_progress,
    runs_folder,
    unfinished_run,
    write_progress,
)
from Training.training.program import run_program
from Training.training.tuning import Tuning, fine_tune
from Training.training.tuning_watch import TuningCanceled

POLITE = 5
"""Added to the niceness of the process, so that the window stays responsive."""
OF_A_RUN = (PROGRESS, PAUSE, CANCEL, LOG)
"""What may lie in a run's folder before the run has told anything."""


def main(arguments: list[str] | None = None) -> int:
    return run_program(parser(), run, arguments, stopped="Stopped; the same command goes on from the last epoch.")


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("corrections", type=Path, metavar="CORRECTIONS", help="the folder that was chosen in the panel")
    result.add_argument("--model", required=True, metavar="NAME", help="the model to begin with: its name or folder")
    result.add_argument("--name", help="of the new model; default: the old one's and '_tuned'")
    result.add_argument("--models", type=Path, default=user_models_folder(), metavar="FOLDER", help="receives the new model")
    result.add_argument("--folder", type=Path, metavar="FOLDER", help="of what is needed to go on; default: beside your models")
    result.add_argument("--minutes", type=float, default=10.0, help="about how long it may take; default 10")
    result.add_argument("--keep-run", action="store_true", help="leave that folder when it is done, for who reads the figures there")
    result.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    return result


def run(options: argparse.Namespace) -> int:
    if not options.minutes > 0:
        raise InputError(f"--minutes {options.minutes:g} leaves no time; give more than 0.")
    tuning = _tuning(options)
    tuning.run.parent.mkdir(parents=True, exist_ok=True)
    with locked(tuning.run, f"Another process fine-tunes into '{tuning.name}'"), StageProgress() as bars:
        with suppress(AttributeError, OSError):
            os.nice(POLITE)
        (tuning.run / PAUSE).unlink(missing_ok=True)
        try:
            done = fine_tune(tuning, bars)
        except TuningCanceled:
            shutil.rmtree(tuning.run, ignore_errors=True)
            print("Canceled; nothing was kept, and no model was changed.")
            return 130
        except Exception as error:
            _tell_failure(tuning.run, str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}")
            raise
    _print(tuning, done)
    if not options.keep_run:
        forget_run(tuning.run)
    return 0


def _tuning(options: argparse.Namespace) -> Tuning:
    """What is asked for; a run of the same corrections and model that was stopped is gone on with."""
    bundle = find_bundle(options.model)
    if bundle.spec.role != "segment":
        raise InputError(f"The model '{bundle.spec.name}' segments nothing by itself; choose one that does.")
    run, name = options.folder, options.name
    if run is None and name is None:
        found = unfinished_run(bundle.spec.task)
        told = found and read_progress(found)
        if (
            found
            and told
            and told.state != DONE
            and (told.model, told.corrections) == (bundle.spec.name, str(options.corrections.resolve()))
        ):
            run, name = found, told.name
    told = read_progress(run) if run is not None else None
    name = name or (told.name if told is not None else free_name(bundle.spec.name))
    _check(name, run if told is None else None)
    return Tuning(options.corrections, options.model, name, options.models, run or runs_folder() / name, options.minutes, options.device)


def _check(name: str, run: Path | None) -> None:
    """
    Args:
        run: a folder that was given and tells of no run; it would be removed in the end.

    Raises:
        InputError: no model can be called so, one that came with the program is, or the folder holds something else.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,79}", name):
        raise InputError(f"'{name}' cannot be the name of a model; take letters, digits, dots, dashes and underscores.")
    if (MODELS_FOLDER / name).exists():
        raise InputError(
            f"A model that came with the program is called '{name}', and the new one would be taken for it; give another --name."
        )
    known = run is None or not run.exists() or (run / PROGRESS).is_file()
    if run is not None and not known and (not run.is_dir() or any(each.name not in OF_A_RUN for each in run.iterdir())):
        raise InputError(f"'{run}' holds something else than a fine-tuning, and would be removed when it is done; give another --folder.")


def _tell_failure(run: Path, sentence: str) -> None:
    told = read_progress(run)
    if told is not None:
        with suppress(OSError):
            write_progress(run, replace(told, state=FAILED, message=sentence))


def _print(tuning: Tuning, done: TuningProgress) -> None:
    for figures, what in ((done.corrected, "corrected cases held out"), (done.drawn, "drawn cases as the old model knew them")):
        if isinstance(figures, Figures):
            print(f"Mean Dice on {figures.cases} {what}: {figures.old:.3f} with {done.model}, {figures.new:.3f} with {done.name}.")
    print(f"The model '{done.name}' is in {tuning.models / done.name}; the panel offers it, and '{done.model}' stays as it is.")


if __name__ == "__main__":
    sys.exit(main())
