"""The Python and the system that wheels are for, as pip is told of them."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass

from neurospineseg.errors import InputError

EXAMPLES = "win_amd64, manylinux_2_28_x86_64 or macosx_14_0_arm64"
OLDER_LINUX = {"manylinux2014": 17, "manylinux2010": 12, "manylinux1": 5}
"""Names of system tags from before they said the version of the C library (2.17, ...)."""
SYSTEMS = {
    "win": {"os_name": "nt", "sys_platform": "win32", "platform_system": "Windows"},
    "macosx": {"os_name": "posix", "sys_platform": "darwin", "platform_system": "Darwin"},
    "manylinux": {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux"},
}
MACHINES = {"win": {"amd64": "AMD64", "arm64": "ARM64"}}
"""How Python on a system calls a machine, where that differs from the tag."""
PLATFORM = re.compile(r"(win)_(amd64|arm64)|(macosx)_\d+_\d+_(arm64|x86_64)|(manylinux)(?:_2_\d+|2014|2010|1)_(x86_64|aarch64)")


@dataclass(frozen=True)
class Target:
    """What wheels are for.

    Attributes:
        python: its version, such as ``3.12``; None for the one that runs this.
        platform: a system tag as in the names of wheels; None for this computer.

    Raises:
        InputError: a version or a system that pip would not know.
    """

    python: str | None = None
    platform: str | None = None

    def __post_init__(self) -> None:
        if self.python is not None and not re.fullmatch(r"3\.\d+", self.python):
            raise InputError(f"'{self.python}' is no version of Python; give one such as 3.12, which is that of Slicer 5.12.")
        if self.platform is not None and not PLATFORM.fullmatch(self.platform):
            raise InputError(f"The system '{self.platform}' is not known; give {EXAMPLES}.")

    def __str__(self) -> str:
        return f"Python {self.version} on {self.platform or f'this computer ({platform.system()} {platform.machine()})'}"

    @property
    def version(self) -> str:
        return self.python or ".".join(platform.python_version_tuple()[:2])

    @property
    def system(self) -> str:
        """``win``, ``macosx`` or ``manylinux``."""
        if self.platform is not None:
            return next(name for name in SYSTEMS if self.platform.startswith(name))
        return {"Windows": "win", "Darwin": "macosx"}.get(platform.system(), "manylinux")

    def pip_options(self) -> list[str]:
        """What makes pip choose wheels for the target, and no source archives."""
        options = ["--only-binary=:all:"]
        if self.python is not None:
            options += ["--python-version", self.python]
        for tag in self._platform_tags():
            options += ["--platform", tag]
        return options

    def _platform_tags(self) -> list[str]:
        """The tag, and on Linux those of all older systems, whose wheels run there too; pip itself adds those of older macOS."""
        if self.platform is None:
            return []
        found = re.fullmatch(r"(manylinux(?:_2_(\d+)|\d+))_(\w+)", self.platform)
        if found is None:
            return [self.platform]
        name, newest, machine = found[1], found[2], found[3]
        newest = int(newest) if newest else OLDER_LINUX[name]
        tags = [f"manylinux_2_{minor}_{machine}" for minor in range(newest, 4, -1)]
        tags += [f"{older}_{machine}" for older, minor in OLDER_LINUX.items() if minor <= newest]
        return [*tags, f"linux_{machine}"]

    def markers(self) -> dict[str, str]:
        """Environment markers that differ from those of the Python that runs pip, such as ``sys_platform``."""
        found: dict[str, str] = {}
        if self.python is not None:
            found |= {"python_version": self.python, "python_full_version": f"{self.python}.0"}
        if self.platform is not None:
            kind, machine = (group for group in PLATFORM.fullmatch(self.platform).groups() if group)  # type: ignore[union-attr]
            found |= SYSTEMS[kind] | {"platform_machine": MACHINES.get(kind, {}).get(machine, machine)}
        return found
