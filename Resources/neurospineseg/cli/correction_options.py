"""The options of the commands that take accepted corrections: ``neurospineseg corrections | fine-tune``."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from neurospineseg.tasks.task import registered_tasks


def add_corrections_command(commands: Any, general: ArgumentParser) -> None:
    corrections = commands.add_parser(
        "corrections",
        help="list accepted corrections and how the model did",
        description="Lists the corrections that were accepted in Slicer: cases with their versions, and the Dice before correction over time.",
        parents=[general],
    )
    corrections.add_argument("folder", type=Path, metavar="FOLDER", help="the one that was chosen in the panel")
    corrections.add_argument("--task", choices=[task.name for task in registered_tasks()], help="only those for this one")
    corrections.add_argument("-o", "--output", type=Path, metavar="TABLE", help="a .csv file with a line for each correction and structure")
    corrections.add_argument("--overwrite", action="store_true", help="replace an existing table")


def add_tuning_command(commands: Any, general: ArgumentParser) -> None:
    tuning = commands.add_parser(
        "fine-tune",
        help="make a new model of one and accepted corrections",
        description="Makes a new model of one and the corrections that were accepted in Slicer, beside the old one; a part is held out, and both models' figures on it are told. Run it again to go on.",
        parents=[general],
    )
    tuning.add_argument("folder", type=Path, metavar="CORRECTIONS", help="the folder that was chosen in the panel")
    tuning.add_argument("--model", required=True, metavar="NAME", help="the model to begin with; it stays as it is")
    tuning.add_argument("--name", help="of the new model; default: the old one's and '_tuned'")
    tuning.add_argument("--models", type=Path, metavar="FOLDER", help="receives the new model; default: the folder of your own models")
    tuning.add_argument("--minutes", type=float, default=10.0, help="about how long it may take; default 10")
    tuning.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
