"""The folder of one worker and its window: only for this user, and gone at the latest when the next worker starts.

Each folder says in a small file which processes use it. One whose processes have all ended, as after a crash, is swept.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from time import sleep

from neurospineseg.owners import here, is_abandoned, is_alive, owner_mark

PREFIX = "neurospineseg-"
PROCESSES = "processes.txt"
"""Where process ids mean the same, see ``owners.here``, then a process id a line."""


def make_private_folder() -> Path:
    """A new folder that belongs to this process, which its name tells, too.

    Raises:
        OSError: it cannot be made or written into, as on a full disk.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{owner_mark()}-"))
    try:
        (folder / PROCESSES).write_text(f"{here()}\n{os.getpid()}\n", encoding="utf-8")
    except OSError:
        remove_folder(folder)
        raise
    return folder


def share_with(folder: Path, pid: int) -> None:
    """Lets a folder stay for as long as another process lives too."""
    with open(folder / PROCESSES, "a", encoding="utf-8") as file:
        file.write(f"{pid}\n")


def sweep_private_folders() -> None:
    """Removes the folders that no process uses any more; one that does not say who uses it is left alone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _is_left_behind(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_left_behind(folder: Path) -> bool:
    try:
        place, *pids = (folder / PROCESSES).read_text(encoding="utf-8").splitlines() or ("",)
        if pids:
            return place == here() and not any(is_alive(int(pid)) for pid in pids)
    except FileNotFoundError:
        pass
    except (OSError, ValueError):
        return False
    return is_abandoned(folder.name.removeprefix(PREFIX).rpartition("-")[0])  # its process ended before it wrote the file


def remove_folder(folder: Path) -> None:
    """Removes a folder in which a process that is just ending may have written a moment ago."""
    for _ in range(6):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        sleep(0.05)
