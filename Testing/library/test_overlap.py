"""Reading, segmenting and writing of different cases overlap; whatever fails in one stops no other, and nothing is lost by canceling."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Event, current_thread, main_thread

import pytest

from neurospineseg.errors import InputError
from neurospineseg.pipeline.batch import InSteps, run_batch
from Testing.library.test_case_names import touch

SECONDS = 20.0


class Steps:
    """Notes what happens; fails where it is told to.

    Attributes:
        log: what was done, of all cases.
    """

    log: list[str] = []
    fails: Mapping[str, Exception | type[BaseException]] = {}

    def __init__(self, scans: Mapping[str, Path], target: Path) -> None:
        self.name, self.target = target.name[0], target

    def _do(self, step: str) -> None:
        self.log.append(f"{step} {self.name}")
        if f"{step} {self.name}" in self.fails:
            raise self.fails[f"{step} {self.name}"]

    def read(self) -> None:
        self._do("read")

    def segment(self) -> None:
        assert current_thread() is main_thread(), "torch's threads are those of one thread"
        self._do("segment")

    def write(self) -> list[str]:
        self._do("write")
        self.target.write_text("mask")
        return [f"{self.name} is written."]

    def give_up(self) -> None:
        self._do("give up")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Steps, "log", [])
    monkeypatch.setattr(Steps, "fails", {})
    return touch(tmp_path / "cases", "a", "b", "c", "d")


def outcomes(folder: Path, steps: type[Steps] = Steps) -> tuple[dict[str, str], list[str]]:
    told: list[str] = []
    return run_batch("spine", folder, folder.parent / "masks", InSteps(steps), warn=told.append), told


def test_every_case_takes_its_steps_in_order(folder: Path) -> None:
    found, told = outcomes(folder)
    assert found == dict.fromkeys("abcd", "done")
    assert told == [f"{name}: {name} is written." for name in "abcd"]
    assert [step for step in Steps.log if step.endswith("c")] == ["read c", "segment c", "write c"]


class Meeting(Steps):
    """The first case is segmented until the second is read, the second until the first is written."""

    met: dict[str, Event] = {}

    def _do(self, step: str) -> None:
        wanted = {"segment a": "read b", "segment b": "write a"}.get(f"{step} {self.name}")
        if wanted is not None:
            assert self.met.setdefault(wanted, Event()).wait(SECONDS), f"{wanted} waits for {step} {self.name}"
        super()._do(step)
        self.met.setdefault(f"{step} {self.name}", Event()).set()


def test_the_next_is_read_and_the_last_written_while_one_is_segmented(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Meeting, "met", {})
    assert outcomes(folder, Meeting)[0] == dict.fromkeys("abcd", "done")


def test_no_more_than_one_case_is_read_ahead(folder: Path) -> None:
    outcomes(folder)
    assert Steps.log.index("read c") > Steps.log.index("read b")
    assert Steps.log.index("read d") > Steps.log.index("segment b")


@pytest.mark.parametrize("step", ["read", "segment", "write"])
@pytest.mark.parametrize("error, words", [(InputError("It is broken."), "It is broken."), (ZeroDivisionError(), "fault of the program")])
def test_one_that_fails_stops_no_other(folder: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: Exception, words: str) -> None:
    monkeypatch.setattr(Steps, "fails", {f"{step} b": error})
    found, _ = outcomes(folder)
    assert words in found.pop("b")
    assert found == dict.fromkeys("acd", "done")


def test_what_is_being_written_when_it_is_canceled_is_told_and_what_was_read_ahead_given_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Steps, "fails", {"segment b": KeyboardInterrupt})
    with pytest.raises(KeyboardInterrupt):
        outcomes(folder)
    assert (folder.parent / "masks" / "summary.csv").read_text().splitlines() == ["case,outcome,warnings", "a,done,a is written."]
    assert {step for step in Steps.log if step.startswith("give up")} == {"give up b", "give up c"}


def test_masks_that_are_there_are_kept(folder: Path) -> None:
    (folder.parent / "masks").mkdir()
    (folder.parent / "masks" / "b.seg.nrrd").touch()
    assert outcomes(folder)[0] == {"a": "done", "b": "kept", "c": "done", "d": "done"}
    assert "read b" not in Steps.log
