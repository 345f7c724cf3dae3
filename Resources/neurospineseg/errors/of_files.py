"""What the operating system says of a file, as one sentence that says what is wrong and what to do. The only place that knows its numbers."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

from neurospineseg.errors import InputError

IN_USE = "{it} is in use by another program; close it there and try again."
NOT_THERE = "{it} is not there, or not any more; check the path and whether its drive is connected."
NO_ANSWER = "The drive or network share that holds {it} does not answer; connect it again and try again."
TOO_LONG = "The name or the path of {it} is too long for the file system; choose a shorter one."
NO_SUCH_NAME = "The name of {it} has signs that the file system does not take; choose another one."
NO_MEMORY = "There is not enough memory to open {it}; close other programs and try again."
MANY_OPEN = "Too many files are open at once, {it} could not be opened too; close other programs, or allow more with `ulimit -n 4096`, and try again."
FORBIDDEN = "{it} cannot be {done} without permission; ask for it, or {instead}."
FORBIDDEN_ELSEWHERE = {
    "darwin": "macOS does not let this program into {it}; allow it in System Settings under Privacy & Security, Files and Folders, or {instead}.",
    "win32": "{it} cannot be {done}, since another program holds it open or permission is lacking; close that program, or {instead}.",
}
"""Where the system says with one number what elsewhere is two."""
SENTENCES = {
    "ENOSPC": "The disk that holds {it} is full; make room there, or choose a folder on another disk.",
    "EDQUOT": "Your share of the disk that holds {it} is used up; make room there, or choose a folder on another disk.",
    "EFBIG": "{it} is larger than the file system or a limit of this account allows; choose a folder on another disk.",
    "EACCES": FORBIDDEN,
    "EPERM": FORBIDDEN,
    "EROFS": "{it} lies on a medium that can only be read; choose a folder on another disk.",
    "EMFILE": MANY_OPEN,
    "ENFILE": MANY_OPEN,
    "ENOENT": NOT_THERE,
    "ENOTDIR": "A part of the path of {it} is a file where a folder is needed; check the path.",
    "EISDIR": "{it} is a folder where a file is needed; give the name of a file.",
    "EEXIST": "{it} exists already; choose another name.",
    "ENOTEMPTY": "{it} exists already; choose another name.",
    "ENAMETOOLONG": TOO_LONG,
    "EINVAL": NO_SUCH_NAME,
    "EILSEQ": NO_SUCH_NAME,
    "ELOOP": "{it} is a link that leads to itself; give the file that it should lead to.",
    "EBUSY": IN_USE,
    "ETXTBSY": IN_USE,
    "EDEADLK": IN_USE,
    "ENOMEM": NO_MEMORY,
    "EIO": "The drive or network share that holds {it} fails (input/output error); check its connection, or use a copy on another drive.",
} | dict.fromkeys(
    "ESTALE ENODEV ENXIO ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ECONNREFUSED ENOTCONN ESHUTDOWN "
    "ETIMEDOUT EHOSTDOWN EHOSTUNREACH ENOLINK EREMOTEIO ENOMEDIUM EKEYEXPIRED EREMCHG ENONET".split(),
    NO_ANSWER,
)
"""By the names of errors, since not every system has all of them or the same numbers."""
WINDOWS_SENTENCES = {
    **dict.fromkeys((32, 33), IN_USE),
    **dict.fromkeys((21, 31, 51, 53, 54, 55, 59, 64, 67, 71, 121, 240, 1167, 1222, 1231, 1232, 1235, 1236, 1450), NO_ANSWER),
    **dict.fromkeys((19,), SENTENCES["EROFS"]),
    **dict.fromkeys((39, 112), SENTENCES["ENOSPC"]),
    **dict.fromkeys((1295,), SENTENCES["EDQUOT"]),
    **dict.fromkeys((206,), TOO_LONG),
    **dict.fromkeys((123,), NO_SUCH_NAME),
    **dict.fromkeys((8, 14, 1455), NO_MEMORY),
}
"""By the numbers of Windows, which Python folds into few others: a share that is gone would be a wrong argument."""
NUMBERS_OF_KINDS = (
    (FileNotFoundError, errno.ENOENT),
    (PermissionError, errno.EACCES),
    (IsADirectoryError, errno.EISDIR),
    (NotADirectoryError, errno.ENOTDIR),
    (FileExistsError, errno.EEXIST),
    (TimeoutError, errno.ETIMEDOUT),
)
"""For errors that a package raises without a number."""


class FileError(InputError):
    """The operating system did not let a file or folder be read or written; the file itself may be as it should."""


def number_of(error: BaseException) -> int | None:
    """The operating system's number of an error; None for one that a package raised of itself or that damaged content led to."""
    if not isinstance(error, OSError):
        return None
    if error.errno == errno.EINVAL and error.filename is None:  # a place before the start of the file, say
        return None
    return error.errno or next((number for kind, number in NUMBERS_OF_KINDS if isinstance(error, kind)), None)


def is_of_the_system(error: BaseException) -> bool:
    """Whether the operating system raised an error, so that it says nothing of what is in the file.

    >>> is_of_the_system(PermissionError(13, "Permission denied")), is_of_the_system(OSError("Not a gzipped file"))
    (True, False)
    """
    return number_of(error) is not None


def reading_failed(error: OSError, path: str | Path | None = None) -> FileError:
    """What to raise when a file or folder could not be read; without ``path`` the error's own.

    >>> print(reading_failed(PermissionError(13, "Permission denied"), "scan.nrrd"))
    'scan.nrrd' cannot be read without permission; ask for it, or copy it to a folder of your own.
    """
    return FileError(_sentence(error, path, "read", "copy it to a folder of your own"))


def writing_failed(error: OSError, path: str | Path | None = None) -> FileError:
    """What to raise when a file or folder could not be written; without ``path`` the error's own.

    >>> print(writing_failed(OSError(28, "No space left on device"), "masks"))
    The disk that holds 'masks' is full; make room there, or choose a folder on another disk.
    """
    return FileError(_sentence(error, path, "written", "choose another folder"))


def use_failed(error: OSError) -> FileError:
    """What to say where it is not known whether a file was to be read or written."""
    return FileError(_sentence(error, None, "used", "choose another folder"))


def _sentence(error: OSError, path: str | Path | None, done: str, instead: str) -> str:
    named = path if path is not None else error.filename if isinstance(error.filename, (str, Path)) else None
    known = WINDOWS_SENTENCES.get(getattr(error, "winerror", None) or 0) or _of_number(number_of(error))
    pattern = known or "{it} cannot be {done} ({why}); check where it lies and try again."
    it, why = "the file" if named is None else f"'{named}'", error.strerror or error
    sentence = pattern.format(it=it, done=done, instead=instead, why=why)
    return sentence[:1].upper() + sentence[1:]


def _of_number(number: int | None) -> str | None:
    word = errno.errorcode.get(number or 0, "")
    if (sys.platform, word) in (("darwin", "EPERM"), ("win32", "EACCES")):
        return FORBIDDEN_ELSEWHERE[sys.platform]
    return SENTENCES.get(word)
