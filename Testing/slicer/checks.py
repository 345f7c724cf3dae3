"""All checks, in the order in which they run."""

from Testing.slicer import checks_of_corrections, checks_of_files, checks_of_measuring, checks_of_mishaps, checks_of_panels
from Testing.slicer.check import CHECKS as _registered
from Testing.slicer.check import run_check

_FILES = (checks_of_panels, checks_of_mishaps, checks_of_corrections, checks_of_measuring, checks_of_files)
CHECKS = {name: found for file in _FILES for name, found in _registered.items() if found.run.__module__ == file.__name__}

__all__ = ["CHECKS", "run_check"]
