"""How far a batch is whose cases end one beside the other, and about how long it takes on."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from neurospineseg.pipeline.overlap import Outcome
from neurospineseg.pipeline.summary import DONE, KEPT


class TimeLeft:
    """Tells a line after each case; masks that were there already count for no time.

    Args:
        tell: given each line.
        clock: the time in seconds.
    """

    def __init__(self, tell: Callable[[str], None], clock: Callable[[], float] = monotonic) -> None:
        self._tell, self._clock, self._began, self._segmented = tell, clock, clock(), 0

    def __call__(self, ended: int, count: int, outcome: Outcome) -> None:
        """
        Args:
            ended: how many of ``count`` cases are over.
            outcome: of the last of them.
        """
        self._segmented += outcome.words != KEPT
        words = {DONE: "done", KEPT: "had its mask"}.get(outcome.words, "failed")
        line = f"{ended} of {count}: {outcome.case.name} {words}"
        if self._segmented and ended < count:
            line += f", about {in_words((self._clock() - self._began) / self._segmented * (count - ended))} left"
        self._tell(line)


def in_words(seconds: float) -> str:
    """
    >>> [in_words(seconds) for seconds in (4, 100, 4000, 90_000, 400_000)]
    ['4 s', '2 min', '1.1 h', '25 h', '4.6 days']
    """
    for limit, unit, name in ((60, 1, "s"), (5400 / 2, 60, "min"), (48 * 3600, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.{int(name == 'h' and seconds < 36_000)}f} {name}"
    return f"{seconds / 86_400:.1f} days"
