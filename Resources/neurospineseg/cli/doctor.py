"""``neurospineseg doctor``: what is installed, which device computes, and how fast."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter

from neurospineseg import __version__
from neurospineseg.cli.console import out, table
from neurospineseg.errors import MODULES, missing_package
from neurospineseg.tasks.declarations import called, folders_without_tasks, in_words
from neurospineseg.tasks.task import Task, refused_declarations, registered_tasks

NEEDED = ("torch", "monai", "numpy", "scipy", "SimpleITK", "nibabel", "pynrrd", "pydicom", "pydantic", "rich", "matplotlib", "jinja2")
TRIAL_VOXELS = 64
TRIAL_NETWORK = {
    "_target_": "DynUNet",
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 4,
    "kernel_size": [3, 3, 3],
    "strides": [1, 2, 2],
    "upsample_kernel_size": [2, 2],
    "filters": [16, 32, 64],
}


def examine() -> bool:
    """Prints what was found, then a sentence for everything that is missing.

    Returns:
        Whether scans of at least one task can be segmented.
    """
    rows = [("NeuroSpineSeg", __version__), ("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")]
    missing = []
    for package in NEEDED:
        installed = _version(package)
        rows.append((package, installed or "missing"))
        if installed is None:
            missing.append(f"The package {package} is missing; run `python3 -m pip install {package}` in this environment.")
            continue
        try:
            importlib.import_module(MODULES.get(package, package))
        except ImportError as error:
            missing.append(missing_package(error))
    ready = not missing
    if ready:
        rows += _compute()
        found, sentences = _models()
        rows.append(("Models", ", ".join(found) or "none"))
        missing += sentences + [sentence for task in registered_tasks() for sentence in _unusable_functions(task)]
        ready = bool(found)
    missing += [f"Task left out: {sentence}" for sentence in refused_declarations()] + folders_without_tasks()
    out().print(table(None, ("What", "Found"), rows))
    for sentence in missing:
        print(sentence)
    print("Ready to segment." if ready else "Not ready to segment.")
    return ready


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _compute() -> list[tuple[str, str]]:
    import torch

    from neurospineseg.inference.device import choose_device, choose_precision

    device = choose_device("auto")
    precision = choose_precision(device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    seconds = _seconds_per_patch(device, precision)
    return [
        ("Device", f"{device} ({name}), {torch.get_num_threads()} threads" if device.type == "cpu" else f"{device} ({name})"),
        ("Precision", f"{str(precision).removeprefix('torch.')}{' (the hardware has bfloat16)' if precision == torch.bfloat16 else ''}"),
        (
            "Speed",
            f"{seconds * 1000:.0f} ms for a small 3D U-Net on {TRIAL_VOXELS}^3 voxels ({TRIAL_VOXELS**3 / seconds / 1e6:.1f} million voxels/s)",
        ),
        ("Free memory", _free_memory(device)),
    ]


def _seconds_per_patch(device, precision) -> float:
    """The faster of two forward passes after a first one that warms up."""
    import torch

    from neurospineseg.models.network import build_to_run

    network = build_to_run(TRIAL_NETWORK).eval().to(device)
    network = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    image = torch.zeros(1, 1, *[TRIAL_VOXELS] * 3, device=device).contiguous(memory_format=torch.channels_last_3d)
    times = []
    with torch.inference_mode(), torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
        for _ in range(3):
            start = perf_counter()
            float(network(image).sum())
            times.append(perf_counter() - start)
    return min(times[1:])


def _free_memory(device) -> str:
    import torch

    parts = []
    if device.type == "cuda":
        parts.append(f"{torch.cuda.mem_get_info(device)[0] / 2**30:.1f} GiB on the GPU")
    try:
        parts.append(f"{os.sysconf('SC_AVPHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB of main memory")
    except (AttributeError, ValueError, OSError):
        parts.append("main memory unknown")
    parts.append(f"{shutil.disk_usage('.').free / 2**30:.1f} GiB of disk in this folder")
    return ", ".join(parts)


def _models() -> tuple[list[str], list[str]]:
    """Names of the usable models that segment, and a sentence for each damaged model and for each task that has none."""
    from neurospineseg.models.bundle import surveyed_bundles

    usable, sentences = surveyed_bundles()
    bundles = [bundle for bundle in usable if bundle.spec.role == "segment"]
    sentences += [
        f"There is no model for {task.name}; `neurospineseg segment {task.name}` will not work."
        for task in registered_tasks()
        if not any(bundle.spec.task == task.name for bundle in bundles)
    ]
    return [bundle.spec.name for bundle in bundles], sentences


def _unusable_functions(task: Task) -> list[str]:
    """A sentence for each function that a task names and that cannot be imported."""
    sentences = []
    functions = {"rules": task.rules, "notes": task.notes, "fit": task.fit, "phantom": task.phantom.draw if task.phantom else None}
    for what, reference in functions.items():
        try:
            if reference is not None:
                called(reference)
        except Exception as error:  # a module of somebody else's may raise anything
            sentences.append(f"The {what} of {task.name} cannot be used: {in_words(error)}")
    return sentences
