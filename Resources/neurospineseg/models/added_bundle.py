"""Writes a model of another program into a folder of models, as this program keeps it: recipe, network, plain weights and card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from neurospineseg.models.bundle import ModelSpec
from neurospineseg.staging import staging_folder


def write_added_bundle(parent: Path, spec: ModelSpec, network_def: Mapping[str, Any], network: torch.nn.Module, card: str) -> Path:
    """Writes the folder ``parent / spec.name``, which must not be there; it appears when it is complete.

    Raises:
        OSError: it cannot be written.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with staging_folder(parent) as staging:
        new = staging / spec.name
        for part in ("configs", "models", "docs"):
            (new / part).mkdir(parents=True)
        weights = new / "models" / "model.pt"
        torch.save(dict(network.state_dict()), weights)
        with open(weights, "rb") as file:
            checksum = _digest(file)
        metadata = {
            "name": spec.title or spec.name,
            "version": spec.version,
            "task": spec.task,
            "description": spec.summary,
            "intended_use": "Research only; not for clinical use.",
            "weights_sha256": checksum,
            "neurospineseg": spec.model_dump(mode="json"),
        }
        for name, value in (("metadata", metadata), ("inference", {"network_def": dict(network_def)})):
            (new / "configs" / f"{name}.json").write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
        (new / "docs" / "README.md").write_text(card, encoding="utf-8")
        new.rename(parent / spec.name)
    return parent / spec.name


def _digest(file: Any) -> str:
    digest = hashlib.sha256()
    while piece := file.read(2**20):
        digest.update(piece)
    return digest.hexdigest()
