"""The shell: ``neurospineseg segment | batch | view | measure | export | surfaces | follow | corrections | fine-tune | models | doctor | wheels``.

Exit codes: 0 done, 1 the program or the computer failed, 2 bad input, 130 canceled.
Nothing heavy is imported before a command needs it, so that ``--help`` is quick.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from neurospineseg import __version__
from neurospineseg.cli.models_options import add_models_command
from neurospineseg.cli.reading_options import add_reading_options
from neurospineseg.cli.run_options import add_host_options, add_levels_option, add_register_option, add_run_options
from neurospineseg.cli.view_options import add_view_command
from neurospineseg.errors import ImplausibleInput, InputError, missing_package
from neurospineseg.errors.of_files import is_of_the_system, use_failed
from neurospineseg.tasks.task import Task, refused_declarations, registered_tasks

DONE, FAULT, BAD_INPUT, CANCELED = 0, 1, 2, 130


class _Parser(argparse.ArgumentParser):
    """Answers a wrong command line with one sentence, not with the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}; see `{self.prog} --help`.")


def _left_out() -> list[str]:
    """What ``--help`` says of tasks that could not be used; a percent sign would be a placeholder there."""
    return [f"Task left out: {sentence}".replace("%", "%%") for sentence in refused_declarations()]


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = _Parser(
        prog="neurospineseg",
        description="Segments subcortical nuclei, the spine and gliomas on a scan's own grid. Research only; not for clinical use.",
        epilog=" ".join(["Exit codes: 0 done, 1 the program or the computer failed, 2 bad input, 130 canceled.", *_left_out()]),
    )
    parser.add_argument("--version", action="version", version=f"NeuroSpineSeg {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    general = _Parser(add_help=False)
    general.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an unexpected failure")

    segment = commands.add_parser("segment", help="segment a scan", description="Segments a scan.")
    tasks = segment.add_subparsers(dest="task", required=True, metavar="TASK", parser_class=_Parser)
    shared = _segment_options()
    for task in registered_tasks():
        what = f"Segments the {task.summary}."
        _channel_options(tasks.add_parser(task.name, help=task.summary, description=what, parents=[shared, general]), task)

    batch = commands.add_parser(
        "batch",
        help="segment every case of a folder",
        description="Segments every case of a folder; run it again to go on.",
        parents=[general],
    )
    batch.add_argument("task", choices=[task.name for task in registered_tasks()])
    batch.add_argument(
        "folder",
        type=Path,
        metavar="FOLDER",
        help="holds the cases: scans or DICOM folders, BIDS, BraTS or nnU-Net's raw data; several scans of a case side by side or in a subfolder",
    )
    batch.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="receives CASE.seg.nrrd, CASE.json, summary.csv, report.html")
    words = "spread the cases over the workers of a Dask cluster, such as tcp://scheduler:8786, which see the folders under the same paths"
    batch.add_argument("--dask", metavar="ADDRESS", help=words)
    _match_options(batch)
    add_register_option(batch)
    add_run_options(batch)
    add_reading_options(batch)

    add_view_command(commands, general)
    _measure_options(commands, general)
    _follow_options(commands, general)
    _export_options(commands, general)
    _surfaces_options(commands, general)
    _corrections_options(commands, general)
    _tuning_options(commands, general)
    add_models_command(commands, general)
    doctor = commands.add_parser(
        "doctor", help="what is installed, which device, how fast", description="Checks the installation.", parents=[general]
    )
    add_host_options(doctor)
    _wheels_options(commands, general)
    return parser


def _match_options(batch: _Parser) -> None:
    batch.add_argument("--list", action="store_true", help="show which file is which scan of which case, and why; segment nothing")
    words = "write that as a table, which may be changed and given with --cases; segment nothing"
    batch.add_argument("--list-to", type=Path, metavar="TABLE.csv", help=words)
    batch.add_argument("--cases", type=Path, metavar="TABLE.csv", help="segment the cases of this table; paths in it begin in FOLDER")


def _measure_options(commands: Any, general: _Parser) -> None:
    measure = commands.add_parser(
        "measure",
        help="read sizes, angles and volumes off masks",
        description="Reads sizes, angles and volumes off masks of this or another program, into a table.",
        parents=[general],
    )
    words = ".seg.nrrd files with named segments, or label maps; of several, each becomes a row of the table"
    measure.add_argument("masks", type=Path, nargs="+", metavar="MASK", help=words)
    measure.add_argument("-o", "--output", type=Path, required=True, metavar="TABLE", help="the .csv or .json file to write")
    measure.add_argument("--scan", type=Path, metavar="SCAN", help="what the mask was made of, for measures that look at the image")
    words = "what a label map shows that does not name its segments; its values are then the task's"
    measure.add_argument("--task", choices=[task.name for task in registered_tasks()], help=words)
    add_levels_option(measure)
    measure.add_argument("--overwrite", action="store_true", help="replace an existing table")
    add_reading_options(measure)


def _export_options(commands: Any, general: _Parser) -> None:
    export = commands.add_parser(
        "export",
        help="write a mask for an archive: DICOM SEG or RTSTRUCT",
        description="Writes a mask that lies in a file for an archive: as DICOM SEG or RTSTRUCT, on the DICOM images that it was made of.",
        parents=[general],
    )
    export.add_argument("mask", type=Path, metavar="MASK", help="a .seg.nrrd file, or a label map")
    words = "the file to write: .dcm for DICOM SEG, .rtstruct.dcm for DICOM RTSTRUCT"
    export.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help=words)
    export.add_argument("--scan", type=Path, metavar="SCAN", help="the DICOM images that the mask was made of")
    words = "what a label map shows that does not name its segments; its values are then the task's"
    export.add_argument("--task", choices=[task.name for task in registered_tasks()], help=words)
    export.add_argument("--overwrite", action="store_true", help="replace an existing file")
    add_reading_options(export)


def _surfaces_options(commands: Any, general: _Parser) -> None:
    surfaces = commands.add_parser(
        "surfaces",
        help="make smooth surfaces of a mask: STL or glTF",
        description="Makes a smooth surface of each structure of a mask: one .glb file (glTF) with names and colors, or a folder of .stl files, in RAS mm.",
        parents=[general],
    )
    surfaces.add_argument("mask", type=Path, metavar="MASK", help="a .seg.nrrd file, or a label map")
    words = "a .glb file for all of them, or a folder that receives an .stl file of each; made where it is not there"
    surfaces.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help=words)
    words = "what a label map shows that does not name its segments; its values are then the task's"
    surfaces.add_argument("--task", choices=[task.name for task in registered_tasks()], help=words)
    surfaces.add_argument("--overwrite", action="store_true", help="replace existing files")


def _follow_options(commands: Any, general: _Parser) -> None:
    follow = commands.add_parser(
        "follow",
        help="compare studies of one patient",
        description="Compares masks of one patient, the earliest first: each number by date, its change from the first study and from the lowest.",
        parents=[general],
    )
    follow.add_argument("masks", type=Path, nargs="+", metavar="MASK", help="two or more, the earliest first")
    follow.add_argument("-o", "--output", type=Path, required=True, metavar="TABLE", help="the .csv file to write")
    words = (
        "one for each mask, of the same visit, by which later studies are laid on the first; without them masks are compared as they lie"
    )
    follow.add_argument("--scans", type=Path, nargs="+", default=[], metavar="SCAN", help=words)
    follow.add_argument(
        "--dates", nargs="+", default=[], metavar="DATE", help="one for each mask, such as 2024-05-31; by default the files' names"
    )
    follow.add_argument("--plot", type=Path, metavar="PLOT", help="also draw volumes and diameters over time, into this .svg file")
    words = "also write, beside the table, DATE_change.seg.nrrd: what has grown and shrunk since the first study"
    follow.add_argument("--maps", action="store_true", help=words)
    words = "what is looked at for these maps, such as whole_tumor; by default the tumor core, or all structures of another task"
    follow.add_argument("--of", metavar="STRUCTURE", help=words)
    words = "what a label map shows that does not name its segments; its values are then the task's"
    follow.add_argument("--task", choices=[task.name for task in registered_tasks()], help=words)
    follow.add_argument("--overwrite", action="store_true", help="replace existing files")


def _corrections_options(commands: Any, general: _Parser) -> None:
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


def _tuning_options(commands: Any, general: _Parser) -> None:
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


def _wheels_options(commands: Any, general: _Parser) -> None:
    wheels = commands.add_parser(
        "wheels",
        help="fill a folder with packages for a computer without a network",
        description="Fills a folder with all packages that the program needs, for a computer without a network; run it again to go on.",
        parents=[general],
    )
    wheels.add_argument("folder", type=Path, metavar="DIR", help="receives the wheels; those that are there are kept")
    wheels.add_argument("--python", metavar="VERSION", help="of Python on that computer, such as 3.12 (Slicer 5.12's); default: this one's")
    wheels.add_argument(
        "--platform", metavar="SYSTEM", help="that computer's: win_amd64, manylinux_2_28_x86_64, macosx_14_0_arm64, ...; default: this one"
    )


def _channel_options(parser: argparse.ArgumentParser, task: Task) -> None:
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


def _add_scan(parser: argparse.ArgumentParser, key: str, words: str) -> str:
    """Adds the option of a channel and returns it."""
    for option in (f"--{key}", f"--scan-{key}"):
        try:
            parser.add_argument(option, dest=f"scan:{key}", type=Path, metavar="SCAN", help=words)
        except argparse.ArgumentError:
            continue
        return option
    raise InputError(f"The channel '{key}' is named like an option of the shell; give it another key.")


def _segment_options() -> _Parser:
    shared = _Parser(add_help=False)
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


def _with_joined_values(arguments: Sequence[str]) -> list[str]:
    """``--roi -10,20,...`` as ``--roi=-10,20,...``, because argparse takes a leading minus for an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--roi":
            joined[-1] = f"--roi={argument}"
        else:
            joined.append(argument)
    return joined


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code; the message of a failure is one sentence on the standard error."""
    from neurospineseg.cli.console import forgive_encoding, say

    forgive_encoding(sys.stdout, sys.stderr)
    arguments = _with_joined_values(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    try:
        return _run(_parsed(arguments), debug)
    except ImplausibleInput as error:
        say(f"{error} With --force it is segmented all the same.")
        return BAD_INPUT
    except InputError as error:
        say(str(error))
        return BAD_INPUT
    except KeyboardInterrupt as stop:
        say(str(stop) or "Canceled; nothing was written.")
        return CANCELED
    except BrokenPipeError:
        return FAULT
    except Exception as error:  # the last place where a failure can become a sentence
        if debug:
            traceback.print_exc()
        say(_sentence_of(error))
        return FAULT


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The parsed command line; with a wrong one, the tasks that were left out are named too."""
    from neurospineseg.cli.console import say

    try:
        return make_parser().parse_args(arguments)
    except InputError:
        for sentence in refused_declarations():
            say(f"Task left out: {sentence}")
        raise


def _run(options: argparse.Namespace, debug: bool) -> int:
    with warnings.catch_warnings():
        if not debug:
            warnings.simplefilter("ignore")
            logging.disable(logging.CRITICAL)
        previous = _cancel_on_terminate()
        try:
            if options.command == "segment":
                from neurospineseg.cli.segment import segment

                segment(options)
            elif options.command == "batch":
                from neurospineseg.cli.batch import batch

                return DONE if batch(options) else BAD_INPUT
            elif options.command == "view":
                from neurospineseg.cli.view import view

                view(options)
            elif options.command == "measure":
                from neurospineseg.cli.measure import measure_masks

                return DONE if measure_masks(options) else BAD_INPUT
            elif options.command == "export":
                from neurospineseg.cli.export import export

                export(options)
            elif options.command == "surfaces":
                from neurospineseg.cli.surfaces import surfaces

                surfaces(options)
            elif options.command == "follow":
                from neurospineseg.cli.follow import follow_studies

                follow_studies(options)
            elif options.command == "corrections":
                from neurospineseg.cli.corrections import corrections

                corrections(options)
            elif options.command == "fine-tune":
                from neurospineseg.cli.fine_tune import fine_tune

                return fine_tune(options)
            elif options.command == "models":
                from neurospineseg.cli.models import models

                models(options)
            elif options.command == "wheels":
                from neurospineseg.cli.wheels import wheels

                wheels(options)
            elif options.host is not None:
                from neurospineseg.cli.other_host import examine_host

                examine_host(options)
            else:
                from neurospineseg.cli.doctor import examine

                return DONE if examine() else FAULT
        finally:
            logging.disable(logging.NOTSET)
            if previous is not None:
                signal.signal(signal.SIGTERM, previous)
    return DONE


def _cancel_on_terminate() -> Any:
    """Lets a polite request to end (SIGTERM) clean up as Ctrl-C does; the former handler, None off the main thread."""

    def cancel(number: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt

    try:
        return signal.signal(signal.SIGTERM, cancel)
    except ValueError:
        return None


def _sentence_of(error: Exception) -> str:
    words = str(error).lower()
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "not enough memory" in words
        or "can't allocate memory" in words
    ):
        return "The computer ran out of memory; close other programs or segment a part of the scan with --roi."
    if isinstance(error, OSError) and is_of_the_system(error):
        return str(use_failed(error))
    if isinstance(error, ImportError):
        return missing_package(error)
    return f"This is a fault of the program ({type(error).__name__}); run the command again with --debug and report what it prints."
