"""How every training program starts and ends: its options, one sentence for what went wrong, an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from neurospineseg.cli.console import forgive_encoding, say
from neurospineseg.errors import InputError, missing_package
from neurospineseg.errors.of_files import use_failed

FAULT, BAD_INPUT, STOPPED = 1, 2, 130


def run_program(
    parser: argparse.ArgumentParser,
    work: Callable[[argparse.Namespace], int | None],
    arguments: Sequence[str] | None = None,
    *,
    afterwards: str = "",
    stopped: str = "Stopped.",
) -> int:
    """Parses the options and does the work.

    Args:
        work: gets the options; its exit code, None for 0.
        arguments: None for those of the shell.
        afterwards: what is said after a sentence on a file that cannot be read or written; ``stopped`` after Ctrl-C.

    Returns:
        The work's exit code, 1 where a package is missing, 2 where the input is bad or a file cannot be read or written, 130 after Ctrl-C.
    """
    forgive_encoding(sys.stdout, sys.stderr)
    options = parser.parse_args(arguments)
    try:
        return work(options) or 0
    except InputError as error:
        say(str(error))
        return BAD_INPUT
    except OSError as error:
        say(f"{use_failed(error)} {afterwards}".strip())
        return BAD_INPUT
    except ModuleNotFoundError as error:
        say(missing_package(error))
        return FAULT
    except KeyboardInterrupt:
        say(stopped)
        return STOPPED
