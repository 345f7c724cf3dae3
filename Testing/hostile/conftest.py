"""Says at the end how many malformed inputs were tried, by format."""

from __future__ import annotations

import pytest

from Testing.hostile.trials import FORMATS, inputs_of

TESTS = "Testing/hostile/test_hostile_files.py::test_it_ends_in_one_sentence"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not any(report.nodeid.startswith(TESTS) for report in terminalreporter.getreports("passed")):
        return
    counts = {form: len(inputs_of(form)) for form in FORMATS}
    listed = ", ".join(f"{form} {count}" for form, count in counts.items())
    terminalreporter.write_line(f"Hostile inputs: {sum(counts.values())} ({listed}).")
