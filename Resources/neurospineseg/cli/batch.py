"""``neurospineseg batch``: every case of a folder, with the networks loaded once."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from neurospineseg.cli.console import StageProgress, say
from neurospineseg.cli.match_list import list_matches
from neurospineseg.cli.measured import measured_again
from neurospineseg.cli.run_options import settings_of
from neurospineseg.errors import ImplausibleInput, InputError
from neurospineseg.measurements.measurement import Measurements
from neurospineseg.pipeline.batch import DONE, KEPT, OUTPUT_ENDING, run_batch
from neurospineseg.pipeline.batch_report import picture_of
from neurospineseg.pipeline.file_job import FileJob, run_file_job
from neurospineseg.pipeline.match_table import read_match_table


def batch(options: argparse.Namespace) -> bool:
    """Runs the command; prints the warnings of each case, a line for each that failed and a summary.

    Returns:
        Whether every case has its mask, or, where nothing is to be segmented, whether every case can be.

    Raises:
        InputError: there is no case, or nothing says where the masks go.
    """
    if options.list or options.list_to is not None:
        return list_matches(options)
    if options.output is None:
        raise InputError("No output folder was given; name the folder for the masks with -o, or show the cases with --list.")
    cases = None if options.cases is None else read_match_table(options.cases, options.task, options.folder)
    networks: dict[str, Any] = {}
    settings = replace(settings_of(options), uncertainty=True)

    fresh: dict[Path, Measurements] = {}

    def job_of(scans: Mapping[str, Path], output: Path) -> FileJob:
        picture = picture_of(output, OUTPUT_ENDING)
        return FileJob(
            options.task, scans, output, settings, options.frame, options.orientation, options.spacing, options.volume, picture=picture
        )

    def segment_case(scans: Mapping[str, Path], output: Path) -> list[str]:
        try:
            with StageProgress() as progress:
                result = run_file_job(job_of(scans, output), progress, networks)
            if result.measurements is not None:
                fresh[output] = result.measurements
            return result.warnings
        except ImplausibleInput as error:
            raise InputError(f"{error} With --force it is segmented all the same.") from error

    def measure_case(scans: Mapping[str, Path], mask: Path) -> Measurements:
        return fresh.pop(mask) if mask in fresh else measured_again(job_of(scans, mask))

    def tell(done: int, count: int, case: str) -> None:
        say(f"{done + 1} of {count}: {case}")

    try:
        outcomes = run_batch(
            options.task, options.folder, options.output, segment_case, tell, say, measure_case if options.measure else None, cases, True
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Canceled; the masks that were written are kept: run the command again to go on.") from None
    failed = {case: outcome for case, outcome in outcomes.items() if outcome not in (DONE, KEPT)}
    for case, outcome in failed.items():
        say(f"{case}: {outcome}")
    states = list(outcomes.values())
    print(f"{states.count(DONE)} segmented, {states.count(KEPT)} had their masks, {len(failed)} failed. Not for clinical use.")
    return not failed
