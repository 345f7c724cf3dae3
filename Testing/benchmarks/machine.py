"""What a benchmark ran on, and the figures as a JSON file."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from neurospineseg.inference.device import choose_device, choose_precision


def machine(device_name: str) -> dict[str, Any]:
    """Cores, threads, device, our precision on it, and versions; nothing that names the computer."""
    device = choose_device(device_name)
    versions = {}
    for package in ("torch", "monai", "nnunetv2", "lightning"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processor": _processor(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "precision": str(choose_precision(device)).removeprefix("torch."),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        **versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def machine_line(figures: dict[str, Any]) -> str:
    """One line for the end of a table."""
    nnunet = f", nnU-Net {figures['nnunetv2']}" if figures["nnunetv2"] else ""
    return (
        f"{figures['cores']} CPU cores ({figures['processor']}), {figures['threads']} threads, on {figures['device']} in {figures['precision']}; "
        f"torch {figures['torch']}, MONAI {figures['monai']}{nnunet}, Python {figures['python']}"
    )


def write_json(path: Path | None, program: str, device_name: str, quick: bool, **figures: Any) -> None:
    """Writes figures with what they were measured on; does nothing without a path."""
    if path is not None:
        whole = {"program": program, "quick": quick, "machine": machine(device_name), **figures}
        path.write_text(json.dumps(whole, indent=1, allow_nan=False) + "\n", encoding="utf-8")
