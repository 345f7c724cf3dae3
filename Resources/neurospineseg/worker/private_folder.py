"""The folder of one worker and its window: only for this user, and gone at the latest when the next worker starts.

Each folder says in a small file which processes use it. One whose processes have all ended, as after a crash, is swept.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from time import sleep

PREFIX = "neurospineseg-"
PROCESSES = "processes.txt"
"""Where process ids mean the same, see ``_here``, then a process id a line."""
PROCESS_NAMESPACE, BOOT = Path("/proc/self/ns/pid"), Path("/proc/sys/kernel/random/boot_id")


def make_private_folder() -> Path:
    """A new folder that belongs to this process."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    (folder / PROCESSES).write_text(f"{_here()}\n{os.getpid()}\n", encoding="utf-8")
    return folder


def share_with(folder: Path, pid: int) -> None:
    """Lets a folder stay for as long as another process lives too."""
    with open(folder / PROCESSES, "a", encoding="utf-8") as file:
        file.write(f"{pid}\n")


def _here() -> str:
    """The computer's name and, on Linux, which container and which start of the computer: elsewhere ids mean other processes."""
    words = [platform.node()]
    with suppress(OSError):
        words.append(os.readlink(PROCESS_NAMESPACE))
    with suppress(OSError):
        words.append(BOOT.read_text(encoding="utf-8").strip())
    return " ".join(words)


def sweep_private_folders() -> None:
    """Removes the folders that no process uses any more; one that does not say who uses it is left alone."""
    here = _here()
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            place, *pids = (folder / PROCESSES).read_text(encoding="utf-8").splitlines()
            left_behind = place == here and bool(pids) and not any(is_alive(int(pid)) for pid in pids)
        except (OSError, ValueError):
            continue
        if left_behind:
            shutil.rmtree(folder, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Removes a folder in which a process that is just ending may have written a moment ago."""
    for _ in range(6):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether there is a process of this id; in doubt there is."""
    if sys.platform == "win32":
        return _is_alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


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
