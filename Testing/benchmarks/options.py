"""What the benchmarks' command lines share: common options, and one sentence where something cannot be done."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from neurospineseg.cli.console import say
from neurospineseg.cli.main import BAD_INPUT, CANCELED, DONE, FAULT
from neurospineseg.errors import InputError

TASKS = ("tumor", "spine", "subcortical")


def positive(text: str) -> int:
    """A whole number of at least 1, for ``argparse``."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def new_file(text: str) -> Path:
    """A file that can be made where its folder is, for ``argparse``, so that no long run ends without its figures."""
    path = Path(text)
    if not path.resolve().parent.is_dir():
        raise argparse.ArgumentTypeError(f"There is no folder '{path.parent}' to write '{path.name}' into; make it first.")
    return path


def parser(doc: str, rounds: int | None = 3) -> argparse.ArgumentParser:
    """A parser with the options that every benchmark has; ``doc`` is the program's, its first line the description.

    Args:
        rounds: as many unless others are asked for; None for a program that has none.
    """
    made = argparse.ArgumentParser(description=doc.splitlines()[0])
    if rounds is not None:
        made.add_argument("--rounds", type=positive, default=rounds, help="how often each is measured, in turns (default: %(default)s)")
    made.add_argument("--device", default="cpu", help="auto, cpu, cuda or cuda:N, for all that is compared (default: %(default)s)")
    made.add_argument("--json", type=new_file, metavar="FILE", help="also write the figures into this file")
    made.add_argument("--quick", action="store_true", help="tiny scans and one round: shows that it runs, not how fast")
    return made


def case_options(made: argparse.ArgumentParser, tasks: tuple[str, ...] = TASKS) -> None:
    """Adds which scans are segmented, by which models."""
    made.add_argument(
        "--tasks", nargs="+", choices=TASKS, default=list(tasks), help="default: all" if len(tasks) > 1 else f"default: {tasks[0]}"
    )
    made.add_argument("--model", action="append", default=[], metavar="NAME", help="model instead of its task's default; may be repeated")
    made.add_argument("--cases", type=Path, metavar="FOLDER", help="keep drawn scans here and use those that lie here already")


def ended(main: Callable[[], None]) -> int:
    """Runs a program; what the user must know goes to the standard error as one sentence.

    Returns:
        The exit code, as the shell's ``neurospineseg`` has it.
    """
    try:
        main()
    except InputError as error:
        say(str(error))
        return BAD_INPUT
    except OSError as error:
        say(f"A file could not be read or written: {error}.")
        return FAULT
    except KeyboardInterrupt:
        say("Canceled.")
        return CANCELED
    return DONE
