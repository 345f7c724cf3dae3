"""``neurospineseg measure``: the sizes and angles of masks that lie in files, as a table."""

from __future__ import annotations

import argparse

from neurospineseg.atomic_files import Outputs
from neurospineseg.cli.console import say
from neurospineseg.cli.measured import measured_file, show
from neurospineseg.cli.scan_file import read_scan
from neurospineseg.errors import InputError
from neurospineseg.measurements.measurement import Measurements
from neurospineseg.measurements.table import table_ending, write_table, write_wide_table


def measure_masks(options: argparse.Namespace) -> bool:
    """Runs the command: one mask into a table with a row for each number, several into one with a row for each mask.

    Returns:
        Whether every mask was measured.
    """
    several = len(options.masks) > 1
    if table_ending(options.output) != ".csv" and several:
        raise InputError("Several masks go into one table; its name must end in .csv.")
    if several and options.scan is not None:
        raise InputError("A scan belongs to one mask; measure each with its own.")
    if len(set(options.masks)) < len(options.masks):
        raise InputError("A mask is given twice; give each once.")
    if several and options.levels_from is not None:
        raise InputError("Another mask gives one mask its levels; measure each with its own.")
    if options.scan is None and (options.frame is not None or options.orientation or options.spacing or options.volume):
        raise InputError("--frame, --volume, --orientation and --spacing tell how a scan is read; give it with --scan.")
    with Outputs([options.output], inputs=[*options.masks], overwrite=options.overwrite) as outputs:
        found = _measured(options, several)
        if not found:
            raise InputError("None of the masks could be measured.")
        new = outputs.temporary(options.output)
        if several:
            write_wide_table(found, new)
        else:
            write_table(next(iter(found.values())), new)
    if not several:
        show(next(iter(found.values())))
    print(f"{options.output} written. Not for clinical use.")
    return len(found) == len(options.masks)


def _measured(options: argparse.Namespace, several: bool) -> dict[str, Measurements]:
    """By the masks' names, or by their paths where two have the same; what is wrong with one of several is said."""
    names = [path.name for path in options.masks]
    scan = None if options.scan is None else read_scan(options.scan, options)
    found = {}
    for number, path in enumerate(options.masks):
        try:
            found[path.name if names.count(path.name) == 1 else str(path)] = measured_file(path, options.task, scan, options.levels_from)
        except InputError as error:
            if not several:
                raise
            say(f"{path}: {error}")
        if several:
            say(f"{number + 1} of {len(options.masks)}: {path.name}")
    return found
