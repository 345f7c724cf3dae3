"""The record of a run that lies beside its mask: program, model, device, settings, inputs, volumes, seconds, warnings."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from neurospineseg import __version__
from neurospineseg.inference.uncertainty import UNCERTAIN
from neurospineseg.models.bundle import Bundle
from neurospineseg.pipeline.run import Run
from neurospineseg.tasks.structure import Structure
from neurospineseg.tasks.task import task_named

PACKAGES = ("torch", "monai", "numpy", "SimpleITK", "nibabel", "pydicom")


def run_record(run: Run) -> dict[str, Any]:
    """What a run that is over did, ready for JSON; it names no file and no patient."""
    segmenter, bundle = run.segmenter, run.bundle
    return {
        "program": {"name": "NeuroSpineSeg", "version": __version__},
        "task": bundle.spec.task,
        "model": _model(bundle),
        **({} if segmenter.coarse is None else {"coarse_model": _model(segmenter.coarse)}),
        "device": str(segmenter.device),
        "precision": str(segmenter.precision).removeprefix("torch."),
        "software": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "settings": _settings(run),
        "inputs": {
            name: {"shape_kji": list(scan.shape), "spacing_mm": np.round(scan.spacing, 5).tolist()} for name, scan in run.scans.items()
        },
        "reference": run.reference,
        **({"left_out": list(run.left_out)} if run.left_out else {}),
        "volumes": _volumes(bundle.spec.task, run.structures, run.ml),
        **run.of_rules,
        **({} if run.uncertainty is None else {"uncertainty": _uncertainty(run, run.uncertainty)}),
        "seconds": {stage.value: round(value, 3) for stage, value in run.watch.seconds.items()},
        "warnings": list(run.warnings),
        **({"implausible": list(run.implausible)} if run.implausible else {}),
        "notice": "Research only; not for clinical use.",
    }


def _settings(run: Run) -> dict[str, Any]:
    """As they were given, but for a model's folder, whose path may name people: its name is enough."""
    region = None if run.region is None else run.frame.region_in_ras(run.region)
    return replace(run.settings, region=region, model=None if run.settings.model is None else run.bundle.spec.name).to_json()


def _model(bundle: Bundle) -> dict[str, str]:
    return {"name": bundle.spec.name, "version": bundle.spec.version, "sha256": bundle.checksum}


def _volumes(task: str, structures: Sequence[Structure], ml: Mapping[int, float]) -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = {
        structure.key: {"name": structure.name, "mL": round(ml[structure.label], 4)} for structure in structures
    }
    for union in task_named(task).composites:
        if any(part in table for part in union.parts):
            table[union.key] = {"name": union.name, "mL": round(sum(table[part]["mL"] for part in union.parts if part in table), 4)}
    return table


def _uncertainty(run: Run, uncertainty: np.ndarray) -> dict[str, Any]:
    """The share of the mask's voxels in which the model was uncertain (None where nothing was found), and how many places and mL of it,
    the mask's surroundings included, are worth a look."""
    assert run.mask is not None, "the run is not over"
    marked = run.mask.voxels > 0
    count = int(np.count_nonzero(marked))
    share = round(np.count_nonzero(marked & (uncertainty > 255 * UNCERTAIN)) / count, 4) if count else None
    return {"share": share, "places": len(run.uncertain_regions), "mL": round(sum(place.ml for place in run.uncertain_regions), 3)}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
