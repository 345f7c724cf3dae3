"""Long work in the window's own process, a short piece of it in each turn of the event loop."""

from __future__ import annotations

from collections.abc import Callable, Generator
from time import perf_counter
from typing import Any

import qt

TURN_SECONDS = 0.012


class Turns:
    """Drives one generator of pieces at a time; a new one takes the place of the last.

    Args:
        failed: called with what the pieces raise; nothing is done after it.
    """

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed
        self._pieces: Generator[None, None, Any] | None = None
        self._finished: Callable[[Any], None] = lambda result: None
        self._timer = qt.QTimer()
        self._timer.setInterval(0)
        self._timer.connect("timeout()", self.turn)

    @property
    def busy(self) -> bool:
        return self._pieces is not None

    def start(self, pieces: Generator[None, None, Any], finished: Callable[[Any], None]) -> None:
        """Begins at once; short work is done when this returns. ``finished`` gets what the generator returns."""
        self.stop()
        self._pieces, self._finished = pieces, finished
        self.turn()
        if self._pieces is not None:
            self._timer.start()

    def turn(self) -> None:
        """Goes on for one turn."""
        until = perf_counter() + TURN_SECONDS
        try:
            while self._pieces is not None:
                next(self._pieces)
                if perf_counter() > until:
                    return
        except StopIteration as end:
            self.stop()
            self._finished(end.value)
        except Exception as error:
            self.stop()
            self._failed(error)

    def stop(self) -> None:
        """Leaves the work where it is."""
        self._timer.stop()
        if self._pieces is not None:
            pieces, self._pieces = self._pieces, None
            pieces.close()
