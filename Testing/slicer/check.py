"""The checks by name, and how one is run: each prints ``ok NAME (seconds)``, ``FAILED NAME: why`` or ``skipped NAME: why``."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from Testing.slicer.waiting import Failure

if TYPE_CHECKING:
    from Testing.slicer.driver import Driver


class Skipped(Exception):
    """A check cannot be done here; the message says why."""


@dataclass(frozen=True)
class Check:
    """Something that is checked.

    Attributes:
        name: that it is chosen by.
        run: raises ``Failure`` where something is wrong.
        segments: whether the packages must be there.
        says: what it checks, in a line.
    """

    name: str
    run: Callable[[Driver], None]
    segments: bool
    says: str


CHECKS: dict[str, Check] = {}


def check(name: str, segments: bool = True) -> Callable[[Callable[[Driver], None]], Callable[[Driver], None]]:
    """Registers a function, whose docstring says what it checks."""

    def register(function: Callable[[Driver], None]) -> Callable[[Driver], None]:
        CHECKS[name] = Check(name, function, segments, (function.__doc__ or "").strip().splitlines()[0])
        return function

    return register


def run_check(found: Check, driver: Driver) -> bool:
    """Runs a check on an empty scene and prints its line; whether it is well."""
    begun = time.monotonic()
    try:
        driver.begin(found.name)
        found.run(driver)
        driver.no_errors()
    except Skipped as reason:
        driver.say(f"skipped {found.name}: {reason}")
        return True
    except Failure as problem:
        driver.say(f"FAILED {found.name}: {problem}")
        driver.picture("failed")
        return False
    except Exception as problem:
        driver.say(f"FAILED {found.name}: {type(problem).__name__}: {' '.join(str(problem).split())}")
        for line in traceback.format_exc().splitlines():
            driver.say(f"  | {line}")
        driver.picture("failed")
        return False
    driver.say(f"ok {found.name} ({time.monotonic() - begun:.1f})")
    return True
