"""Finding the declarations of tasks: those of this folder, and those in the folders of other people's tasks.

A declaration is Python that is run. One of this folder must load; what is wrong with another's is a sentence, so that the rest still works.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module, invalidate_caches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from neurospineseg import tasks
from neurospineseg.errors import InputError
from neurospineseg.tasks.channel import refuse_unless

Reference = str | Callable[..., Any]
"""A function, or where it is: ``package.module:function``, imported when it is first called."""


def called(reference: Reference) -> Callable[..., Any]:
    """The function itself; its module is imported now.

    Raises:
        InputError: there is no such function.
        ImportError: its module needs what is not installed.
    """
    if not isinstance(reference, str):
        return reference
    sentence = f"There is no function '{reference}', which a task names; correct its declaration."
    path, _, name = reference.partition(":")
    try:
        module = import_module(path)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{path}.".startswith(f"{error.name}."):
            raise
        raise InputError(sentence) from error
    try:
        return getattr(module, name)
    except AttributeError as error:
        raise InputError(sentence) from error


def declarations_in(folder: str) -> list[Path]:
    """The ``declaration.py`` of every task in a folder of tasks, by name."""
    return sorted(Path(folder).glob("*/declaration.py"))


def declared(declaration: Path) -> object:
    """What a declaration calls ``TASK``.

    Raises:
        InputError: the folder's name cannot be one of a module or is another's, or nothing is called ``TASK``.
        Exception: whatever the declaration itself raises.
    """
    folder = declaration.parent.name
    refuse_unless(folder.isidentifier(), f"the folder's name '{folder}' cannot name a module; take letters, digits and underscores.")
    name = f"{tasks.__name__}.{folder}.declaration"
    invalidate_caches()
    found = _origin(name)
    taken = f"the folder's name '{folder}' is taken, by {found or f'a part of {tasks.__name__}'}; rename the folder."
    refuse_unless(found is not None and found.resolve() == declaration.resolve(), taken)
    module = import_module(name)
    refuse_unless(hasattr(module, "TASK"), "it holds no Task that is named TASK.")
    return module.TASK


def _origin(name: str) -> Path | None:
    """The file that Python takes for a module of that name, None if it finds none."""
    try:
        spec = find_spec(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None


def in_words(error: BaseException) -> str:
    """What is wrong with a declaration that raised this."""
    return str(error) if isinstance(error, InputError) else f"it does not load ({type(error).__name__}: {error})."


def folders_without_tasks() -> list[str]:
    """A sentence for each folder of ``NEUROSPINESEG_TASKS`` that is missing or holds no task."""
    sentences = []
    for folder in map(Path, list(tasks.__path__)[1:]):
        if not folder.is_dir():
            sentences.append(f"The folder {folder}, which NEUROSPINESEG_TASKS names, is missing.")
        elif not declarations_in(str(folder)):
            above = f"; name {folder.parent} instead" if (folder / "declaration.py").is_file() else ""
            sentences.append(f"The folder {folder}, which NEUROSPINESEG_TASKS names, holds no folder with a declaration.py{above}.")
    return sentences
