"""``neurospineseg follow``: two or more studies of one patient as a table by date, and maps of what has grown and shrunk."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from itertools import pairwise
from pathlib import Path

from neurospineseg.atomic_files import Outputs
from neurospineseg.cli.console import out, say, table
from neurospineseg.cli.mask_file import mask_of_study
from neurospineseg.errors import InputError
from neurospineseg.images.segmentation_file import FileSegment, write_segmentation
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.measurements.change_plot import write_plot
from neurospineseg.measurements.change_table import GROWN, SHRUNK
from neurospineseg.measurements.over_time import Change, write_changes
from neurospineseg.measurements.rano import SOURCE, VERSION
from neurospineseg.pipeline.follow_up import FollowUp, Study, follow
from neurospineseg.tasks.task import task_named

SHOWN = (
    "volume",
    "sum_of_products",
    "longest_diameter",
    "body_height_front",
    "body_height_middle",
    "body_height_back",
    "disc_height_middle",
)
"""Keys of the measurements whose changes are printed; the table holds all."""
SEGMENTS = (FileSegment("grown", "Grown", GROWN, (226, 60, 60)), FileSegment("shrunk", "Shrunk", SHRUNK, (60, 120, 226)))


def follow_studies(options: argparse.Namespace) -> None:
    """Runs the command: prints how the volumes changed, writes the table and, where they are wanted, the maps."""
    task, studies = _studies(options)
    structures = _structures(task, options.of)
    maps = [options.output.with_name(f"{study.name}_change.seg.nrrd") for study in studies[1:]] if options.maps else []
    plots = [options.plot] if options.plot is not None else []
    if plots and plots[0].suffix.lower() != ".svg":
        raise InputError(f"The plot '{plots[0].name}' is of no kind that can be drawn; its name must end in .svg.")
    if len({path.absolute() for path in (options.output, *maps, *plots)}) < 1 + len(maps) + len(plots):
        raise InputError("The table, the plot and the maps are files of their own; give each another name.")
    inputs = [*options.masks, *options.scans]
    with ExitStack() as stack:
        drawn = [stack.enter_context(Outputs([path], inputs=inputs, overwrite=options.overwrite)) for path in plots]
        outputs = stack.enter_context(Outputs([options.output, *maps], inputs=inputs, overwrite=options.overwrite))
        found = follow(studies, task, structures)
        write_changes(found.changes, outputs.temporary(options.output), found.lines)
        for path, output in zip(plots, drawn):
            write_plot(found.changes, found.lines, output.temporary(path))
        for path, changed in zip(maps, found.maps):
            write_segmentation(changed, SEGMENTS, outputs.temporary(path))
    _show(found)
    beside = f", and {len(maps)} {'map' if len(maps) == 1 else 'maps'} beside it" if maps else ""
    print(f"{options.output} written{beside}. Not for clinical use.")


def _studies(options: argparse.Namespace) -> tuple[str, list[Study]]:
    masks: Sequence[Path] = options.masks
    if len(masks) < 2:
        raise InputError("There is one mask only; give two or more of the same patient, the earliest first.")
    for given, called in ((options.scans, "--scans"), (options.dates, "--dates")):
        if given and len(given) != len(masks):
            raise InputError(f"There are {len(masks)} masks but {len(given)} {called}; give one for each mask, in the same order.")
    names = _names(options.dates or [path.name.split(".")[0] for path in masks])
    scans: list[Volume | None] = [read_volume(path) for path in options.scans]
    for path, scan in zip(options.scans, scans):
        for note in scan.notes if scan else ():
            say(f"Warning: {path.name}: {note}")
    tasks, studies = [], []
    for name, path, scan in zip(names, masks, scans or [None] * len(masks)):
        labels, task, keys = mask_of_study(path, options.task)
        tasks += [task] if task is not None else []
        studies.append(Study(name, labels, keys, scan))
    if len(set(tasks)) > 1:
        raise InputError(f"The masks are of different kinds ({', '.join(dict.fromkeys(tasks))}); give masks of one.")
    if not any(study.names for study in studies) or (tasks[0] != "tumor" and not all(study.names for study in studies)):
        empty = next(path.name for path, study in zip(masks, studies) if not study.names)
        raise InputError(f"The mask '{empty}' is empty; give one that holds segments.")
    return tasks[0], studies


def _names(names: Sequence[str]) -> Sequence[str]:
    """The names of studies.

    Raises:
        InputError: one cannot begin a file's name, or they are dates of which a later one is given first.
    """
    for name in names:
        if not name or name.startswith(".") or "/" in name or "\\" in name:
            raise InputError(f"The date '{name}' cannot be part of a file's name; write it like 2024-05-31.")
    try:
        dates = [date.fromisoformat(name) for name in names]
    except ValueError:
        return names
    late = next((later for earlier, later in pairwise(dates) if later < earlier), None)
    if late is not None:
        raise InputError(f"{late} is given after a later date; give the masks, and what belongs to them, the earliest first.")
    return names


def _structures(task: str, of: str | None) -> list[str]:
    """Keys of the structures whose union is followed: all of the task, one of them, or those of a union of the task's."""
    declared = task_named(task)
    keys, unions = [structure.key for structure in declared.structures], {union.key: list(union.parts) for union in declared.composites}
    if of is None:
        return unions.get("tumor_core", keys)
    if of in unions:
        return unions[of]
    return [declared.structure(of).key]


def _show(found: FollowUp) -> None:
    for note in found.notes:
        say(f"Note: {note}")
    followed = [each for each in found.changes if each.measured.key in SHOWN]
    cells = [
        (each.study, each.measured.text, _first(each), _lowest(each), f"{each.measured.place_name}: {each.measured.name}")
        for each in followed
    ]
    cells += [(VERSION, f"{line.value:.1f} {line.unit}".replace("mm2", "mm²"), "", "", f"Line: {line.name}") for line in found.lines]
    out().print(table(None, ("Study", "Value", "Since first", "Since lowest", "What"), cells, right=(1, 2, 3)))
    if found.lines:
        say(f"Note: Lines are those of {VERSION} ({SOURCE}), which takes more than sizes: they are no category.")


def _first(each: Change) -> str:
    return _signed(each.from_first, each.from_first_percent)


def _lowest(each: Change) -> str:
    return _signed(each.from_lowest, each.from_lowest_percent)


def _signed(difference: float | None, percent: float | None) -> str:
    return "-" if difference is None else f"{difference:+.2f}" if percent is None else f"{difference:+.2f} ({percent:+.0f} %)"
