"""The options of the commands that take masks: ``neurospineseg measure | export | surfaces | follow``."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from neurospineseg.cli.reading_options import add_reading_options
from neurospineseg.cli.run_options import add_levels_option
from neurospineseg.tasks.task import registered_tasks


def _add_task(parser: ArgumentParser) -> None:
    words = "what a label map shows that does not name its segments; its values are then the task's"
    parser.add_argument("--task", choices=[task.name for task in registered_tasks()], help=words)


def add_measure_command(commands: Any, general: ArgumentParser) -> None:
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
    _add_task(measure)
    add_levels_option(measure)
    measure.add_argument("--overwrite", action="store_true", help="replace an existing table")
    add_reading_options(measure)


def add_export_command(commands: Any, general: ArgumentParser) -> None:
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
    _add_task(export)
    export.add_argument("--overwrite", action="store_true", help="replace an existing file")
    add_reading_options(export)


def add_surfaces_command(commands: Any, general: ArgumentParser) -> None:
    surfaces = commands.add_parser(
        "surfaces",
        help="make smooth surfaces of a mask: STL or glTF",
        description="Makes a smooth surface of each structure of a mask: one .glb file (glTF) with names and colors, or a folder of .stl files, in RAS mm.",
        parents=[general],
    )
    surfaces.add_argument("mask", type=Path, metavar="MASK", help="a .seg.nrrd file, or a label map")
    words = "a .glb file for all of them, or a folder that receives an .stl file of each; made where it is not there"
    surfaces.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help=words)
    _add_task(surfaces)
    surfaces.add_argument("--overwrite", action="store_true", help="replace existing files")


def add_follow_command(commands: Any, general: ArgumentParser) -> None:
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
    _add_task(follow)
    follow.add_argument("--overwrite", action="store_true", help="replace existing files")
