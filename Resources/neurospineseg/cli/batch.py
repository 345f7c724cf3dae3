"""``neurospineseg batch``: every case of a folder, with the networks loaded once."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from neurospineseg.cli.console import StageProgress, say
from neurospineseg.cli.mask_export import export_dicom
from neurospineseg.cli.match_list import list_matches
from neurospineseg.cli.measured import measured_again, reference_channel
from neurospineseg.cli.run_options import settings_of
from neurospineseg.cli.time_left import TimeLeft
from neurospineseg.errors import InputError
from neurospineseg.measurements.measurement import Measurements
from neurospineseg.pipeline.batch import OUTPUT_ENDING, Elsewhere, InSteps, run_batch
from neurospineseg.pipeline.batch_report import picture_of
from neurospineseg.pipeline.batch_steps import BatchSteps, dicom_kinds_of
from neurospineseg.pipeline.case import Case
from neurospineseg.pipeline.dicom_exports import dicom_paths, need_packages
from neurospineseg.pipeline.file_job import FileJob
from neurospineseg.pipeline.match_table import read_match_table
from neurospineseg.pipeline.overlap import Outcome
from neurospineseg.pipeline.segmentation_result import SegmentationResult
from neurospineseg.pipeline.settings import Settings
from neurospineseg.pipeline.summary import DONE, KEPT

INSIST = "With --force it is segmented all the same."


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
    work = BatchWork(options, replace(settings_of(options), uncertainty=True))
    need_packages(work.kinds)

    def tell(done: int, count: int, case: str) -> None:
        say(f"{done + 1} of {count}: {case}")

    try:
        with work.elsewhere() if options.dask is not None else nullcontext(InSteps(work.steps)) as segment:
            outcomes = run_batch(
                options.task,
                options.folder,
                options.output,
                segment,
                tell,
                say,
                work.measure if options.measure else None,
                cases,
                True,
                work.complete if work.kinds else None,
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Canceled; the masks that were written are kept: run the command again to go on.") from None
    failed = {case: outcome for case, outcome in outcomes.items() if outcome not in (DONE, KEPT)}
    for case, outcome in failed.items():
        say(f"{case}: {outcome}")
    states = list(outcomes.values())
    print(f"{states.count(DONE)} segmented, {states.count(KEPT)} had their masks, {len(failed)} failed. Not for clinical use.")
    return not failed


class BatchWork:
    """What is done with each case.

    Args:
        options: the parsed command line.

    Attributes:
        kinds: which objects for archives are written, see ``neurospineseg.pipeline.dicom_exports``.
    """

    def __init__(self, options: argparse.Namespace, settings: Settings) -> None:
        self.options, self.settings = options, settings
        self.kinds = tuple(dict.fromkeys(options.dicom))
        self._networks: dict[str, Any] = {}
        self._measured: dict[Path, Measurements] = {}

    def job(self, scans: Mapping[str, Path], mask: Path) -> FileJob:
        said = self.options
        picture = picture_of(mask, OUTPUT_ENDING)
        return FileJob(said.task, scans, mask, self.settings, said.frame, said.orientation, said.spacing, said.volume, picture=picture)

    def steps(self, scans: Mapping[str, Path], mask: Path) -> BatchSteps:
        """How a case is segmented.

        Raises:
            InputError: its mask cannot be written here.
        """
        kinds, warnings = dicom_kinds_of(self.kinds, scans)

        def keep(result: SegmentationResult) -> None:
            if result.measurements is not None:
                self._measured[mask] = result.measurements

        job = replace(self.job(scans, mask), dicom=kinds)
        return BatchSteps(job, self._networks, StageProgress, warnings=warnings, insist=INSIST, segmented=keep)

    @contextmanager
    def elsewhere(self) -> Iterator[Elsewhere]:
        """The workers of the cluster that was named, who do the same with each case.

        Raises:
            InputError: Dask is not installed, the scheduler cannot be reached, or it has no workers.
        """
        from neurospineseg.pipeline.cluster import Cluster, model_for_all
        from neurospineseg.pipeline.dealing import Dealing

        said = self.options
        settings = replace(self.settings, model=model_for_all(said.task, said.model))
        job = {"task": said.task, "settings": settings.to_json(), "dicom": list(self.kinds)}
        job |= {"frame": said.frame, "orientation": said.orientation, "spacing": said.spacing, "volume": list(said.volume)}
        with Cluster(said.dask, say) as cluster:

            def outcomes(cases: Sequence[Case], output: Path) -> Iterator[Outcome]:
                return Dealing(cluster, output, job, INSIST, TimeLeft(say), self._measured.__setitem__).outcomes(cases)

            yield Elsewhere(lambda cases, output: cluster.check(cases, output, said.task, settings.model), outcomes)

    def measure(self, scans: Mapping[str, Path], mask: Path) -> Measurements:
        """What a case's mask measures, of this run or of an earlier one."""
        return self._measured.pop(mask) if mask in self._measured else measured_again(self.job(scans, mask))

    def complete(self, scans: Mapping[str, Path], mask: Path) -> list[str]:
        """Writes the objects for archives that a mask of an earlier batch lacks."""
        kinds, warnings = dicom_kinds_of(self.kinds, scans)
        files = {kind: path for kind, path in dicom_paths(mask, kinds).items() if not path.exists()}
        if not files:
            return warnings
        job = self.job(scans, mask)
        channel = reference_channel(job)
        return [*warnings, *export_dicom(mask, job.task, scans[channel], job.reading(channel), files)]
