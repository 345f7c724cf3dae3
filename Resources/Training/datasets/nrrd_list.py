"""A text file with one case a line: image.nrrd,label.nrrd (NIfTI and MHA are read too).

Paths are relative to the list's folder; empty lines and lines that begin with # are passed over. --labels says which
values in the files are which class: vertebra_body=20-24,disc=50 or edema=2+3. With --cube each case becomes a cube of that
many voxels around what is labeled; with --copies each training case gets as many altered copies (turned, blurred, noisy,
rescaled).
"""

from __future__ import annotations

import argparse
from functools import partial
from itertools import chain, count
from pathlib import Path

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.images.volume import read_volume
from neurospineseg.tasks.task import registered_tasks
from Training.datasets.altered_copies import write_copies
from Training.datasets.class_names import mapped, told, values_of, whole
from Training.datasets.preparing import LoadedCase, Plan, PlannedCase, require_one_grid
from Training.datasets.regrid import cube, labeled_center, onto


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="the text file")
    parser.add_argument(
        "--labels", type=_classes, required=True, metavar="CLASS=VALUES,...", help="for example vertebra_body=20-24,disc=50"
    )
    parser.add_argument("--task", choices=[task.name for task in registered_tasks()], default="spine", help="default spine")
    parser.add_argument("--channel", default="image", help="modality of the images; default image")
    parser.add_argument("--strict", action="store_true", help="a value that --labels does not name makes a case faulty")
    parser.add_argument("--cube", type=int, metavar="N", help="cut a cube of N voxels around what is labeled")
    parser.add_argument("--spacing", type=float, default=1.0, metavar="MM", help="of the cube's voxels; default 1 mm")
    parser.add_argument("--copies", type=int, default=0, metavar="N", help="altered copies of each training case")


def _classes(text: str) -> dict[str, tuple[int, ...]]:
    """``a=1-3+7,b=9`` as values by class."""
    result: dict[str, tuple[int, ...]] = {}
    try:
        for part in text.split(","):
            name, spans = part.split("=")
            for span in spans.split("+"):
                first, last = span.split("-") if "-" in span else (span, span)
                if int(first) > int(last):
                    raise ValueError
                result[name.strip()] = (*result.get(name.strip(), ()), *range(int(first), int(last) + 1))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not of the form CLASS=VALUES,CLASS=VALUES with values such as 5, 1-4 or 2+3"
        ) from error
    named = [value for values in result.values() for value in values]
    twice = next((value for value in named if named.count(value) > 1), None)
    if twice is not None:
        raise argparse.ArgumentTypeError(f"'{text}' names the value {twice} twice")
    if 0 in named and 0 not in result.get("background", ()):
        raise argparse.ArgumentTypeError(f"'{text}' makes a class of 0, which is the background")
    return result


def plan(options: argparse.Namespace) -> Plan:
    """Reads the list.

    Raises:
        InputError: the list cannot be read, or the task knows no such class.
    """
    labels = values_of(options.task, options.labels)
    table = {0: 0} | {value: labels[name] for name, values in options.labels.items() for value in values}
    try:
        lines = options.source.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The list '{options.source}' cannot be read; give a text file with image,label on each line.") from error
    if options.cube is not None and options.cube < 2 or not 0 < options.spacing < np.inf or options.copies < 0:
        raise InputError("--cube must be 2 or more, --spacing above 0 and --copies 0 or more.")
    cases: dict[str, PlannedCase] = {}
    lines_of: dict[Path, int] = {}
    problems = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        files = [options.source.parent / part.strip() for part in line.split(",")]
        missing = [path.name for path in files if not path.is_file()]
        if len(files) != 2:
            problems.append(f"Line {number} of '{options.source.name}' does not hold two names with a comma between; it was passed over.")
        elif missing:
            problems.append(f"Line {number} of '{options.source.name}': '{missing[0]}' does not exist; the case was left out.")
        elif (first := lines_of.setdefault(files[0].resolve(), number)) != number:
            problems.append(
                f"Line {number} of '{options.source.name}': '{files[0].name}' is the image of line {first} too; it was passed over."
            )
        else:
            name = _free_name(files[0], cases)
            cases[name] = PlannedCase(name, files, partial(load, *files, table, options))
    finish = partial(write_copies, copies=options.copies) if options.copies else None
    return Plan(options.task, (options.channel,), labels, sorted(cases.values(), key=lambda case: case.name), problems, finish=finish)


def _free_name(image: Path, taken: dict[str, PlannedCase]) -> str:
    """The file's name without ending, with its folder's before it where it is taken."""
    name = image.name.split(".")[0].replace(" ", "_")
    if name in taken:
        name = f"{image.parent.name}_{name}".replace(" ", "_")
    free = (candidate for candidate in chain([name], (f"{name}_{number}" for number in count(2))) if candidate not in taken)
    return next(free)


def load(image: Path, label: Path, table: dict[int, int], options: argparse.Namespace) -> LoadedCase:
    """Reads a case and, with ``--cube``, brings it onto a cube."""
    labels, lacking = mapped(whole(read_volume(label), label.name), table)
    if lacking and options.strict:
        raise InputError(f"'{label.name}' holds the label {min(lacking)}, which --labels does not name; name it or leave out --strict.")
    case = LoadedCase(
        {options.channel: read_volume(image)},
        labels,
        told(lacking, "--labels does not name it"),
        {options.channel: image.name, "label": label.name},
    )
    if not options.cube:
        return case
    require_one_grid([(image.name, case.scans[options.channel]), (label.name, labels)])
    return onto(case, cube(labels.grid, labeled_center(labels), options.cube, options.spacing))
