"""The text for a bug report: versions, device, model, settings and messages; no name of a scan, a patient or a folder."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import slicer

from neurospineseg import __version__

if TYPE_CHECKING:
    from neurospineseg_panel.widget import SegmentWidget

PACKAGES = ("torch", "monai", "numpy", "scipy", "SimpleITK", "pydantic")


def report_text(widget: SegmentWidget) -> str:
    parameters, model = widget.parameters, widget.model
    lines = [
        f"NeuroSpineSeg {__version__}, {widget.declaration.name}",
        f"Slicer {slicer.app.applicationVersion} on {platform.system()} {platform.release()} ({platform.machine()}), Python {platform.python_version()}",
        ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        f"Model: {model.name} {model.version}" if model else "Model: none",
        f"Scans: {', '.join(widget.scans()) or 'none'}",
        f"Device: {parameters.device.value}, region: {parameters.regionKind.name}, existing segments: {parameters.mergeRule.name}, align: {parameters.register}",
        f"Structures: {', '.join(parameters.structures) or 'all'}",
        "",
        widget.anonymous(widget.ui.logText.plainText),
    ]
    return "\n".join(lines)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
