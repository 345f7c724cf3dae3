"""The record of a run that lies beside its mask: program, model, device, settings, inputs, volumes, seconds, warnings."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from neurospineseg import __version__
from neurospineseg.images.volume import Volume
from neurospineseg.models.bundle import Bundle
from neurospineseg.tasks.anatomy import Structure

COMPOSITES = {
    "tumor": (
        ("tumor_core", "Tumor core (necrotic core + enhancing)", ("necrotic_core", "enhancing_tumor")),
        ("whole_tumor", "Whole tumor", ("necrotic_core", "edema", "enhancing_tumor")),
    )
}
"""Unions whose volume is reported beside the structures' own: key, name, parts."""
PACKAGES = ("torch", "monai", "numpy", "SimpleITK", "nibabel")


def run_record(
    bundle: Bundle,
    device: str,
    precision: str,
    settings: Mapping[str, Any],
    volumes: Mapping[str, Volume],
    reference: str,
    present: Sequence[Structure],
    volumes_by_label: Mapping[int, float],
    seconds: Mapping[str, float],
    warnings: Sequence[str],
    coarse: Bundle | None = None,
) -> dict[str, Any]:
    """What was done, ready for JSON; it names no file and no patient.

    Args:
        reference: name of the scan in ``volumes`` whose grid the mask has.
        volumes_by_label: mL.
        seconds: by stage.
        coarse: the model that looked before ``bundle`` did, if any.
    """
    spec = bundle.spec
    return {
        "program": {"name": "NeuroSpineSeg", "version": __version__},
        "task": spec.task,
        "model": _model(bundle),
        **({} if coarse is None else {"coarse_model": _model(coarse)}),
        "device": device,
        "precision": precision.removeprefix("torch."),
        "software": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "settings": dict(settings),
        "inputs": {
            name: {"shape_kji": list(volume.shape), "spacing_mm": np.round(volume.spacing, 5).tolist()} for name, volume in volumes.items()
        },
        "reference": reference,
        "volumes": _volumes(spec.task, present, volumes_by_label),
        "seconds": {stage: round(value, 3) for stage, value in seconds.items()},
        "warnings": list(warnings),
        "notice": "Research only; not for clinical use.",
    }


def _model(bundle: Bundle) -> dict[str, str]:
    return {"name": bundle.spec.name, "version": bundle.spec.version, "sha256": bundle.checksum}


def _volumes(task: str, present: Sequence[Structure], volumes_by_label: Mapping[int, float]) -> dict[str, dict[str, Any]]:
    table = {structure.key: {"name": structure.name, "mL": round(volumes_by_label[structure.label], 4)} for structure in present}
    for key, name, parts in COMPOSITES.get(task, ()):
        if any(part in table for part in parts):
            table[key] = {"name": name, "mL": round(sum(table[part]["mL"] for part in parts if part in table), 4)}
    return table


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
