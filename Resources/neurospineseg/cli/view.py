"""``neurospineseg view``: a scan and a mask that lie in files, in the browser or as one page."""

from __future__ import annotations

import argparse

import numpy as np

from neurospineseg.atomic_files import Outputs
from neurospineseg.cli.console import say
from neurospineseg.cli.mask_file import read_mask
from neurospineseg.cli.measured import measured_file
from neurospineseg.cli.scan_file import read_scan
from neurospineseg.cli.shown_segments import segments_shown
from neurospineseg.cli.sidecar import read_sidecar
from neurospineseg.errors import InputError
from neurospineseg.pages.html_page import Case, write_page
from neurospineseg.tasks.task import task_named


def view(options: argparse.Namespace) -> None:
    """Writes the page where one is asked for, else opens the browser."""
    if options.output is not None:
        write_one_page(options)
        return
    from neurospineseg.cli.browser import show_in_browser

    show_in_browser(options)


def write_one_page(options: argparse.Namespace) -> None:
    """Writes the page; names, colors and figures come from the sidecar, else from the mask's own header."""
    if options.image is None or options.mask is None:
        raise InputError("A page is made of a scan and its mask; give both.")
    if options.also:
        raise InputError("--also is for the browser; a page shows one scan.")
    if options.output.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"The page '{options.output.name}' must end in .html.")
    with Outputs([options.output], inputs=[options.image, options.mask], overwrite=options.overwrite) as outputs:
        scan = read_scan(options.image, options)
        labels, stated = read_mask(options.mask)
        for note in labels.notes:
            say(f"Warning: the mask: {note}")
        values = np.unique(labels.voxels)
        report = read_sidecar(options.mask)
        segments = segments_shown(report, stated, [int(n) for n in values if n > 0])
        if not report:
            voxel_ml = labels.grid.voxel_volume_ml
            report = {"volumes": {s.key: {"name": s.name, "mL": float((labels.voxels == s.label).sum()) * voxel_ml} for s in segments}}
        name = report.get("reference", "image")
        measured = measured_file(options.mask, None, scan) if options.measure else None
        case = Case(_registered(report.get("task")), {name: scan}, labels, segments, report, measured=measured)
        write_page(outputs.temporary(options.output), [case])
    print(f"{options.output} written.")


def _registered(task: str | None) -> str | None:
    """The task of a record; None, with a word to the user, where this installation does not know it: the page can do without."""
    if task is None:
        return None
    try:
        return task_named(task).name
    except InputError:
        say(f"The task '{task}' of the record is not known here; the page names the mask's structures without it.")
        return None
