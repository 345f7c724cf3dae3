"""The most memory that this process has held."""

from __future__ import annotations

import sys
from pathlib import Path


def peak_bytes() -> int:
    """The largest resident memory of this process since it began, and of the largest of its children that have ended."""
    children = own = 0
    if sys.platform != "win32":
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        own, children = (resource.getrusage(who).ru_maxrss * unit for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    status = Path("/proc/self/status")
    if status.is_file():  # Linux: ru_maxrss begins with what the parent held
        own = next(int(line.split()[1]) * 1024 for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:"))
    return own + children


def forget_peak() -> bool:
    """Lets ``peak_bytes`` begin anew, with what is held now; False where the system cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def peak_gpu_bytes(device_name: str) -> int | None:
    """The most memory that torch has reserved on a GPU; None for another device."""
    import torch

    from neurospineseg.inference.device import choose_device

    device = choose_device(device_name)
    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else None
