"""A server on a drawn head, with a stub in the worker's place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from neurospineseg.cli.browser import open_case
from neurospineseg.viewer.server import ViewerServer
from neurospineseg.viewer.viewer import Viewer
from Testing.small_scans import ball, write_nifti
from Testing.viewer.asking import Page, Stub


@pytest.fixture
def stub() -> Stub:
    return Stub()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "private"
    made.mkdir()
    return made


@pytest.fixture
def page(folder: Path, stub: Stub, tmp_path: Path) -> Iterator[Page]:
    scan = write_nifti(tmp_path / "head.nii.gz", ball())
    server = ViewerServer(Viewer(folder, open_case, stub, open_case({"head": scan}, None)))
    server.start()
    yield Page(server)
    server.close()
