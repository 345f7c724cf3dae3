"""Tests that are shared out among processes: whole files, in order, and those that take long one by one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("xdist")
from Testing.file_after_file import IN_PIECES, FileAfterFile


class Worker:
    """What the scheduler asks a process of tests."""

    shutting_down = False

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.gateway = SimpleNamespace(id="gw0")

    def send_runtest_some(self, numbers: list[int]) -> None:
        self.asked.append(numbers)

    def shutdown(self) -> None:
        self.shutting_down = True


@pytest.fixture
def config() -> Any:
    option = SimpleNamespace(loadscopereorder=True)
    return SimpleNamespace(option=option, getvalue={"tx": ["popen", "popen"], "numprocesses": 2}.get)


def shared_out(config: Any, collected: list[str]) -> list[list[list[int]]]:
    """What two processes are asked for before they have done any of it."""
    scheduler, workers = FileAfterFile(config, None), [Worker(), Worker()]
    for worker in workers:
        scheduler.add_node(worker)
        scheduler.add_node_collection(worker, collected)
    scheduler.schedule()
    return [worker.asked for worker in workers]


def test_files_go_whole_and_the_first_first(config: Any) -> None:
    collected = [
        "library/a.py::one",
        *(f"panel/b.py::test[{number}::x]" for number in range(3)),
        *(f"c.py::{number}" for number in range(9)),
    ]
    assert [asked[0] for asked in shared_out(config, collected)] == [[0], [1, 2, 3]]


def test_long_ones_go_one_by_one(config: Any) -> None:
    assert shared_out(config, [f"{IN_PIECES[0]}::test[{number}]" for number in range(2)]) == [[[0]], [[1]]]
