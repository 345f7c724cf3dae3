"""``neurospineseg view``: a page of a scan and a mask that lie in files."""

from __future__ import annotations

import argparse

import matplotlib
import numpy as np

from neurospineseg.atomic_files import Outputs
from neurospineseg.cli.console import say
from neurospineseg.cli.mask_file import read_mask
from neurospineseg.cli.measured import measured_file
from neurospineseg.cli.scan_file import read_scan
from neurospineseg.cli.sidecar import read_sidecar
from neurospineseg.errors import InputError
from neurospineseg.geometry.triple import triple
from neurospineseg.images.segmentation_file import FileSegment
from neurospineseg.pages.html_page import Case, segments_of, write_page
from neurospineseg.pages.slice_pictures import Segment
from neurospineseg.tasks.task import task_named


def view(options: argparse.Namespace) -> None:
    """Writes the page; names, colors and figures come from the sidecar, else from the mask's own header."""
    if options.output.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"The page '{options.output.name}' must end in .html.")
    with Outputs([options.output], inputs=[options.image, options.mask], overwrite=options.overwrite) as outputs:
        scan = read_scan(options.image, options)
        labels, stated = read_mask(options.mask)
        for note in labels.notes:
            say(f"Warning: the mask: {note}")
        values = np.unique(labels.voxels)
        report = read_sidecar(options.mask)
        segments = segments_of(report) if report.get("segments") and not stated else _segments(stated, [int(n) for n in values if n > 0])
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


def _segments(stated: list[FileSegment], values: list[int]) -> list[Segment]:
    """Names and colors of the labels that the mask holds; of those that its header does not describe, numbers and a color wheel."""
    named = {each.label: Segment(each.label, each.key, each.name, each.color) for each in stated}
    wheel = matplotlib.colormaps["tab20"]
    drawn = {value: triple(round(255 * part) for part in wheel(n % 20)[:3]) for n, value in enumerate(values)}
    return [named.get(value) or Segment(value, f"label_{value}", f"Label {value}", drawn[value]) for value in values]
