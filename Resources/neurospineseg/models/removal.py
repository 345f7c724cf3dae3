"""Takes a model out of the user's own models again."""

from __future__ import annotations

import shutil
from pathlib import Path

from neurospineseg.errors import InputError
from neurospineseg.errors.of_files import writing_failed
from neurospineseg.models.catalog import MODELS_FOLDER, user_models_folder
from neurospineseg.staging import staging_folder


def remove_model(name: str, parent: Path | None = None) -> Path:
    """Removes the folder of a model; returns what it was.

    Args:
        parent: the folder of models that holds it; the user's own by default.

    Raises:
        InputError: none of that name is there, or it cannot be removed.
    """
    parent = user_models_folder() if parent is None else parent
    if name != Path(name).name or name in ("", ".", ".."):
        raise InputError(f"'{name}' is no name of a model; see `neurospineseg models`.")
    folder = parent / name
    if not (folder / "configs" / "metadata.json").is_file():
        if (MODELS_FOLDER / name).is_dir():
            raise InputError(f"The model '{name}' came with the program and stays; only models in {parent} can be removed.")
        raise InputError(f"There is no model '{name}' among your own in {parent}; see `neurospineseg models`.")
    try:
        if folder.is_symlink():
            folder.unlink()
            return folder
        with staging_folder(parent) as staging:
            folder.rename(staging / name)
            shutil.rmtree(staging / name)
    except OSError as error:
        raise writing_failed(error, folder) from error
    return folder
