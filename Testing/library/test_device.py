"""How many threads the work takes."""

from __future__ import annotations

import pytest
import torch

from neurospineseg.device import leave_a_core


@pytest.mark.parametrize(("cores", "taken"), [(1, 1), (2, 2), (3, 2), (8, 7)])
def test_one_core_is_left_once_where_there_are_more_than_two(monkeypatch: pytest.MonkeyPatch, cores: int, taken: int) -> None:
    threads = [cores]
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads[-1])
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    leave_a_core.cache_clear()
    leave_a_core()
    leave_a_core()
    assert threads[-1] == taken
    leave_a_core.cache_clear()
