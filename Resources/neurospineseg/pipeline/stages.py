"""Seconds per stage of a run."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from neurospineseg.pipeline.memory import give_back

Progress = Callable[[str, float], None]


class StageWatch:
    """Seconds per stage, and the word to the user when one begins.

    Args:
        progress: called with a stage's name and the fraction of it that is done.
    """

    def __init__(self, progress: Progress = lambda stage, fraction: None) -> None:
        self.progress, self.seconds, self._stage, self._since = progress, {}, None, 0.0

    def start(self, stage: str) -> None:
        if stage == self._stage:
            return
        self.stop()
        self._stage, self._since = stage, perf_counter()
        self.progress(stage, 0.0)

    def stop(self) -> None:
        give_back()
        if self._stage is not None:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + perf_counter() - self._since
            self._stage = None
