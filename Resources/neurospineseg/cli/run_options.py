"""The options of a run on a command line, shared by ``segment`` and ``batch``."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurospineseg.pipeline.settings import Settings


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Options whose names are those of fields of ``Settings``."""
    parser.add_argument("--model", metavar="NAME", help="a name that `neurospineseg models` lists, or a bundle's folder")
    parser.add_argument("--device", default="auto", help="auto (CUDA, then MPS, then CPU), cpu, cuda, cuda:N or mps")
    parser.add_argument("--structures", metavar="A,B", help="keep only these structures")
    words = "also measure what was found: a table of sizes, angles and volumes, see `neurospineseg measure`"
    parser.add_argument("--measure", action="store_true", help=words)
    words = "also write DICOM SEG, for scans that came as DICOM images: MASK.seg.dcm"
    parser.add_argument("--dicom-seg", dest="dicom", action="append_const", const="seg", default=[], help=words)
    words = "also write DICOM RTSTRUCT, likewise: MASK.rtstruct.dcm"
    parser.add_argument("--rtstruct", dest="dicom", action="append_const", const="rtstruct", help=words)
    parser.add_argument("--force", action="store_true", help="segment scans too that do not look like what the model expects")
    parser.add_argument("--anyway", dest="force", action="store_true", help=argparse.SUPPRESS)  # its name before


def add_host_options(parser: argparse.ArgumentParser) -> None:
    """For commands that another computer may do the work of."""
    words = "another computer that does the work, as ssh knows it, such as workstation or me@10.0.0.7; nothing stays there"
    parser.add_argument("--host", metavar="NAME", help=words)
    words = "the Python there that has NeuroSpineSeg, such as ~/venv/bin/python; default: python3"
    parser.add_argument("--host-python", metavar="COMMAND", help=words)


def add_register_option(parser: argparse.ArgumentParser) -> None:
    """For commands of tasks that take several scans."""
    parser.add_argument("--register", action="store_true", help="align the scans rigidly to the reference first")


def add_levels_option(parser: argparse.ArgumentParser) -> None:
    """For commands that name vertebrae."""
    words = "another mask of the same patient in the same space, such as a whole-spine localizer's, whose vertebrae give theirs their names"
    parser.add_argument("--levels-from", type=Path, metavar="MASK", help=words)


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings of a parsed command line; a command need not offer every option.

    Raises:
        InputError: a value cannot be used.
    """
    from neurospineseg.pipeline.settings import Settings

    names = {each.name for each in fields(Settings)}
    return Settings.of({name: value for name, value in vars(options).items() if name in names})
