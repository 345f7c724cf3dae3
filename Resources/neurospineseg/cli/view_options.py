"""The options of ``neurospineseg view``."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from neurospineseg.cli.reading_options import add_reading_options


def add_view_command(commands: Any, general: ArgumentParser) -> None:
    words = "show a scan and its mask in the browser, or make an HTML page of them"
    text = (
        "Shows slices, surfaces and measurements of a scan and its mask in the browser, and segments what is dropped there; "
        "with -o writes one HTML page instead. The browser talks to this computer alone; Ctrl-C ends it."
    )
    view = commands.add_parser("view", help=words, description=text, parents=[general])
    view.add_argument("image", type=Path, nargs="?", metavar="SCAN")
    words = "a .seg.nrrd or label map that `segment` or another program wrote; the .json beside it is used"
    view.add_argument("mask", type=Path, nargs="?", metavar="MASK", help=words)
    view.add_argument("--also", type=Path, action="append", default=[], metavar="SCAN", help="another scan to look at, such as a FLAIR")
    view.add_argument("--port", type=int, default=0, metavar="N", help="of the page's address; default: any that is free")
    view.add_argument("--no-browser", action="store_true", help="print the address and open nothing")
    view.add_argument("-o", "--output", type=Path, metavar="PAGE", help="write this .html file and open nothing")
    view.add_argument("--measure", action="store_true", help="with -o: show too what `neurospineseg measure` reads off the mask, and where")
    view.add_argument("--overwrite", action="store_true", help="replace an existing page")
    add_reading_options(view)
