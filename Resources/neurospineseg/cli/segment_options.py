"""The options of ``neurospineseg segment``: a command for each task, with its scans."""

from __future__ import annotations

from argparse import ArgumentError, ArgumentParser
from pathlib import Path
from typing import Any

from neurospineseg.cli.reading_options import add_reading_options
from neurospineseg.cli.run_options import add_host_options, add_levels_option, add_register_option, add_run_options
from neurospineseg.errors import InputError
from neurospineseg.tasks.task import Task, registered_tasks


def add_segment_command(commands: Any, general: ArgumentParser) -> None:
    segment = commands.add_parser("segment", help="segment a scan", description="Segments a scan.")
    tasks = segment.add_subparsers(dest="task", required=True, metavar="TASK", parser_class=type(segment))
    shared = _segment_options()
    for task in registered_tasks():
        what = f"Segments the {task.summary}."
        _channel_options(tasks.add_parser(task.name, help=task.summary, description=what, parents=[shared, general]), task)


def _segment_options() -> ArgumentParser:
    shared = ArgumentParser(add_help=False)
    shared.add_argument(
        "-o", "--output", type=Path, required=True, metavar="MASK", help="the file to write: .seg.nrrd, .nii.gz, .nii, .nrrd or .mha"
    )
    shared.add_argument(
        "--roi",
        dest="region",
        metavar="BOX",
        help='"R low,R high,A low,A high,S low,S high" in mm (RAS), or auto for all that is not air; only inside it is anything segmented (a model that looks for its own region does so with auto)',
    )
    add_run_options(shared)
    add_host_options(shared)
    shared.add_argument("--page", action="store_true", help="also write an HTML page with pictures beside the mask")
    shared.add_argument("--no-sidecar", action="store_true", help="do not write the .json report beside the mask")
    shared.add_argument("--overwrite", action="store_true", help="replace existing outputs")
    add_reading_options(shared)
    return shared


def _channel_options(parser: ArgumentParser, task: Task) -> None:
    """A positional scan for a task that takes one, an option for each of several.

    A channel that is named like an option of the shell gets ``--scan-KEY``. The parsed scans are ``scan:KEY``, beside the shell's own values.
    """
    if task.registers:
        add_register_option(parser)
    if task.renumbers:
        add_levels_option(parser)
    options: dict[str, str] = {}
    if task.single:
        words = "NIfTI, NRRD, MHA/MHD or Analyze file, or a folder with DICOM images"
        parser.add_argument(f"scan:{task.channels[0].key}", type=Path, metavar="SCAN", help=words)
        options[task.channels[0].key] = "SCAN"
    else:
        order = ", ".join(task.channel_keys)
        for channel in task.channels:
            words = f"{channel.name} scan; the first given of {order} is the reference"
            options[channel.key] = _add_scan(parser, channel.key, words)
    parser.set_defaults(channels=options)


def _add_scan(parser: ArgumentParser, key: str, words: str) -> str:
    """Adds the option of a channel and returns it."""
    for option in (f"--{key}", f"--scan-{key}"):
        try:
            parser.add_argument(option, dest=f"scan:{key}", type=Path, metavar="SCAN", help=words)
        except ArgumentError:
            continue
        return option
    raise InputError(f"The channel '{key}' is named like an option of the shell; give it another key.")
