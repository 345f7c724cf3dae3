"""Which build of PyTorch suits this computer: PyPI's for Linux bring some GB of CUDA along, which are of use to an NVIDIA card alone."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from slicer.i18n import tr as _

from neurospineseg.errors import InputError
from neurospineseg.packages.wheel import Wheel

CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
"""PyTorch's builds for computers without an NVIDIA card."""


def has_nvidia_card() -> bool:
    """Whether the driver of an NVIDIA card is there."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def suits_cpu_build() -> bool:
    """Whether PyTorch's build for the CPU is the right one; for a Mac there is but one."""
    return sys.platform in ("linux", "win32") and not has_nvidia_card()


def only_from_pytorch() -> bool:
    """Whether PyTorch must come from its own index, since PyPI has no build for the CPU."""
    return sys.platform == "linux" and suits_cpu_build()


def refuse_cuda(wheels: Sequence[Wheel]) -> None:
    """Stops an installation before it downloads what this computer has no use for.

    Raises:
        InputError: wheels bring CUDA along, and there is no NVIDIA card.
    """
    if suits_cpu_build() and any(wheel.name.lower().startswith(("nvidia-", "nvidia_")) for wheel in wheels):
        raise InputError(no_cpu_build())


def no_cpu_build() -> str:
    """What is said where PyTorch's own index is out of reach."""
    return _(
        "PyTorch's build for the CPU could not be reached, and the other one brings some GB of CUDA that this computer has no use for; let it reach {host}, or install from a folder of wheels that was filled on another computer."
    ).format(host=urlsplit(CPU_WHEELS).netloc)
