"""JSON from a file that somebody else wrote: small, a file and no pipe, and nothing that Python's parser stumbles over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LARGEST = 2**24
"""Bytes."""


def text_of(path: Path) -> str:
    """The text of a small file in UTF-8.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is no file, too large or not in UTF-8.
    """
    found = path.stat()
    if not path.is_file() or found.st_size > LARGEST:
        raise ValueError("the file is a pipe, a device or a folder, or too large")
    return path.read_text(encoding="utf-8")


def json_of(path: Path) -> Any:
    """What a small file of JSON holds.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is no file, too large, or not JSON; numbers of thousands of digits and lists nested a thousand deep count as none.
    """
    try:
        return json.loads(text_of(path))
    except RecursionError as error:
        raise ValueError("lists or objects are nested too deeply") from error
