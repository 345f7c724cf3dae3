"""Cases whose steps overlap: while one is segmented, the next is read and the one before is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import use_failed
from neurospineseg.pipeline.case import Case

Result = TypeVar("Result")
LOOK_SECONDS = 0.5
"""Windows lets nobody cancel what waits longer in one piece."""


class CaseSteps(Protocol):
    """What is done with a case; each step may run in another thread than the one before, and raises InputError where it fails."""

    def read(self) -> None:
        """Reads the scans."""

    def segment(self) -> None:
        """Segments them; where it fails, nothing is left behind."""

    def write(self) -> Sequence[str]:
        """Writes what was found; returns sentences for the user."""

    def give_up(self) -> None:
        """Leaves nothing behind of a case that was read only."""


StepsOfCase = Callable[[Mapping[str, Path], Path], CaseSteps]


@dataclass(frozen=True)
class Outcome:
    """What became of a case: a word or a sentence, and sentences for the user (None for those of an earlier run)."""

    case: Case
    words: str
    warnings: Sequence[str] | None = ()


@dataclass(frozen=True)
class Ready:
    """A case whose scans were read, and sentences on how they were found."""

    case: Case
    steps: CaseSteps
    notes: Sequence[str] = ()


def overlapping(
    cases: Sequence[Case], prepare: Callable[[Case], Ready | Outcome], begun: Callable[[int], None], done: str
) -> Iterator[Outcome]:
    """What became of each case, in their order; a case is told when the next one is segmented.

    At most three cases are in memory. Whoever cancels (KeyboardInterrupt) is told what was being written first.

    Args:
        prepare: reads a case, or tells what became of it without; it runs in a thread and raises nothing.
        begun: called with the number of each case that is about to be segmented.
        done: the word for a case that succeeded.
    """
    ahead: Future[Ready | Outcome] | None = None
    behind: Future[Outcome] | None = None
    with ThreadPoolExecutor(1, "reading") as reader, ThreadPoolExecutor(1, "writing") as writer:
        try:
            for number in range(len(cases)):
                begun(number)
                found = _result(ahead or reader.submit(prepare, cases[number]))
                ahead = reader.submit(prepare, cases[number + 1]) if number + 1 < len(cases) else None
                segmented = _segmented(found) if isinstance(found, Ready) else found
                if behind is not None:
                    before, behind = behind, None
                    yield _result(before)
                if isinstance(segmented, Ready):
                    behind = writer.submit(_written, segmented, done)
                else:
                    yield segmented
            if behind is not None:
                before, behind = behind, None
                yield _result(before)
        except KeyboardInterrupt:
            if behind is not None:
                before, behind = behind, None
                yield _result(before)
            raise
        finally:
            if ahead is not None and not ahead.cancel():
                read = _result(ahead)
                if isinstance(read, Ready):
                    read.steps.give_up()


def _result(future: Future[Result]) -> Result:
    while not wait([future], LOOK_SECONDS).done:
        pass
    return future.result()


def _segmented(ready: Ready) -> Ready | Outcome:
    try:
        ready.steps.segment()
    except Exception as error:
        return Outcome(ready.case, sentence_of(error))
    except BaseException:
        ready.steps.give_up()
        raise
    return ready


def _written(ready: Ready, done: str) -> Outcome:
    try:
        return Outcome(ready.case, done, [*ready.notes, *ready.steps.write()])
    except Exception as error:
        return Outcome(ready.case, sentence_of(error))


def sentence_of(error: Exception) -> str:
    """What is wrong with a case: one must not stop thousands."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError):
        return str(use_failed(error))
    if isinstance(error, MemoryError):
        return "This computer ran out of memory for it; close other programs, or segment a part of it by itself."
    if type(error).__name__ == "OutOfMemoryError":
        return "The device ran out of memory for it; choose another device, or segment a part of it by itself."
    return f"It could not be segmented; this is a fault of the program ({type(error).__name__}), please report it."
