"""Slicer's and ctk's sources, where they are at hand: a folder, or a git repository without a work tree.

The environment variables ``NEUROSPINESEG_SLICER_SOURCE`` and ``NEUROSPINESEG_CTK_SOURCE`` say where they lie.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

SLICER, CTK = "NEUROSPINESEG_SLICER_SOURCE", "NEUROSPINESEG_CTK_SOURCE"
VERSIONS = {SLICER: "v5.12.3", CTK: "5056664a20a3d0a393bb6d91f040525581e0dcdf"}
"""What is read of a git repository; that of ctk is the one that Slicer's SuperBuild/External_CTK.cmake names."""
PYTHON = ("Base/Python/slicer", "Modules/Scripted/SampleData")
"""Folders of Slicer's Python sources that the bench can run."""


class Sources:
    """One program's sources.

    Args:
        variable: the environment variable that says where they lie.
    """

    def __init__(self, variable: str) -> None:
        self.variable, self.place = variable, Path(os.environ[variable]) if os.environ.get(variable) else None

    @property
    def _is_bare(self) -> bool:
        return self.place is not None and (self.place / "objects").is_dir()

    def read(self, path: str) -> str:
        """A file's text.

        Raises:
            FileNotFoundError: there is none.
        """
        assert self.place is not None
        if not self._is_bare:
            return (self.place / path).read_text(encoding="utf-8")
        done = subprocess.run(self._git("show", f"{VERSIONS[self.variable]}:{path}"), capture_output=True)
        if done.returncode != 0:
            raise FileNotFoundError(path)
        return done.stdout.decode("utf-8")

    def unpack(self, folder: Path, paths: tuple[str, ...] = PYTHON) -> Path:
        """A folder with these folders of the sources in it: the sources themselves where they are a folder."""
        assert self.place is not None
        if not self._is_bare:
            return self.place
        done = subprocess.run(self._git("archive", VERSIONS[self.variable], *paths), capture_output=True, check=True)
        with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
        return folder

    def _git(self, *arguments: str) -> list[str]:
        return ["git", f"--git-dir={self.place}", *arguments]
