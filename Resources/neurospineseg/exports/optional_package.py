"""Packages that only exports need."""

from __future__ import annotations

import importlib.util

from neurospineseg.errors import InputError


def need(package: str, purpose: str, module: str | None = None) -> None:
    """Refuses, before any work, what cannot be done without a package.

    Args:
        purpose: what needs it, as a sentence begins: ``Writing DICOM SEG``.
        module: what the package is called in Python, where that differs.

    Raises:
        InputError: it is not installed.
    """
    if importlib.util.find_spec(module or package) is None:
        raise InputError(f"{purpose} needs the package {package}, which this Python does not have; run `python -m pip install {package}`.")
