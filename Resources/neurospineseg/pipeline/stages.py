"""The stages of a run, and the seconds that each takes."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from time import perf_counter
from typing import NoReturn

from neurospineseg.pipeline.memory import give_back


class Stage(str, Enum):
    """What a run is doing; the value is what records and terminals say.

    Raises:
        ValueError: (``Stage(text)``) there is no such stage.

    >>> Stage("Segmenting") is Stage.SEGMENTING, f"{Stage.SEGMENTING}"
    (True, 'Segmenting')
    """

    SENDING = "Sending"
    READING_FILES = "Reading files"
    LOADING = "Loading the model"
    CHECKING = "Checking"
    REGISTERING = "Registering"
    FINDING_REGION = "Finding the region"
    RESAMPLING = "Reading into the model's grid"
    SEGMENTING = "Segmenting"
    APPLYING_ANATOMY = "Applying anatomy"
    WRITING_MASK = "Writing onto the scan's grid"
    MEASURING = "Measuring"
    WRITING_FILES = "Writing files"
    DRAWING_PAGE = "Drawing the page"
    TAKING_RESULT = "Taking the result"

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        raise ValueError(f"There is no stage '{value}'; the stages are {', '.join(stage.value for stage in cls)}.")

    __hash__ = str.__hash__
    __str__ = str.__str__

    def __format__(self, format_spec: str) -> str:
        return str.__format__(self, format_spec)


Progress = Callable[[Stage, float], None]
"""Called with a stage and the fraction of it that is done, 0 to 1; an exception from it cancels."""


def no_progress(stage: Stage, fraction: float) -> None:
    """For runs that nobody watches."""


class StageWatch:
    """Seconds per stage, and the word to the user when one begins.

    Args:
        progress: called with a stage and the fraction of it that is done.

    Attributes:
        seconds: by stage, of those that are over.
    """

    def __init__(self, progress: Progress = no_progress) -> None:
        self.progress = progress
        self.seconds: dict[Stage, float] = {}
        self._stage: Stage | None = None
        self._since = 0.0

    def start(self, stage: Stage) -> None:
        """Ends the stage before, if another."""
        stage = Stage(stage)
        if stage is self._stage:
            return
        self.stop()
        self._stage, self._since = stage, perf_counter()
        self.progress(stage, 0.0)

    def stop(self) -> None:
        give_back()
        if self._stage is not None:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + perf_counter() - self._since
            self._stage = None
