"""Long work over voxels cut into pieces of some milliseconds: a generator that whoever drives it may leave between any two of them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

Box = tuple[slice, ...]
"""A part of a grid: slices (k, j, i)."""
Result = TypeVar("Result")
Pieces = Generator[None, None, Result]
PIECE_VOXELS = 2**21


def at_once(pieces: Pieces[Result]) -> Result:
    """Does all pieces one after the other; returns what the last one gives."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return end.value


def slabs_of(box: Box, voxels: int = PIECE_VOXELS) -> list[Box]:
    """A box (k, j, i) cut along k into slabs of about so many voxels."""
    k, j, i = box
    thickness = max(1, voxels // max(1, (j.stop - j.start) * (i.stop - i.start)))
    return [(slice(first, min(k.stop, first + thickness)), j, i) for first in range(k.start, k.stop, thickness)]


def common_box(one: Box, other: Box) -> Box | None:
    """Where two boxes overlap; None where they do not."""
    box = tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other))
    return box if all(part.start < part.stop for part in box) else None


def moved_box(box: Box, by: Any) -> Box:
    """A box moved by (k, j, i) voxels."""
    return tuple(slice(part.start + int(n), part.stop + int(n)) for part, n in zip(box, by))
