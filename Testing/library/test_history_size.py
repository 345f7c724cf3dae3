"""What a clone downloads, and what a publication would weigh: every version of every file stays in the history for good."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HISTORY, ONE_FILE = 130e6, 6e6
"""Bytes of this repository's whole history, and of one file in it."""
PUBLICATION = 60e6
"""Bytes of a publication's checkout: one commit with its history (CONTRIBUTING). The Extensions Index counts both and refuses over 100 MB."""
ONE_MODEL, ALL_MODELS = 3e6, 18e6
"""Bytes of weights in the tree."""
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
    assert sum(size for _, size in history) < HISTORY
    assert [name for name, size in history if size > ONE_FILE] == []


@pytest.fixture(scope="module")
def tree(history: list[tuple[str, int]]) -> list[tuple[str, str, int]]:
    """The object, the name and the bytes of every file that is in the index, what the next commit will hold."""
    listed = [line.partition("\t") for line in git("ls-files", "--stage", "-z").split("\0") if line]
    objects = [fields.split()[1] for fields, _, _ in listed]
    sizes = git("cat-file", "--batch-check=%(objectsize)", given="\n".join(objects)).split()
    return [(found, name, int(size)) for found, (_, _, name), size in zip(objects, listed, sizes, strict=True)]


def test_a_publication_from_a_fresh_history_stays_small(tree: list[tuple[str, str, int]]) -> None:
    words = ["git", "-C", str(ROOT), "pack-objects", "--stdout", "--no-reuse-delta", "-q"]
    packed = subprocess.run(words, input="\n".join(found for found, _, _ in tree).encode(), capture_output=True, check=True).stdout
    assert len(packed) + sum(size for _, _, size in tree) < PUBLICATION


def test_the_models_stay_small(tree: list[tuple[str, str, int]]) -> None:
    weights = {name: size for _, name, size in tree if WEIGHTS_NAME.fullmatch(name)}
    assert weights, "the names of the weights are those looked for"
    assert {name: size for name, size in weights.items() if size > ONE_MODEL} == {}
    assert sum(weights.values()) < ALL_MODELS
