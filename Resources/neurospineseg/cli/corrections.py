"""``neurospineseg corrections``: the corrections that were accepted in Slicer, and how the models have been doing."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

from neurospineseg.atomic_files import Outputs
from neurospineseg.cli.console import out, say, table
from neurospineseg.errors import InputError
from neurospineseg.pipeline.correction_history import Correction, read_corrections, write_history
from neurospineseg.tasks.task import task_named

LEAST_COLUMNS = 132
SHOWN_STRUCTURES = 4
"""Of a case; the worst ones."""


def corrections(options: argparse.Namespace) -> None:
    """Runs the command: prints the cases and how each structure went, and writes the table where one is wanted.

    Raises:
        InputError: the folder cannot be read or holds no corrections, or the table has another name than a ``.csv`` file's.
    """
    if options.output is not None and options.output.suffix.lower() != ".csv":
        raise InputError(f"The table '{options.output.name}' is of no kind that can be written; its name must end in .csv.")
    history = read_corrections(options.folder, options.task)
    for problem in history.problems:
        say(problem)
    if not history.corrections:
        what = f" for {options.task}" if options.task else ""
        raise InputError(f"'{options.folder}' holds no corrections{what}; give the folder that was chosen in the panel.")
    console = out()
    console.width = max(console.width, LEAST_COLUMNS)
    for task in sorted({each.task for each in history.corrections}):
        own = [each for each in history.corrections if each.task == task]
        console.print(
            table(f"Corrections for {task}", ("When", "Scan", "Version", "Model", "Mean Dice", "The worst"), [_row(each) for each in own])
        )
        judged = [each for each in history.judged if each.task == task]
        if judged:
            console.print(
                table("Dice before correction, first to last", ("Structure", "Model", "Cases", "Mean", "Over time"), _by_structure(judged))
            )
    teaching = len(history.teaching)
    print(f"{teaching} {'case' if teaching == 1 else 'cases'} in {len(history.corrections)} versions; the newest version of each teaches.")
    if options.output is not None:
        with Outputs([options.output], overwrite=options.overwrite) as outputs:
            write_history(history.corrections, outputs.temporary(options.output))
        print(f"{options.output} written.")


def _row(each: Correction) -> tuple[str, ...]:
    worst = sorted(each.dice.items(), key=lambda item: item[1])[:SHOWN_STRUCTURES]
    words = ", ".join(f"{_name(each.task, key)} {dice:.2f}" for key, dice in worst)
    mean = "-" if each.mean_dice is None else f"{each.mean_dice:.3f}"
    return (
        f"{each.when:%Y-%m-%d %H:%M}",
        each.scan,
        f"{each.version}{' *' if each.is_newest else ''}",
        each.model or "-",
        mean,
        words or "-",
    )


def _by_structure(judged: Sequence[Correction]) -> list[tuple[str, ...]]:
    keys = dict.fromkeys((key, each.model) for each in judged for key in each.dice)
    order = [structure.key for structure in task_named(judged[0].task).structures]
    rows: list[tuple[str, ...]] = []
    for key, model in sorted(keys, key=lambda pair: (order.index(pair[0]) if pair[0] in order else len(order), pair[0])):
        values = [each.dice[key] for each in judged if each.model == model and key in each.dice]
        mean = sum(values) / len(values)
        rows.append((_name(judged[0].task, key), model or "-", str(len(values)), f"{mean:.3f}", _series(values)))
    return rows


def _series(values: Iterable[float]) -> str:
    return " ".join(f"{value:.2f}" for value in values)


def _name(task: str, key: str) -> str:
    return next((structure.name for structure in task_named(task).structures if structure.key == key), key)
