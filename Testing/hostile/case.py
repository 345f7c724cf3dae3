"""A malformed input: how it is written, what reads it, and what must come of it."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CANARY = "CANARY_OF_HOSTILE_FILES"
"""The environment variable with the path of a file that code from an input would make."""
DECOY = "DECOY_OF_HOSTILE_FILES"
"""The environment variable with a folder that no input is in and that none may reach."""


@dataclass(frozen=True)
class Hostile:
    """One input.

    Attributes:
        name: unique within its format.
        kind: what is wrong with it, in a word or two.
        make: writes it into an empty folder and returns what is given to ``read``.
        read: what the program does with it.
        harmless: whether the right answer may also be that it is read, since nothing in it has an effect.
    """

    name: str
    kind: str
    make: Callable[[Path], Path]
    read: Callable[[Path], Any]
    harmless: bool = False


def decoy(name: str = "secret.raw") -> Path:
    """A file outside every input's folder."""
    return Path(os.environ[DECOY]) / name


def payload() -> str:
    """A Python expression that leaves its mark where it is run."""
    return f"__import__('pathlib').Path({os.environ[CANARY]!r}).write_text('ran')"


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def fifo(path: Path) -> Path:
    """A pipe into which nobody writes: who opens it waits forever."""
    os.mkfifo(path)
    return path


def endless(path: Path) -> Path:
    """A link to a file without an end."""
    path.symlink_to("/dev/zero")
    return path


def sparse(path: Path, size: int = 2**40) -> Path:
    """A file of a terabyte that takes no room on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def packed(path: Path, members: Mapping[str, bytes], links: Mapping[str, str]) -> Path:
    """A zip file of some files and of symbolic links by their targets."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for member, content in members.items():
            file.writestr(member, content)
        for member, target in links.items():
            entry = zipfile.ZipInfo(member)
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            file.writestr(entry, target)
    return path
