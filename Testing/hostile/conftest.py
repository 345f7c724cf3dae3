"""Says at the end how many malformed inputs were tried, by format."""

from __future__ import annotations

import pytest

from Testing.hostile.trials import FORMATS, inputs_of, outcomes_of


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not outcomes_of.cache_info().currsize:
        return
    counts = {form: len(inputs_of(form)) for form in FORMATS}
    listed = ", ".join(f"{form} {count}" for form, count in counts.items())
    terminalreporter.write_line(f"Hostile inputs: {sum(counts.values())} ({listed}).")
