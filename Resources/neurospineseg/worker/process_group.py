"""Processes that can be ended together with their children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any


def own_group() -> dict[str, Any]:
    """Below the window's priority, and in a group that can be ended as a whole."""
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        return {"creationflags": flags}
    return {"start_new_session": True}


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and its children (Slicer's ``PythonSlicer`` is a launcher whose child does the work)."""
    if sys.platform == "win32":
        command, silent = ["taskkill", "/F", "/T", "/PID", str(process.pid)], subprocess.DEVNULL
        subprocess.run(command, check=False, creationflags=subprocess.CREATE_NO_WINDOW, stdout=silent, stderr=silent)
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
    try:
        process.wait(timeout=2.0)
    except subprocess.TimeoutExpired:
        process.kill()
