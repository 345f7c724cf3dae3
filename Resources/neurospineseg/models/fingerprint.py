"""Which weights a run takes, as one short text: where two computers, or one at two times, have the same, their masks are the same."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from neurospineseg.errors.json_text import json_of
from neurospineseg.models.catalog import SECTION, model_folders, models_of

HELPERS = ("locator", "recognizer", "coarse")


def model_folder(task: str, model: str | None) -> Path | None:
    """The folder of a model by its name or its own folder, of the preferred one for None; None where there is no such model here.

    Raises:
        InputError: there is no such task.
    """
    if model is None:
        return next((entry.folder for entry in models_of(task)), None)
    found = [parent / model for parent in [*model_folders(), Path()]]
    return next((folder for folder in found if (folder / "configs" / "metadata.json").is_file()), None)


def fingerprint(task: str, model: str | None) -> str:
    """The SHA-256 of the files of a model and of those that help it; empty where there is no such model here.

    Raises:
        InputError: there is no such task.
    """
    folder = model_folder(task, model)
    if folder is None:
        return ""
    found = hashlib.sha256()
    try:
        for each in [folder, *_helpers(folder)]:
            for file in sorted(path for part in ("configs", "models") for path in (each / part).rglob("*") if path.is_file()):
                found.update(file.relative_to(each).as_posix().encode())
                found.update(file.read_bytes())
    except OSError:
        return ""
    return found.hexdigest()


def helpers_of(folder: Path) -> list[str]:
    """The names of the models that help the one in a folder; none where it does not say."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        said = json_of(folder / "configs" / "metadata.json")[SECTION]
        names = [said.get(role) for role in HELPERS]
        return [name for name in names if isinstance(name, str) and Path(name).name == name]
    return []


def _helpers(folder: Path) -> list[Path]:
    places = (
        next((parent / name for parent in model_folders() if (parent / name / "configs").is_dir()), None) for name in helpers_of(folder)
    )
    return [place for place in places if place is not None]
