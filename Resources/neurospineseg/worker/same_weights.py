"""Whether two computers have the same model: the checksums of its weights and of those that help it. No torch, no pydantic."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from neurospineseg.errors import InputError
from neurospineseg.models.catalog import model_folders, models_of
from neurospineseg.models.fingerprint import helpers_of


def name_here(task: str, model: str | None) -> str | None:
    """The name of the model that a run on this computer would use; None where none is installed.

    Raises:
        InputError: it is the path of a folder.
    """
    if model is None:
        return next((entry.name for entry in models_of(task)), None)
    if Path(model).name != model or model in (".", ".."):
        raise InputError(
            "A model that is a folder is not sent to another computer; add it there with `neurospineseg models add` and give its name."
        )
    return model


def weights_here(model: str) -> dict[str, str]:
    """SHA-256 of the weights of a model and of the models that help it, by name; without those that are not installed."""
    found: dict[str, str] = {}
    wanted = [model]
    for name in wanted:
        folder = next((parent / name for parent in model_folders() if (parent / name / "models" / "model.pt").is_file()), None)
        if folder is None:
            continue
        weights = folder / "models" / "model.pt"
        found[name] = _checksum(weights, weights.stat().st_mtime_ns)
        wanted += [helper for helper in helpers_of(folder) if helper not in wanted]
    return found


def what_differs(model: str, there: dict[str, str], here: dict[str, str]) -> str:
    """One sentence where the models of two computers are not the same; empty where they are, or where one is not known.

    Args:
        there: as ``weights_here``, of the computer that asks.
        here: of this one.
    """
    if model not in here:
        return (
            f"The model '{model}' is not installed on this computer; add it there with `neurospineseg models add`, or choose another model."
        )
    other = next((name for name in here if there.get(name, here[name]) != here[name]), None)
    if other is None:
        return ""
    return (
        f"The weights of the model '{other}' on this computer are others than yours; install the same model on both, or choose another one."
    )


@lru_cache
def _checksum(weights: Path, changed: int) -> str:
    """Of a file; kept for as long as it does not change."""
    digest = hashlib.sha256()
    with open(weights, "rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()
