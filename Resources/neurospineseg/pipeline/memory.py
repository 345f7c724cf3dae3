"""Memory that was let go of, handed back to the system.

The C library of Linux keeps freed blocks of up to 32 MiB for later: after some stages of a run over a hundred megabytes that nothing
uses. Handing them back takes a few milliseconds a stage.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache


@cache
def _trim() -> Callable[[int], int] | None:
    """glibc's ``malloc_trim``; None where the C library is another."""
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


def give_back() -> None:
    """Hands unused memory back; does nothing where the C library does that itself or cannot."""
    trim = _trim()
    if trim is not None:
        trim(0)
