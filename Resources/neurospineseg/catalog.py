"""The installed models as a list for people, read from their ``metadata.json`` alone: no torch, no pydantic."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

MODELS_FOLDER = Path(__file__).resolve().parent.parent / "Models"
SECTION = "neurospineseg"


@dataclass(frozen=True)
class ModelEntry:
    """A model that is installed; the fields are those of ``neurospineseg.bundle.ModelSpec``."""

    folder: Path
    name: str
    task: str
    version: str = ""
    title: str = ""
    summary: str = ""
    trained_on: str = ""
    measured: str = ""
    preference: int = 0

    @property
    def card(self) -> Path:
        return self.folder / "docs" / "README.md"


def model_folders() -> list[Path]:
    """Folders that hold bundles: ``NEUROSPINESEG_MODELS`` (a path list) first, then the bundled one."""
    extra = [Path(entry) for entry in os.environ.get("NEUROSPINESEG_MODELS", "").split(os.pathsep) if entry]
    return [*extra, MODELS_FOLDER]


def models_of(task: str) -> list[ModelEntry]:
    """The models that segment a task, the preferred one first. Folders that are no readable bundle are left out."""
    found: dict[str, ModelEntry] = {}
    for parent in model_folders():
        for metadata in sorted(parent.glob("*/configs/metadata.json")):
            entry = _entry(metadata)
            if entry is not None and entry.task == task:
                found.setdefault(entry.name, entry)
    return sorted(found.values(), key=lambda entry: -entry.preference)


def _entry(metadata: Path) -> ModelEntry | None:
    try:
        spec = json.loads(metadata.read_text(encoding="utf-8"))[SECTION]
        if spec.get("role", "segment") != "segment":
            return None
        known = {name: spec[name] for name in ModelEntry.__dataclass_fields__ if name in spec}
        return ModelEntry(folder=metadata.parent.parent, **known)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
