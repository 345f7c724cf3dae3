"""Hidden folders beside a result, in which it grows until it is complete.

Such a folder's name says whose it is. What a process that was killed has left is cleared away by the next one that writes there; where it was
killed while it put finished files in their place, the rest of them follows.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from uuid import uuid4

from neurospineseg.locks import remove_left_locks
from neurospineseg.owners import is_abandoned, owner_mark

STAGING_PREFIX = ".neurospineseg-"
FINISHED = ".finished.json"
"""Names, in their order, of the files that are complete and about to be put in their place."""
NO_LINKS = {
    getattr(errno, name) for name in ("EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EINVAL") if hasattr(errno, name)
}
"""What a file system says that knows of no hard links, as FAT and some network shares."""


def staging_name() -> str:
    """A new name of a staging folder, for one that somebody else must be able to remove."""
    return f"{STAGING_PREFIX}{owner_mark()}-{uuid4().hex[:8]}"


@contextmanager
def staging_folder(parent: Path, agreed: Path | None = None) -> Iterator[Path]:
    """A new hidden folder in ``parent`` for what is being written, removed at the end with what is still in it.

    Args:
        agreed: its name, where somebody else must be able to remove it.

    Raises:
        OSError: it cannot be made, or it is there already.
    """
    clear_abandoned(parent.absolute())
    if agreed is not None:
        agreed.mkdir(mode=0o700)
    staging = agreed or Path(tempfile.mkdtemp(prefix=f"{STAGING_PREFIX}{owner_mark()}-", dir=parent))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def place(staging: Path, names: Sequence[str], *, overwrite: bool = True) -> None:
    """Moves finished files out of a staging folder into the folder that it lies in: all, or none where one cannot be moved.

    Raises:
        FileExistsError: one is there, and none is to be replaced.
        OSError: one cannot be moved; files that were there before are as they were.
    """
    move = os.replace if overwrite else move_without_replacing
    (staging / FINISHED).write_text(json.dumps(list(names)), encoding="utf-8")
    former = {name: _kept(staging, name) for name in names}
    moved: list[str] = []
    with uncanceled():
        try:
            for name in names:
                move(staging / name, staging.parent / name)
                moved.append(name)
        except OSError:
            for name in moved:
                _put_back(former[name], staging.parent / name)
            raise


def move_without_replacing(source: Path, target: Path) -> None:
    """Gives a file its name, which no other file must have; not even one that appears at this moment, where there are hard links.

    Raises:
        FileExistsError: there is a file of this name.
        OSError: it cannot be moved.
    """
    if os.name == "nt":
        os.rename(source, target)
        return
    try:
        os.link(source, target)
    except OSError as error:
        if isinstance(error, FileExistsError) or error.errno not in NO_LINKS:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        os.rename(source, target)
    else:
        os.unlink(source)


def _kept(staging: Path, name: str) -> Path | None:
    """A copy of the file that another is about to replace."""
    if not (staging.parent / name).exists():
        return None
    return Path(shutil.copy2(staging.parent / name, staging / f".former-{name}"))


def _put_back(former: Path | None, path: Path) -> None:
    with suppress(OSError):
        if former is None:
            path.unlink()
        else:
            os.replace(former, path)


@cache
def clear_abandoned(parent: Path) -> None:
    """Clears away what killed processes have left in a folder; each process looks once."""
    remove_left_locks(parent)
    remove_abandoned(parent)


def remove_abandoned(parent: Path) -> None:
    """Clears away the staging folders of killed processes in a folder; the rest of finished files follows."""
    for staging in parent.glob(f"{STAGING_PREFIX}*"):
        if is_abandoned(staging.name.removeprefix(STAGING_PREFIX).rpartition("-")[0]):
            _finish(staging)
            shutil.rmtree(staging, ignore_errors=True)


def _finish(staging: Path) -> None:
    """Puts the files in their place that are still on the way there."""
    try:
        names = json.loads((staging / FINISHED).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return
    if isinstance(names, list) and all(isinstance(name, str) and name == Path(name).name for name in names):
        for name in names:
            with suppress(OSError):
                if not _is_newer(staging.parent / name, staging / name):
                    os.replace(staging / name, staging.parent / name)


def _is_newer(path: Path, than: Path) -> bool:
    """Whether a file was written after another, as a later run's is."""
    return path.exists() and path.stat().st_mtime_ns > than.stat().st_mtime_ns


@contextmanager
def uncanceled() -> Iterator[None]:
    """Lets Ctrl-C, and a polite request to end, wait until the block has ended."""
    waiting: list[int] = []
    former = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not None]
        former = {number: signal.signal(number, lambda number, frame: waiting.append(number)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    for late in waiting:
        signal.raise_signal(late)
