"""The options of ``neurospineseg batch``."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from neurospineseg.cli.reading_options import add_reading_options
from neurospineseg.cli.run_options import add_register_option, add_run_options
from neurospineseg.tasks.task import registered_tasks


def add_batch_command(commands: Any, general: ArgumentParser) -> None:
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


def _match_options(batch: ArgumentParser) -> None:
    batch.add_argument("--list", action="store_true", help="show which file is which scan of which case, and why; segment nothing")
    words = "write that as a table, which may be changed and given with --cases; segment nothing"
    batch.add_argument("--list-to", type=Path, metavar="TABLE.csv", help=words)
    batch.add_argument("--cases", type=Path, metavar="TABLE.csv", help="segment the cases of this table; paths in it begin in FOLDER")
