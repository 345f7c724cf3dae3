"""``neurospineseg batch --list``: which file is which scan of which case, before anything runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from neurospineseg.cli.console import say
from neurospineseg.pipeline.case import Case
from neurospineseg.pipeline.match_table import match_cases, missing_of, read_match_table, rows_of, write_match_table
from neurospineseg.tasks.task import Task, task_named


def list_matches(options: argparse.Namespace) -> bool:
    """Prints the matches, or writes them as a table.

    Returns:
        Whether every case can be segmented.

    Raises:
        InputError: there is no case, or the table cannot be read or written.
    """
    task = task_named(options.task)
    if options.cases is not None:
        cases = read_match_table(options.cases, options.task, options.folder)
    else:
        cases = match_cases(options.task, options.folder, options.output, say)
    if options.list:
        for line in match_lines(cases, options):
            print(line)
    if options.list_to is not None:
        write_match_table(options.list_to, cases, options.task, options.folder, overwrite=False)
        say(f"'{options.list_to}' was written; change it where it is wrong, then segment with --cases.")
    print(summary_of(cases, task))
    return not any(case.problem for case in cases)


def match_lines(cases: Sequence[Case], options: argparse.Namespace) -> list[str]:
    """A paragraph for each case."""
    task, lines = task_named(options.task), []
    width = max(map(len, task.channel_keys))
    for case, cells in zip(cases, rows_of(cases, task, options.folder)):
        lines.append(case.name)
        lines += [f"  {key:<{width}}  {cells[key]}  ({case.why.get(key, '')})" for key in task.channel_keys if cells[key]]
        missing = missing_of(case, task)
        if case.problem:
            lines.append(f"  {case.problem}")
        elif missing:
            lines.append(f"  without {', '.join(missing)}")
    return lines


def summary_of(cases: Sequence[Case], task: Task) -> str:
    """How many cases there are, and how many cannot be segmented or lack a scan."""
    wrong = sum(bool(case.problem) for case in cases)
    lacking = sum(not case.problem and bool(missing_of(case, task)) for case in cases)
    return f"{len(cases)} {'case' if len(cases) == 1 else 'cases'}: {len(cases) - wrong} can be segmented, {lacking} of them lack a scan; {wrong} cannot."
