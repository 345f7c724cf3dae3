"""Paths for libraries that take UTF-8 only, and end the whole process at any other."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neurospineseg.errors import InputError
from neurospineseg.images.scan_names import scan_ending


def is_utf_8(text: str) -> bool:
    """Whether a path is text, not bytes that no encoding made, as names from old archives are on Linux.

    >>> is_utf_8("Rücken"), is_utf_8("R\\udcfccken")
    (True, False)
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def plain_path(path: Path) -> Iterator[Path]:
    """A path in UTF-8 to a file that is there: its own, or through a link in a new hidden folder, which is removed at the end.

    Raises:
        InputError: no such link can be made.
    """
    if is_utf_8(str(path)):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="neurospineseg-") as made:
        yield _link(path.absolute(), Path(made))


def _link(path: Path, folder: Path) -> Path:
    """A link to the folder of a file, so that what lies beside the file is found too; to the file where its own name is odd."""
    name = path.name if is_utf_8(path.name) else f"image{scan_ending(path.name)}"
    link = folder / ("folder" if name == path.name else name)
    try:
        link.symlink_to(path.parent if name == path.name else path)
    except OSError as error:
        raise InputError(f"The path of '{path.name}' is not in UTF-8, and cannot be opened here; rename the folder or the file.") from error
    return link / name if name == path.name else link
