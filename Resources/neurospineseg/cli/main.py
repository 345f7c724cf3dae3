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
from neurospineseg.cli.batch_options import add_batch_command
from neurospineseg.cli.correction_options import add_corrections_command, add_tuning_command
from neurospineseg.cli.mask_options import add_export_command, add_follow_command, add_measure_command, add_surfaces_command
from neurospineseg.cli.models_options import add_models_command
from neurospineseg.cli.run_options import add_host_options
from neurospineseg.cli.segment_options import add_segment_command
from neurospineseg.cli.view_options import add_view_command
from neurospineseg.errors import ImplausibleInput, InputError, missing_package
from neurospineseg.errors.of_files import is_of_the_system, use_failed
from neurospineseg.tasks.task import refused_declarations

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

    add_segment_command(commands, general)
    add_batch_command(commands, general)
    add_view_command(commands, general)
    add_measure_command(commands, general)
    add_follow_command(commands, general)
    add_export_command(commands, general)
    add_surfaces_command(commands, general)
    add_corrections_command(commands, general)
    add_tuning_command(commands, general)
    add_models_command(commands, general)
    doctor = commands.add_parser(
        "doctor", help="what is installed, which device, how fast", description="Checks the installation.", parents=[general]
    )
    add_host_options(doctor)
    _wheels_options(commands, general)
    return parser


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
