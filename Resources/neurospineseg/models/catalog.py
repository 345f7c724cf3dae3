"""The installed models as a list for people, read from their ``metadata.json`` alone: no torch, no pydantic."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from neurospineseg.errors import InputError
from neurospineseg.errors.json_text import json_of
from neurospineseg.tasks.added_structures import FIRST_LABEL, added_structure, plain_name, remember
from neurospineseg.tasks.structure import Structure
from neurospineseg.tasks.task import task_named

MODELS_FOLDER = Path(__file__).resolve().parents[2] / "Models"
SECTION = "neurospineseg"
ROLES = ("segment", "locate", "recognize")


@dataclass(frozen=True)
class ModelEntry:
    """A model that is installed; the fields are those of ``neurospineseg.models.bundle.ModelSpec``."""

    folder: Path
    name: str
    task: str
    version: str = ""
    title: str = ""
    summary: str = ""
    trained_on: str = ""
    measured: str = ""
    preference: int = 0
    modalities: str = ""
    channels: tuple[str, ...] = ()
    advised_channels: tuple[str, ...] = ()
    optional_channels: bool = False
    added_structures: tuple[Structure, ...] = ()

    @property
    def card(self) -> Path:
        return self.folder / "docs" / "README.md"


def user_models_folder() -> Path:
    """Where models of the user's own are kept."""
    return Path.home() / ".neurospineseg" / "models"


def model_folders() -> list[Path]:
    """Folders that hold bundles: ``NEUROSPINESEG_MODELS`` (a path list) first, then the user's, then the bundled one."""
    extra = [Path(entry) for entry in os.environ.get("NEUROSPINESEG_MODELS", "").split(os.pathsep) if entry]
    return [*extra, user_models_folder(), MODELS_FOLDER]


def models_of(task: str) -> list[ModelEntry]:
    """The models that segment a task, the preferred one first. Of two with one name, that of the earlier folder counts.

    Folders that are no whole bundle are left out; ``damaged_models`` names them.

    Raises:
        InputError: there is no such task.
    """
    task_named(task)
    entries: dict[str, ModelEntry] = {}
    for folder in _bundles():
        spec = _read(folder)
        if spec is not None and spec["task"] == task and spec.get("role", "segment") == "segment":
            own = _own_structures(spec)
            remember(own)
            entry = ModelEntry(folder=folder, added_structures=tuple(own), **{name: _tuple(spec[name]) for name in _FIELDS if name in spec})
            entries.setdefault(entry.name, entry)
    return sorted(entries.values(), key=lambda entry: -entry.preference)


def damaged_models() -> list[Path]:
    """Folders with a ``metadata.json`` that are no whole bundle of this program: it is malformed, or files are missing."""
    return [folder for folder in _bundles() if _read(folder) is None]


def _own_structures(spec: dict[str, Any]) -> list[Structure]:
    """The structures that an added model has of its own; what is malformed is left out."""
    found = spec.get("added_structures")
    made = []
    for each in found if isinstance(found, list) else []:
        try:
            key, name, label = each["key"], each["name"], each["label"]
            if isinstance(key, str) and isinstance(name, str) and isinstance(label, int) and label >= FIRST_LABEL:
                made.append(added_structure(key, plain_name(name), label))
        except (InputError, KeyError, TypeError):
            continue
    return made


_FIELDS = {field.name: field.default for field in fields(ModelEntry) if field.name not in ("folder", "added_structures")}
_FILES = ("configs/inference.json", "models/model.pt")


def _bundles() -> list[Path]:
    return [metadata.parent.parent for parent in model_folders() for metadata in sorted(parent.glob("*/configs/metadata.json"))]


def _read(folder: Path) -> dict[str, Any] | None:
    """What a bundle says of itself to this program; None where that or a file is missing, of a wrong type or for an unknown task or role."""
    try:
        spec = json_of(folder / "configs" / "metadata.json")[SECTION]
        task_named(spec["task"])
        whole = all((folder / name).is_file() for name in _FILES) and "name" in spec and spec.get("role", "segment") in ROLES
        return spec if whole and all(_fits(name, spec[name]) for name in _FIELDS if name in spec) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # an InputError is a ValueError
        return None


def _fits(name: str, value: Any) -> bool:
    default = _FIELDS[name]
    if isinstance(default, tuple):
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return type(value) is (type(default) if isinstance(default, (bool, int)) else str)


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
