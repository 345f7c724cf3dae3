"""Locks on what is written: whoever writes a file, or into a folder, keeps others from it until it is done.

A lock is a small hidden file beside what it protects, which the operating system locks for the process that holds it. The system gives it back
however that process ends, and over network shares too where they know of locks (NFS 4, SMB). Where they do not, the file itself is the lock:
it says whose it is, and counts for nothing once that process of this computer has ended.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import writing_failed
from neurospineseg.owners import is_abandoned, owner_mark

LOCK_PREFIX, LOCK_ENDING = ".neurospineseg-", ".lock"
HELD_BY_OTHERS = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}
NO_LOCKS = {getattr(errno, name) for name in ("ENOLCK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL") if hasattr(errno, name)}
"""What a file system says that knows of no locks."""
FAR = 2**30
"""The byte that Windows locks: nobody may read a locked one, and what lies before it is to be read."""
LONGEST_NOTE = 4096
_HELD: set[Path] = set()


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, as its file says.

    Attributes:
        mark: see ``owners.owner_mark``.
        since: when it was taken, in that computer's time.
        sure: whether the operating system holds it too.
    """

    mark: str
    computer: str
    process: int
    since: str
    sure: bool

    def __str__(self) -> str:
        where = "this computer" if self.computer == platform.node() else f"the computer '{self.computer}'"
        return f"process {self.process} of {where}, since {self.since}"


class Locked(InputError):
    """Another run is writing there."""


def lock_file(path: Path) -> Path:
    """The lock of a file or folder; names that differ in capitals alone have one, since some file systems take them for the same."""
    return (
        path.parent
        / f"{LOCK_PREFIX}{hashlib.sha256(path.name.casefold().encode('utf-8', 'surrogateescape')).hexdigest()[:16]}{LOCK_ENDING}"
    )


@contextmanager
def locked(path: Path, words: str) -> Iterator[None]:
    """Holds the lock of a file in the block; the file need not be there.

    Args:
        words: what is said where another run holds it, before who that is and what to do.

    Raises:
        Locked: another run holds it.
        InputError: the folder cannot be written to.
    """
    lock = lock_file(path)
    try:
        file = _taken(lock)
    except _HeldByOther as held:
        raise Locked(_sentence(words, held.holder, lock)) from None
    except OSError as error:
        raise writing_failed(error, path.parent) from error
    _HELD.add(lock)
    try:
        yield
    finally:
        _give_back(lock, file)
        _HELD.discard(lock)


class _HeldByOther(Exception):
    def __init__(self, holder: Holder | None) -> None:
        super().__init__()
        self.holder = holder


def _sentence(words: str, holder: Holder | None, lock: Path) -> str:
    words = f"{words} ({holder or 'which does not say where it runs'})"
    if holder is not None and holder.sure:
        return f"{words}; wait until it is done, or choose another output."
    return f"{words}; wait until it is done, choose another output, or delete '{lock.name}' there if no such run is left."


def _taken(lock: Path) -> int:
    """The open file of a lock that this process holds now.

    Raises:
        _HeldByOther: another does.
        OSError: the file cannot be opened.
    """
    while True:
        file, is_new = _opened(lock)
        try:
            sure = _lock(file)
            former = None if is_new else _holder(file)
            if not _is_at(file, lock):  # it was given back and removed meanwhile
                os.close(file)
                continue
            if not is_new and not (sure if former is None else sure and former.sure or is_abandoned(former.mark)):
                raise _HeldByOther(former)
            if not is_new and not sure:
                os.close(file)
                lock.unlink(missing_ok=True)
                continue
            _write(file, Holder(owner_mark(), platform.node(), os.getpid(), f"{datetime.now():%Y-%m-%d %H:%M}", sure))
            return file
        except _HeldByOther:
            os.close(file)
            raise
        except BaseException:  # such as a full disk
            if is_new:
                _give_back(lock, file)
            else:
                os.close(file)
            raise


def _opened(lock: Path) -> tuple[int, bool]:
    """The open file, and whether it was not there before."""
    while True:
        with suppress(FileExistsError):
            return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), True
        with suppress(FileNotFoundError):
            return os.open(lock, os.O_RDWR), False


def _lock(file: int) -> bool:
    """Asks the operating system for a lock; returns False where the file system knows of none.

    Raises:
        _HeldByOther: another process has it.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(file, FAR, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in HELD_BY_OTHERS:
            raise _HeldByOther(_holder(file)) from None
        if error.errno in NO_LOCKS:
            return False
        raise
    return True


def _holder(file: int) -> Holder | None:
    """Who holds a lock; None where its file does not say so, as for a moment when it is new."""
    os.lseek(file, 0, os.SEEK_SET)
    try:
        said = json.loads(os.read(file, LONGEST_NOTE))
        return Holder(str(said["mark"]), str(said["computer"]), int(said["process"]), str(said["since"]), said["sure"] is True)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _write(file: int, holder: Holder) -> None:
    os.ftruncate(file, 0)
    os.lseek(file, 0, os.SEEK_SET)
    os.write(file, json.dumps(asdict(holder)).encode())


def _is_at(file: int, lock: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(lock))
    except OSError:
        return False


def _give_back(lock: Path, file: int) -> None:
    """Removes a lock's file while it is held, so that nobody locks one that is about to go; Windows removes no open file."""
    with suppress(OSError):
        if sys.platform == "win32":
            os.close(file)
            lock.unlink()
        else:
            lock.unlink()
            os.close(file)


def remove_held_locks() -> None:
    """Removes the files of the locks of this process, which is about to end at once."""
    for lock in list(_HELD):
        with suppress(OSError):
            lock.unlink()


def remove_left_locks(folder: Path) -> None:
    """Removes the files of locks in a folder that processes have left which were killed; locks that are held stay."""
    for lock in folder.glob(f"{LOCK_PREFIX}*{LOCK_ENDING}"):
        with suppress(OSError, _HeldByOther):
            _give_back(lock, _taken(lock))
