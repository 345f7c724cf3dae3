"""A bar with the time left, while something is done to each of many cases."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Item = TypeVar("Item")


def each(items: Sequence[Item], description: str) -> Iterable[Item]:
    """The items one by one; the bar is on the standard error, and nowhere where that is no terminal."""
    console = Console(file=sys.stderr)
    return track(items, description=description, console=console, disable=not console.is_terminal)
