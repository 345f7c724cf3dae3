"""``neurospineseg segment``: from files to a mask."""

from __future__ import annotations

import argparse
from pathlib import Path

from neurospineseg.cli.console import StageProgress, out, say, table
from neurospineseg.cli.mask_file import levels_in_file
from neurospineseg.cli.measured import show
from neurospineseg.cli.other_host import host_of, segmenter_on
from neurospineseg.cli.run_options import settings_of
from neurospineseg.errors import InputError
from neurospineseg.pipeline.file_job import FileJob, run_file_job


def segment(options: argparse.Namespace) -> None:
    """Runs the command and prints the volumes; warnings go to the standard error."""
    job, host = file_job_of(options), host_of(options)
    with StageProgress() as progress:
        result = run_file_job(job, progress, segmenter=segmenter_on(host, job.task, job.settings))
    for warning in dict.fromkeys(result.warnings):
        say(f"Warning: {warning}")
    if result.measurements is not None:
        show(result.measurements)
    rows = [(entry["name"], f"{entry['mL']:.3g}") for entry in result.report["volumes"].values()]
    if rows:
        out().print(table(None, ("Structure", "mL"), rows, right=(1,)))
    seconds = sum(result.report["seconds"].values())
    model = result.report["model"]
    whose = "" if host is None else f" of '{host.name}'"
    by = f"{model['name']} {model['version']} on {result.report['device']}{whose}"
    print(f"{job.output} written in {seconds:.1f} s by {by}. Not for clinical use.")


def file_job_of(options: argparse.Namespace) -> FileJob:
    """The job that a parsed command line asks for.

    Raises:
        InputError: no scan is given, or an option is malformed.
    """
    return FileJob(
        options.task,
        _scans(options),
        options.output,
        settings_of(options),
        options.frame,
        options.orientation,
        options.spacing,
        options.volume,
        sidecar=not options.no_sidecar,
        page=options.page,
        table=options.measure,
        levels=_levels(options),
        dicom=tuple(dict.fromkeys(options.dicom)),
        overwrite=options.overwrite,
    )


def _levels(options: argparse.Namespace) -> dict[str, tuple[float, float, float]] | None:
    path = getattr(options, "levels_from", None)
    return None if path is None else levels_in_file(path, options.task)


def _scans(options: argparse.Namespace) -> dict[str, Path]:
    scans = {key: getattr(options, f"scan:{key}") for key in options.channels if getattr(options, f"scan:{key}") is not None}
    if not scans:
        *others, last = options.channels.values()
        raise InputError(f"No scan was given; name at least one with {', '.join(others)} or {last}.")
    return scans
