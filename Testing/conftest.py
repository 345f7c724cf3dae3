"""What several test files share: real data where it lies, small scans, a tiny model."""

from __future__ import annotations

import gc
import importlib.util
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from neurospineseg.models.bundle import read_bundle
from neurospineseg.models.bundle_writer import write_bundle
from Testing.small_scans import ball, write_nifti
from Testing.tiny_model import write_tiny_model

HERE = Path(__file__).resolve().parent
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"  # of processes that tests start: how sums are rounded depends on it
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job may ignore it, and what tests start would inherit that

NEEDED_BY = {"mrml": ("slicer",), "panel": ("slicer", "PySide6")}
"""What the tests of a folder need that there is not for every machine and Python."""
LACKING = {folder: [name for name in names if importlib.util.find_spec(name) is None] for folder, names in NEEDED_BY.items()}


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leaves out the folders whose tests cannot run here; ``pytest_terminal_summary`` says so."""
    folder = collection_path.relative_to(HERE).parts[:1] if collection_path.is_relative_to(HERE) else ()
    return True if folder and LACKING.get(folder[0]) else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for folder, names in LACKING.items():
        if names:
            terminalreporter.write_line(f"Left out: Testing/{folder}, since {' and '.join(names)} is not installed here.")


def pytest_collection_finish() -> None:
    """Lets the garbage collector pass over what the tests import: it took half a second each time, in any turn of an event loop."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where pytest-xdist shares out whole files, which ``bootstrap.py test`` asks for."""
    from Testing.file_after_file import FileAfterFile

    return FileAfterFile(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real scans; the test is skipped where it is absent."""
    folder = Path(os.environ.get("NEUROSPINESEG_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real scans here (set NEUROSPINESEG_DATA to the folder that holds them)")
    return folder


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bundle ``tiny_tumor``: an untrained network that finds something everywhere."""
    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder)
    return folder


@pytest.fixture(scope="session")
def doubting_models(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ``tiny_tumor`` that doubts scans in which no brain is found."""
    folder = tmp_path_factory.mktemp("doubting")
    bundle = read_bundle(tiny_models / "tiny_tumor")
    write_bundle(folder, bundle.spec.model_copy(update={"recognizer": "subcortical_locator"}), bundle.network_def, bundle.weights)
    return folder


@pytest.fixture
def with_tiny_models(tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts ``tiny_tumor`` before the installed models."""
    monkeypatch.setenv("NEUROSPINESEG_MODELS", str(tiny_models))
    return tiny_models


@pytest.fixture
def head(tmp_path: Path) -> Path:
    """A NIfTI file that can be segmented: a 120 x 130 x 140 mm ball on an oblique grid."""
    return write_nifti(tmp_path / "head.nii.gz", ball())
