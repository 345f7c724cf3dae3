"""What masks in files measure, and how it looks on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from neurospineseg.cli.console import out, say, table
from neurospineseg.cli.mask_file import levels_in_file, mask_with_segments
from neurospineseg.cli.sidecar import read_sidecar
from neurospineseg.errors import InputError
from neurospineseg.images.segmentation_file import FileSegment
from neurospineseg.images.volume import Volume, read_volume
from neurospineseg.measurements.measurement import Measurements
from neurospineseg.measurements.measuring import measure
from neurospineseg.measurements.numbering_evidence import note_on_names, seen_in_mask
from neurospineseg.measurements.segment_names import rib_labels
from neurospineseg.pipeline.file_job import FileJob
from neurospineseg.pipeline.known_levels import keys_by_levels
from neurospineseg.tasks.task import task_named


def measured_file(path: Path, task: str | None, scan: Volume | None = None, levels_from: Path | None = None) -> Measurements:
    """What a mask in a file measures.

    Args:
        levels_from: another mask of the patient, whose vertebrae give its their names.

    Raises:
        InputError: it cannot be read, holds nothing that is measured, or does not fit the other mask.
    """
    labels, task, keys, segments = mask_with_segments(path, task)
    if levels_from is not None:
        if not task_named(task).renumbers:
            raise InputError(f"--levels-from names vertebrae, but '{path.name}' is a mask of {task}; leave it out.")
        keys, notes = keys_by_levels(labels, keys, levels_in_file(levels_from, task))
        for note in notes:
            say(f"Note: {path.name}: {note}")
        return measure(labels, keys, task, scan)
    return measured_mask(labels, task, keys, segments, scan)


def measured_mask(labels: Volume, task: str, keys: Mapping[int, str], segments: Sequence[FileSegment], scan: Volume | None) -> Measurements:
    """What a mask measures, with a note where the names of its vertebrae are in doubt.

    Args:
        keys: of structures, by label value.
        segments: of any name.

    Raises:
        InputError: there is nothing that is measured.
    """
    found = measure(labels, keys, task, scan)
    if not task_named(task).renumbers:
        return found
    doubt = note_on_names(seen_in_mask(labels, keys, rib_labels(segments)), keys.values())
    return found if doubt is None else replace(found, notes=(*found.notes, doubt))


def measured_again(job: FileJob) -> Measurements:
    """What the mask of a job that was done before measures, with the scan that it lies on.

    Raises:
        InputError: mask or scan cannot be read, or there is nothing that is measured.
    """
    channel = reference_channel(job)
    scan = read_volume(
        job.scans[channel],
        frame=job.frame,
        orientation=job.orientation,
        spacing=job.spacing,
        volume=job.volume_of(channel),
        compact=True,
    )
    return measured_file(job.output, job.task, scan)


def reference_channel(job: FileJob) -> str:
    """The channel whose scan the mask of a job that was done before lies on."""
    reference = str(read_sidecar(job.output).get("reference", ""))
    return reference if reference in job.scans else next(iter(job.scans))


def show(found: Measurements) -> None:
    """Prints a row for each number; what is to be known of them goes to the standard error."""
    for note in found.notes:
        say(f"Note: {note}")
    if found.items:
        rows = [(each.text, each.place_name, ", ".join([each.name, *each.flags])) for each in found]
        out().print(table(None, ("Value", "Where", "Measure"), rows, right=(0,)))
