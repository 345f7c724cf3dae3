"""The self tests that run inside Slicer, here on the bench; what only Slicer can show is shown there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("slicer")
from Testing.panel import bench as benches

benches.install()
import slicer

from Testing.panel.bench.self_tests import SelfTestApplication
from Testing.slicer.check import Check
from Testing.slicer.checks import CHECKS, run_check
from Testing.slicer.driver import MODULES, Driver
from Testing.slicer.runner import FAILED, MISSING, main
from Testing.slicer.waiting import Failure, Waiter, expect

pytestmark = pytest.mark.self_tests


@pytest.fixture
def driver(bench: Any) -> Iterator[Driver]:
    application = SelfTestApplication(bench, MODULES)
    lines: list[str] = []
    made = Driver(Waiter(3.0), lines.append)
    made.lines = lines
    yield made
    made.close()
    application.close()


@pytest.mark.parametrize("name", CHECKS)
def test_check(driver: Driver, name: str) -> None:
    good = run_check(CHECKS[name], driver)
    print("\n".join(driver.lines))
    assert good, "\n".join(driver.lines)


def test_ctest_runs_all_checks() -> None:
    text = (Path(__file__).resolve().parents[1] / "slicer" / "CMakeLists.txt").read_text(encoding="utf-8")
    assert text.partition("set(CHECKS")[2].partition(")")[0].split() == list(CHECKS)


@pytest.fixture
def ended(bench: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The exit codes with which the application was told to end."""
    application, codes = SelfTestApplication(bench, MODULES), []
    monkeypatch.setattr(slicer.util, "exit", codes.append)
    monkeypatch.setattr("Testing.slicer.runner.Watchdog", lambda *arguments: SimpleNamespace(the_end_is_near=lambda: None))
    yield codes
    application.close()


@pytest.mark.parametrize(
    ("given", "code", "line"),
    [
        (["open"], 0, "1 of 1 checks are well, 0 failed, 0 were skipped."),
        (["--list-checks"], 0, "kill: A worker that is killed"),
        (["nonsense"], FAILED, "FAILED start: There is no check nonsense"),
        (["--nonsense"], FAILED, "FAILED start: SystemExit: 2"),
    ],
)
def test_the_application_ends_with_the_exit_code(ended: list[int], capfd: Any, given: list[str], code: int, line: str) -> None:
    main(given)
    assert ended == [code]
    assert line in capfd.readouterr().out


def test_without_packages_segmenting_is_skipped(ended: list[int], capfd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from neurospineseg_panel import dependencies

    monkeypatch.setattr(dependencies, "missing_packages", lambda: ["torch"])
    main(["kill", "registered"])
    assert ended == [MISSING]
    assert "skipped kill: packages are missing: torch" in capfd.readouterr().out


def test_a_check_that_fails_says_why_in_one_line(driver: Driver) -> None:
    def fails(driver: Driver) -> None:
        expect(False, "it is\nwrong")

    assert not run_check(Check("wrong", fails, False, ""), driver)
    assert driver.lines == ["FAILED wrong: it is wrong"]


def test_waiting_in_vain_ends(driver: Driver) -> None:
    with pytest.raises(Failure, match=r"waited 0 s in vain for a miracle\. nothing moves"):
        Waiter(0.01).until(lambda: False, "a miracle", 1.0, lambda: "nothing moves")


HANGING = """
import sys, time, types
sys.modules["qt"] = sys.modules["slicer"] = types.ModuleType("none")
from Testing.slicer.waiting import Watchdog
Watchdog(0.2, lambda: "what never comes", lambda line: print(line, flush=True))
time.sleep(60)
"""


def test_the_watchdog_ends_what_hangs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGING], cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 3, done.stderr
    assert done.stdout == "FAILED watchdog: the time is over while waiting for what never comes\n"
