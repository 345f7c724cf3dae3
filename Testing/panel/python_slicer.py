"""A stand-in for the program ``PythonSlicer``, whose pip installs into a folder of the test and knows no network but a stand-in index."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest

from Testing.panel.bench.sources import SLICER, Sources


class PythonSlicer:
    """On the path of programs while a test runs.

    Attributes:
        site: where packages are installed; this Python finds them.
        index: a folder of wheels in place of the package index.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.site, self.index, self.bin = folder / "site", folder / "index", folder / "bin"
        for made in (self.site, self.index, self.bin):
            made.mkdir()
        self._monkeypatch = monkeypatch
        self.write(f'exec "{sys.executable}" "$@"')
        monkeypatch.syspath_prepend(str(self.site))
        for name, value in {
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "PIP_TARGET": str(self.site),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.index),
        }.items():
            monkeypatch.setenv(name, value)

    def write(self, script: str) -> None:
        """Makes it another program."""
        program = self.bin / "PythonSlicer"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def lose_network(self) -> None:
        """The package index is a port that nobody listens on."""
        for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
            self._monkeypatch.delenv(name)
        self._monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")


def slicers_own_packaging() -> types.ModuleType:
    """``slicer.packaging`` from Slicer's sources, which are read where they lie and never copied; skips the test without them."""
    sources, path = Sources(SLICER), "Base/Python/slicer/packaging.py"
    if sources.place is None:
        pytest.skip(f"Slicer's sources are not here (set {SLICER})")
    source = sources.read(path)
    module = types.ModuleType("slicer.packaging")
    exec(compile(source, path, "exec"), module.__dict__)
    return module
