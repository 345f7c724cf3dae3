"""The options of ``neurospineseg models`` and its actions."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from neurospineseg.tasks.task import registered_tasks

ADD = (
    "Adds a model to your own models, whose folder is .neurospineseg/models in your home folder: a MONAI Bundle as the Model Zoo publishes "
    "them, or a model of this program. It is read as data: what would have to be run is refused."
)


def add_models_command(commands: Any, general: argparse.ArgumentParser) -> None:
    """Adds the command with the actions list, add, remove and export."""
    models = commands.add_parser(
        "models",
        help="list, add, remove or export models",
        description="Lists the installed models; adds, removes and exports them.",
        parents=[general],
    )
    actions = models.add_subparsers(dest="action", metavar="ACTION", parser_class=type(models))
    actions.add_parser("list", help="list the installed models", description="Lists the installed models.", parents=[general])
    add = actions.add_parser("add", help="add somebody else's model", description=ADD, parents=[general])
    add.add_argument("path", type=Path, metavar="PATH", help="the folder or the zip file of the model")
    add.add_argument("--name", metavar="NAME", help="what it is to be called; by default as the folder or the zip file")
    words = "for which command and panel it is; by default the one that knows its labels"
    add.add_argument("--task", choices=[task.name for task in registered_tasks()], help=words)
    words = 'which scan a channel of the model is, such as "post-contrast=t1c"; only for names that are not understood'
    add.add_argument("--channel", action="append", default=[], metavar="NAME=SCAN", help=words)
    words = 'which structure a label of the model is, or what its segment is called, such as "class 3=edema"; others have the model\'s own names'
    add.add_argument("--label", action="append", default=[], metavar="NAME=STRUCTURE", help=words)
    remove = actions.add_parser(
        "remove", help="remove a model that was added", description="Removes a model from your own models.", parents=[general]
    )
    remove.add_argument("name", metavar="NAME", help="a name that `neurospineseg models` lists")
    export = actions.add_parser(
        "export",
        help="write one as a plain MONAI Bundle",
        description="Writes a model as a bundle in single precision, which MONAI runs.",
        parents=[general],
    )
    export.add_argument("name", metavar="NAME", help="a name that `neurospineseg models` lists, or a bundle's folder")
    export.add_argument("folder", type=Path, metavar="DIR", help="receives the bundle's folder")
