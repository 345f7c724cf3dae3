"""Runs the checks that are asked for, and ends the application with an exit code."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import slicer

from Testing.slicer.check import Check
from Testing.slicer.checks import CHECKS, run_check
from Testing.slicer.driver import MODULES, Driver
from Testing.slicer.waiting import Failure, Waiter, Watchdog

FAILED, MISSING = 1, 77
"""Exit codes: a check failed; nothing failed and some could not be done, since packages are missing."""


def parse(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="self_tests.py", description="Checks of the extension inside 3D Slicer.")
    parser.add_argument("checks", nargs="*", metavar="CHECK", help="names of checks, in order; all by default")
    parser.add_argument("--list-checks", action="store_true", help="say which checks there are")
    parser.add_argument("--install", action="store_true", help="install missing Python packages first (or NEUROSPINESEG_INSTALL=1)")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="for pictures of the main window")
    parser.add_argument("--record", type=Path, metavar="FILE", help="the printed lines are appended to it, too")
    parser.add_argument("--patience", type=float, default=1.0, metavar="FACTOR", help="multiplies all limits, for slow computers")
    parser.add_argument("--minutes", type=float, default=60.0, metavar="MINUTES", help="limit of the whole run, 60 by default")
    return parser.parse_args(given)


def main(given: Sequence[str]) -> None:
    """Runs the checks and lets the application end with the exit code."""
    code, watchdogs = FAILED, []
    try:
        options = parse(given)
        code = run(options, printer(options.record), watchdogs)
    except BaseException as problem:
        print(f"FAILED start: {type(problem).__name__}: {problem}", flush=True)
    for watchdog in watchdogs:
        watchdog.the_end_is_near()
    slicer.util.exit(code)


def printer(record: Path | None) -> Callable[[str], None]:
    """Prints a line at once, and appends it to a file where one is wanted."""

    def say(line: str) -> None:
        print(line, flush=True)
        if record is not None:
            with open(record, "a", encoding="utf-8") as file:
                file.write(line + "\n")

    return say


def run(options: argparse.Namespace, say: Callable[[str], None], watchdogs: list[Watchdog]) -> int:
    """The exit code; a watchdog that is set is appended to the list."""
    if options.list_checks:
        for found in CHECKS.values():
            say(f"{found.name}: {found.says}")
        return 0
    waiter = Waiter(options.patience)
    watchdogs.append(Watchdog(60.0 * options.minutes, lambda: waiter.waits_for, say))
    problem = why_not(options.checks)
    if problem:
        say(f"FAILED start: {problem}")
        return FAILED
    wait_for_start(waiter, say)
    if options.install or os.environ.get("NEUROSPINESEG_INSTALL"):
        install(say)
    return run_checks([CHECKS[name] for name in options.checks or CHECKS], Driver(waiter, say, options.pictures))


def why_not(names: Sequence[str]) -> str:
    """Why the checks cannot be run, in a sentence; empty where they can."""
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        return f"There is no check {unknown[0]}; there are {', '.join(CHECKS)}."
    absent = [module for module in MODULES if not hasattr(slicer.modules, module.lower())]
    if absent:
        return f"{absent[0]} is not loaded; give its folder after --additional-module-paths."
    return "There is no main window; leave out --no-main-window." if slicer.util.mainWindow() is None else ""


def wait_for_start(waiter: Waiter, say: Callable[[str], None]) -> None:
    """Waits until the application has started; where it never tells so, the check ``registered`` will."""
    try:
        waiter.until(lambda: "NeuroSpineSeg" in getattr(slicer.modules, "sampleDataSources", {}), "the samples to be registered", 30.0)
    except Failure as problem:
        say(f"note start: {problem}")
    waiter.for_a_while(1.0)


def install(say: Callable[[str], None]) -> None:
    """Installs what segmenting needs, as the panel does after the user agreed; Slicer's own function would skip it while testing."""
    import slicer.packaging

    from neurospineseg_panel.dependencies import ensure_dependencies, missing_packages

    if not missing_packages():
        return
    say(f"note install: {', '.join(missing_packages())}")
    asking = slicer.packaging.pip_ensure
    slicer.packaging.pip_ensure = partial(asking, prompt_install=False, prompt_restart=False, skip_in_testing=False, show_progress=False)
    try:
        ensure_dependencies("Self tests")
    except Exception as problem:
        say(f"FAILED install: {problem}")
    finally:
        slicer.packaging.pip_ensure = asking


def run_checks(chosen: Sequence[Check], driver: Driver) -> int:
    """The exit code; checks that need packages are skipped where these are missing."""
    from neurospineseg_panel.dependencies import missing_packages

    missing, failed, left = missing_packages(), 0, 0
    for found in chosen:
        if found.segments and missing:
            driver.say(f"skipped {found.name}: packages are missing: {', '.join(missing)}")
            left += 1
        elif not run_check(found, driver):
            failed += 1
    driver.close()
    driver.say(f"{len(chosen) - failed - left} of {len(chosen)} checks are well, {failed} failed, {left} were skipped.")
    if left:
        driver.say("Install the packages: give --install, or set NEUROSPINESEG_INSTALL=1, or click Segment once and agree.")
    return FAILED if failed else MISSING if left else 0
