"""Waiting for the application without ever hanging, and how long its event loop was blocked meanwhile."""

from __future__ import annotations

import faulthandler
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import qt
import slicer

BEAT_MILLISECONDS = 10
HUNG, STUCK_AT_THE_END = 3, 4
"""Exit codes: the limit of the whole run was over; the application did not end."""


class Failure(AssertionError):
    """A check found something wrong; the message is one line."""


def expect(holds: Any, why: str) -> None:
    """Raises ``Failure`` with the reason unless something holds."""
    if not holds:
        raise Failure(" ".join(str(why).split()))


class Waiter:
    """Lets the application work until something holds.

    Args:
        patience: all limits are multiplied by it, for slow computers.

    Attributes:
        waits_for: in words, for the watchdog.
    """

    def __init__(self, patience: float = 1.0) -> None:
        self.patience, self.waits_for = patience, "nothing"

    def until(self, holds: Callable[[], Any], what: str, seconds: float = 60.0, state: Callable[[], str] = str) -> float:
        """Returns the seconds that it took.

        Args:
            what: that is waited for, in words.
            state: says how things stand, for when it does not happen in time.

        Raises:
            Failure: it did not happen in time.
        """
        self.waits_for, begun = what, time.monotonic()
        limit = begun + seconds * self.patience
        while not holds():
            if time.monotonic() > limit:
                raise Failure(f"waited {seconds * self.patience:.0f} s in vain for {what}. {' '.join(state().split())}".strip())
            slicer.app.processEvents()
            time.sleep(0.002)
        self.waits_for = "nothing"
        return time.monotonic() - begun

    def for_a_while(self, seconds: float) -> None:
        """Lets events happen for a time."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end, "some time to pass", seconds + 60.0)


class Heartbeat:
    """Measures the longest turn of the event loop; used as a context.

    Attributes:
        longest: in seconds, the longest time between two beats of a timer.
    """

    def __init__(self) -> None:
        self.longest, self._last = 0.0, 0.0
        self._timer = qt.QTimer()
        self._timer.setInterval(BEAT_MILLISECONDS)
        self._timer.connect("timeout()", self._beat)

    def _beat(self) -> None:
        now = time.monotonic()
        self.longest, self._last = max(self.longest, now - self._last), now

    def __enter__(self) -> Heartbeat:
        self._last = time.monotonic()
        self._timer.start()
        return self

    def __exit__(self, *problem: Any) -> None:
        self._timer.stop()
        self._beat()


class Watchdog:
    """Ends the process when the whole run takes too long, whatever hangs.

    Args:
        seconds: the limit.
        waits_for: says what is being waited for.
        say: prints a line.
    """

    def __init__(self, seconds: float, waits_for: Callable[[], str], say: Callable[[str], None]) -> None:
        self._end, self._code, self._waits_for, self._say = time.monotonic() + seconds, HUNG, waits_for, say
        faulthandler.dump_traceback_later(seconds + 30.0, exit=True, file=2)
        threading.Thread(target=self._watch, daemon=True).start()

    def the_end_is_near(self, seconds: float = 90.0) -> None:
        """The run is over; the application has some time left to end."""
        self._end, self._code = time.monotonic() + seconds, STUCK_AT_THE_END
        faulthandler.dump_traceback_later(seconds + 30.0, exit=True, file=2)

    def _watch(self) -> None:
        while time.monotonic() < self._end:
            time.sleep(0.5)
        if self._code == HUNG:
            self._say(f"FAILED watchdog: the time is over while waiting for {self._waits_for()}")
        else:
            self._say("FAILED watchdog: the application does not end")
        time.sleep(1.0)
        os._exit(self._code)
