"""Which process a temporary file or folder belongs to, and whether that process is still there."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from contextlib import suppress
from pathlib import Path

PROCESS_NAMESPACE, BOOT = Path("/proc/self/ns/pid"), Path("/proc/sys/kernel/random/boot_id")


def here() -> str:
    """The computer's name and, on Linux, which container and which start of the computer: elsewhere ids mean other processes."""
    words = [platform.node()]
    with suppress(OSError):
        words.append(os.readlink(PROCESS_NAMESPACE))
    with suppress(OSError):
        words.append(BOOT.read_text(encoding="utf-8").strip())
    return " ".join(words)


def owner_mark() -> str:
    """This process in a few characters for a name, without the computer's: ``9f86d081-4711``."""
    return f"{_place()}-{os.getpid()}"


def is_abandoned(mark: str) -> bool:
    """Whether a mark is that of a process of this computer that has ended; in doubt it is not."""
    place, _, pid = mark.partition("-")
    return place == _place() and pid.isdecimal() and not is_alive(int(pid))


def _place() -> str:
    return hashlib.sha256(here().encode()).hexdigest()[:8]


def is_alive(pid: int) -> bool:
    """Whether there is a process of this id that has not ended; in doubt there is."""
    if sys.platform == "win32":
        return _is_alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Whether a process has ended and waits to be asked how; only Linux tells."""
    try:
        said = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return said.rpartition(b")")[2].split()[:1] == [b"Z"]


def _is_alive_on_windows(pid: int) -> bool:
    """There ``os.kill`` would end the process."""
    if sys.platform != "win32":
        raise OSError("this asks Windows")
    import ctypes
    from ctypes import wintypes

    query_limited_information, no_such_process, still_active = 0x1000, 87, 259
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.OpenProcess.argtypes, kernel.OpenProcess.restype = (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD), wintypes.HANDLE
    kernel.GetExitCodeProcess.argtypes = (wintypes.HANDLE, ctypes.POINTER(wintypes.DWORD))
    kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
    process = kernel.OpenProcess(query_limited_information, False, pid)
    if not process:
        return ctypes.get_last_error() != no_such_process
    try:
        code = wintypes.DWORD()
        return not kernel.GetExitCodeProcess(process, ctypes.byref(code)) or code.value == still_active
    finally:
        kernel.CloseHandle(process)
