"""The text for a bug report: versions, device, model, settings and messages; no name of a scan, a patient or a folder."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

import slicer

from neurospineseg import __version__
from neurospineseg.models.catalog import ModelEntry
from neurospineseg_panel.parameters import SegmentParameters

PACKAGES = ("torch", "monai", "numpy", "scipy", "SimpleITK", "pydantic")


def report_text(module: str, parameters: SegmentParameters, model: ModelEntry | None, channels: Iterable[str], log: str) -> str:
    """The report.

    Args:
        module: its name.
        model: the chosen one.
        channels: for which scans are chosen.
        log: all messages, without names.
    """
    lines = [
        f"NeuroSpineSeg {__version__}, {module}",
        f"Slicer {slicer.app.applicationVersion} on {platform.system()} {platform.release()} ({platform.machine()}), Python {platform.python_version()}",
        ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        f"Model: {model.name} {model.version}" if model else "Model: none",
        f"Scans: {', '.join(channels) or 'none'}",
        f"Device: {parameters.device.value}, region: {parameters.regionKind.name}, existing segments: {parameters.mergeRule.name}, align: {parameters.register}",
        f"Structures: {', '.join(parameters.structures) or 'all'}",
        "",
        log,
    ]
    return "\n".join(lines)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
