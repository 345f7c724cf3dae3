"""``neurospineseg wheels``: fills a folder with all packages that the program needs, for a computer without a network."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from neurospineseg.cli.console import out, say, table
from neurospineseg.cli.doctor import NEEDED
from neurospineseg.errors.of_files import writing_failed
from neurospineseg.packages.gathering import get_wheel, needed_wheels
from neurospineseg.packages.target import Target
from neurospineseg.packages.wheel import Wheel

CONSTRAINTS = Path(__file__).resolve().parents[2] / "constraints.txt"
"""In a checkout and in the extension: the versions that were tested together."""
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
SLICER_PYTHON = "3.12"
"""Of Slicer 5.12."""


def wheels(options: argparse.Namespace) -> None:
    """Runs the command.

    Raises:
        InputError: the folder cannot be made, the index cannot be reached, or it has no wheel of some package.
    """
    target, folder = Target(options.python, options.platform), options.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise writing_failed(error, folder) from error
    say(f"Looking up what is needed for {target} ...")
    try:
        rows = _gather(needed_wheels(*_wanted(target), target), folder, target)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Canceled; what was got is kept: run the command again to go on.") from None
    out().print(table(None, ("Wheel", "MB", ""), rows, right=(1,)))
    got, total = sum(word == "got" for _, _, word in rows), sum(float(size) for _, size, _ in rows)
    print(f"{got} got, {len(rows) - got} kept, {total:.1f} MB: all that is needed for {target}.")
    if target.version != SLICER_PYTHON:
        print(f"Slicer 5.12 has Python {SLICER_PYTHON}; for it run the command with --python {SLICER_PYTHON} too.")


def _wanted(target: Target) -> tuple[list[str], list[str]]:
    """Requirements, and options of pip: the tested versions, and PyTorch's builds for the CPU where there are others.

    On Linux no other build will do, since PyPI's would bring some GB of CUDA along whenever PyTorch's own index is out of reach.
    """
    requirements, options = [*NEEDED, "setuptools"], []
    if target.system != "macosx":
        options += ["--extra-index-url", CPU_WHEELS]
    if CONSTRAINTS.is_file():
        options += ["--constraint", str(CONSTRAINTS)]
        if target.system == "manylinux":
            requirements.remove("torch")
            requirements.append(f"{_tested_torch()}+cpu")
    return requirements, options


def _tested_torch() -> str:
    return next(line.strip() for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines() if line.startswith("torch=="))


def _gather(wanted: Sequence[Wheel], folder: Path, target: Target) -> list[tuple[str, str, str]]:
    """Gets the wheels one after another; file, MB, and ``got`` or ``kept`` of each."""
    rows = []
    for number, wheel in enumerate(wanted, start=1):
        say(f"{number} of {len(wanted)}: {wheel.name} {wheel.version} ...")
        kept = get_wheel(wheel, folder, target)
        size = (folder / wheel.file).stat().st_size
        rows.append((wheel.file, f"{size / 1e6:.1f}", "kept" if kept else "got"))
    return rows
