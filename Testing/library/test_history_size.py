"""What a clone downloads: every version of every file stays in the history for good."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HISTORY, WEIGHTS, ONE_FILE = 80e6, 70e6, 6e6
"""Bytes: of the whole history, of all versions of all weights in it, of one file. What is left between the first two is for all else."""
WEIGHTS_NAME = re.compile(r"Resources/Models/[^/]+/models/[^/]+")


def git(*words: str, given: str | None = None) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *words], input=given, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def history() -> list[tuple[str, int]]:
    """The name and the stored size in bytes of every object that led to this commit or is staged for the next; commits have no name."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone")
    try:
        git("rev-parse", "--verify", "HEAD")
        part = git("rev-parse", "--is-shallow-repository").strip() == "true" or ".promisor=true" in git("config", "--list")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("git is not here or reads no commit here")
    if part:
        pytest.skip("this clone has not the whole history")
    objects = git("rev-list", "--objects", "--indexed-objects", "HEAD")
    listed = git("cat-file", "--batch-check=%(objectsize:disk) %(rest)", given=objects).splitlines()
    return [(name, int(size)) for size, _, name in (line.partition(" ") for line in listed)]


def test_the_history_stays_small(history: list[tuple[str, int]]) -> None:
    weights = [(name, size) for name, size in history if WEIGHTS_NAME.fullmatch(name)]
    assert weights, "the names of the weights are those looked for"
    assert sum(size for _, size in history) < HISTORY
    assert sum(size for _, size in weights) < WEIGHTS, (
        "publish further models as bundles to download, see Resources/Training/docs/bundled.md"
    )
    assert [name for name, size in history if size > ONE_FILE] == []
