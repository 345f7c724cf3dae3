"""Tells whether reading a file ran code of it, or reached beyond its folder: Python's audit events, and inotify for what is opened in C++."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from Testing.hostile.case import CANARY, DECOY

RUNS = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.Popen", "pty.spawn", "pickle.find_class")
REACHES = ("socket.connect", "socket.getaddrinfo", "urllib.Request", "ftplib.connect", "webbrowser.open")
CHANGES = (
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.chmod",
    "shutil.rmtree",
    "shutil.move",
)
OPENED_OR_CHANGED = 0x20 | 0x2 | 0x4 | 0x100 | 0x200 | 0x40 | 0x80
"""inotify: open, modify, attributes, create, delete, moved from, moved to."""


class Canary:
    """Records while it is armed; audit hooks stay until the process ends.

    Args:
        folder: what may be read and written; Python's own files may be read.
    """

    def __init__(self, folder: Path) -> None:
        self.armed, self.seen = False, []  # type: ignore[var-annotated]
        self.writable = [str(folder)]
        self.readable = [*self.writable, *{str(Path(entry).resolve()) for entry in (*sys.path, sys.prefix, sys.base_prefix) if entry}]
        self.readable += ["/proc", "/sys", "/etc", "/usr", "/lib", "/dev/null", "/dev/shm", "/dev/urandom", str(Path.home() / ".config")]
        self._watch = _watch(Path(os.environ[DECOY]))
        sys.addaudithook(self._hook)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Collects what happens meanwhile into ``seen``."""
        self.seen, self.armed = [], True
        try:
            yield
        finally:
            self.armed = False
            if Path(os.environ[CANARY]).exists():
                self.seen.append("code of the file ran")
                Path(os.environ[CANARY]).unlink()
            if _events(self._watch):
                self.seen.append("a file outside was opened or changed")

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.armed:
            return
        if event in RUNS or event in REACHES:
            self.seen.append(f"{event} {args[:1]!r}"[:200])
        elif event in ("compile", "exec") and CANARY.encode() in _code_of(args[0]):
            self.seen.append("code of the file was compiled")
        elif event == "open" and isinstance(args[0], (str, bytes)):
            self._check(event, os.fsdecode(args[0]), self.writable if _writes(args[1], args[2]) else self.readable)
        elif event in CHANGES and isinstance(args[0], (str, bytes)):
            parent = f"/proc/self/fd/{args[-1]}" if isinstance(args[-1], int) and args[-1] >= 0 else ""  # of a relative path
            self._check(event, os.path.join(parent, os.fsdecode(args[0])), self.writable)

    def _check(self, event: str, path: str, allowed: list[str]) -> None:
        self.armed = False  # looking at a path is no event of the file
        place = os.path.realpath(path)
        inside = any(place == folder or place.startswith(f"{folder}{os.sep}") for folder in allowed)
        self.armed = True
        if not inside:
            self.seen.append(f"{event} {path}"[:200])


def _code_of(code: Any) -> bytes:
    if isinstance(code, (str, bytes)):
        return code.encode("utf-8", "replace") if isinstance(code, str) else code
    return repr((getattr(code, "co_consts", ""), getattr(code, "co_names", ""))).encode("utf-8", "replace")


def _writes(mode: Any, flags: Any) -> bool:
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _watch(folder: Path) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK)
    for place in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        libc.inotify_add_watch(descriptor, os.fsencode(place), OPENED_OR_CHANGED)
    return descriptor


def _events(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except BlockingIOError:
        return b""
