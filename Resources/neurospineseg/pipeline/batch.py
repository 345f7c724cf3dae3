"""Many cases: a folder in, a folder of masks out. A stopped run goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import use_failed, writing_failed
from neurospineseg.locks import locked
from neurospineseg.measurements.measurement import Measurements
from neurospineseg.pipeline.case import Case
from neurospineseg.pipeline.case_scans import scans_of, usable_scans
from neurospineseg.pipeline.cases import find_cases
from neurospineseg.pipeline.measurement_table import MeasurementTable
from neurospineseg.pipeline.overlap import Outcome, Ready, StepsOfCase, overlapping, sentence_of
from neurospineseg.pipeline.summary import DONE, KEPT, SUMMARY, Summary
from neurospineseg.tasks.task import Task, task_named

if TYPE_CHECKING:
    from neurospineseg.pipeline.batch_report import BatchReport

OUTPUT_ENDING = ".seg.nrrd"

SegmentCase = Callable[[Mapping[str, Path], Path], Sequence[str] | None]


@dataclass(frozen=True)
class InSteps:
    """How cases are segmented whose steps overlap."""

    steps_of: StepsOfCase


@dataclass(frozen=True)
class Elsewhere:
    """How cases are segmented that are given to other processes or machines.

    Attributes:
        check: given the cases and the output folder, whose lock is held, raises InputError where they cannot be segmented there.
        outcomes: what becomes of each case, in any order; the output folder is that of ``check``.
    """

    check: Callable[[Sequence[Case], Path], None]
    outcomes: Callable[[Sequence[Case], Path], Iterator[Outcome]]


CompleteCase = Callable[[Mapping[str, Path], Path], Sequence[str]]
MeasureCase = Callable[[Mapping[str, Path], Path], Measurements]


def run_batch(
    task: str,
    folder: Path,
    output: Path,
    segment: SegmentCase | InSteps | Elsewhere,
    progress: Callable[[int, int, str], None] = lambda done, count, case: None,
    warn: Callable[[str], None] = print,
    measure: MeasureCase | None = None,
    cases: Sequence[Case] | None = None,
    report: bool = False,
    complete: CompleteCase | None = None,
    over: Callable[[str, str, Sequence[str]], None] = lambda case, outcome, warnings: None,
) -> dict[str, str]:
    """Segments every case of a folder that has no mask yet.

    Args:
        output: receives ``CASE.seg.nrrd`` (with its report beside it) and ``summary.csv`` (see ``Summary``); made where it is not there.
        segment: segments a case's scans into a file, which appears when it is complete; returns warnings for the user; raises InputError. In
            steps, reading, segmenting and writing of different cases overlap, and a case is told when the next one is segmented. Elsewhere,
            cases are told in the order in which they end.
        progress: called before each case that is segmented here with the number done, the number of all and the case's name.
        warn: told in sentences what was left aside as segmentations, what is to be known of a case, and of the summary.
        measure: measures a case's mask, given the scans and the mask; then ``measurements.csv`` (see ``MeasurementTable``) is kept too. It
            is asked for masks of earlier batches as well that the table does not hold; whatever it raises is a row of the table.
        cases: those of a table of matches, instead of what is found in the folder.
        report: whether ``report.html`` is kept too, see ``BatchReport``.
        complete: writes what is lacking beside a mask that was there, given the scans and the mask; returns warnings. What it cannot write is
            one of them.
        over: called after each case with its name, what became of it and its warnings.

    Returns:
        For each case ``done``, ``kept`` (its mask was there) or the sentence that says what is wrong with it.

    Raises:
        InputError: there is no case, the output folder cannot be written to, or another batch writes into it.
    """
    if cases is None:
        cases = find_cases(task, folder, output, warn)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise writing_failed(error, output) from error
    with locked(output / SUMMARY, f"Another batch writes into '{output}'"):
        if isinstance(segment, Elsewhere):
            segment.check(cases, output)
        summary = Summary(output, warn)
        page = _report(output, task_named(task), warn) if report else None
        try:
            table = None if measure is None else _Measuring(MeasurementTable(output, warn), measure, task_named(task))
            try:
                return _run(cases, task_named(task), output, segment, complete, summary, table, page, progress, warn, over)
            finally:
                if table is not None:
                    table.table.finish()
        finally:
            summary.finish()
            if page is not None:
                page.write(summary)


def mask_of(case: Case, output: Path) -> Path:
    """Where the mask of a case lies or will."""
    return output / f"{case.name}{OUTPUT_ENDING}"


def _report(output: Path, task: Task, warn: Callable[[str], None]) -> BatchReport:
    from neurospineseg.pipeline.batch_report import BatchReport

    return BatchReport(output, f"{task.title}: batch", OUTPUT_ENDING, warn)


@dataclass(frozen=True)
class _Measuring:
    """The table of a batch that measures, and how it comes to its rows."""

    table: MeasurementTable
    measure: MeasureCase
    task: Task

    def note(self, case: Case, mask: Path, outcome: str) -> None:
        """Sees to it that the table says of a case what it measures, or why that is not known."""
        if outcome not in (DONE, KEPT):
            self.table.fail(case.name, outcome)
            return
        try:
            if outcome == DONE or not self.table.holds(case.name, mask):
                self.table.note(case.name, self.measure(scans_of(case, self.task)[0], mask))
        except InputError as error:
            self.table.fail(case.name, str(error))
        except OSError as error:
            self.table.fail(case.name, str(use_failed(error)))
        except Exception as error:  # one mask must not stop thousands
            self.table.fail(
                case.name, f"It could not be measured; this is a fault of the program ({type(error).__name__}), please report it."
            )


def _run(
    cases: Sequence[Case],
    task: Task,
    output: Path,
    segment: SegmentCase | InSteps | Elsewhere,
    complete: CompleteCase | None,
    summary: Summary,
    measuring: _Measuring | None,
    page: BatchReport | None,
    progress: Callable[[int, int, str], None],
    warn: Callable[[str], None],
    over: Callable[[str, str, Sequence[str]], None],
) -> dict[str, str]:
    outcomes: dict[str, str] = {}

    def begun(number: int) -> None:
        progress(number, len(cases), cases[number].name)

    for number, outcome in enumerate(_outcomes(cases, task, output, segment, begun)):
        case, warnings = outcome.case, outcome.warnings
        mask = mask_of(case, output)
        outcomes[case.name] = outcome.words
        if outcomes[case.name] == KEPT and complete is not None:
            warnings = _completed(case, task, mask, complete) or None
        for warning in dict.fromkeys(warnings or ()):
            warn(f"{case.name}: {warning}")
        summary.note(case.name, outcomes[case.name], warnings)
        over(case.name, outcomes[case.name], warnings or ())
        if measuring is not None:
            measuring.note(case, mask, outcomes[case.name])
            if number + 1 < len(cases):
                measuring.table.write_if_due()
        if outcomes[case.name] != KEPT and number + 1 < len(cases):
            summary.write_if_due()
            if page is not None:
                page.write_if_due(summary)
    return outcomes


def _outcomes(
    cases: Sequence[Case], task: Task, output: Path, segment: SegmentCase | InSteps | Elsewhere, begun: Callable[[int], None]
) -> Iterator[Outcome]:
    """What becomes of each case, in their order but where they are segmented elsewhere."""
    if isinstance(segment, Elsewhere):
        yield from segment.outcomes(cases, output)
        return
    if isinstance(segment, InSteps):
        steps_of = segment.steps_of
        yield from overlapping(cases, lambda case: _prepared(case, task, output, steps_of), begun, DONE)
        return
    for number, case in enumerate(cases):
        begun(number)
        yield _outcome(case, task, mask_of(case, output), segment)


def _prepared(case: Case, task: Task, output: Path, steps_of: StepsOfCase) -> Ready | Outcome:
    """A case whose scans are read, or what became of it without."""
    target = mask_of(case, output)
    try:
        if target.exists():
            return Outcome(case, KEPT, None)
        scans, notes = usable_scans(case, task, target)
        steps = steps_of(scans, target)
        steps.read()
        return Ready(case, steps, notes)
    except Exception as error:  # one case must not stop thousands
        return Outcome(case, sentence_of(error))


def _outcome(case: Case, task: Task, target: Path, segment: SegmentCase) -> Outcome:
    """What became of a case, and warnings; None of a mask that was there, whose warnings an earlier run told."""
    try:
        if target.exists():
            return Outcome(case, KEPT, None)
        scans, notes = usable_scans(case, task, target)
        return Outcome(case, DONE, [*notes, *(segment(scans, target) or ())])
    except Exception as error:  # one case must not stop thousands
        return Outcome(case, sentence_of(error))


def _completed(case: Case, task: Task, mask: Path, complete: CompleteCase) -> list[str]:
    """Warnings on what was lacking beside a mask."""
    try:
        return list(complete(scans_of(case, task)[0], mask))
    except InputError as error:
        return [str(error)]
    except OSError as error:
        return [str(use_failed(error))]
