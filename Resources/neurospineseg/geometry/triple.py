"""Three values, one along each axis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def triple(values: Iterable[T]) -> tuple[T, T, T]:
    """Three values as a tuple that a type checker knows the length of.

    Raises:
        ValueError: there are more or fewer.
    """
    first, second, third = values
    return first, second, third
