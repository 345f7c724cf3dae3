"""Reading a scan as the options of the shell say."""

from __future__ import annotations

import argparse
from pathlib import Path

from neurospineseg.cli.console import say
from neurospineseg.images.volume import Volume, read_volume


def read_scan(path: Path, options: argparse.Namespace, compact: bool = False) -> Volume:
    """A scan read with the options of ``add_reading_options``; what is to be known of it is said. For ``compact`` see ``read_volume``.

    Raises:
        InputError: it cannot be read.
    """
    scan = read_volume(
        path,
        frame=options.frame,
        orientation=options.orientation,
        spacing=options.spacing,
        volume=next(iter(options.volume), None),
        compact=compact,
    )
    for note in scan.notes:
        say(f"Warning: {note}")
    return scan
