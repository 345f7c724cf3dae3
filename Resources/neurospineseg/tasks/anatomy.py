"""The structures of all tasks, by their keys."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from neurospineseg.tasks.added_structures import remembered
from neurospineseg.tasks.structure import (
    ALTERED_STRUCTURE,
    ANATOMICAL_STRUCTURE,
    CONTEXT,
    LEFT,
    OWN_CONTEXT,
    RIGHT,
    Code,
    Structure,
    terminology_entry,
)
from neurospineseg.tasks.task import Task, registered_tasks, task_named

__all__ = [
    "ALTERED_STRUCTURE",
    "ANATOMICAL_STRUCTURE",
    "CONTEXT",
    "LEFT",
    "OWN_CONTEXT",
    "RIGHT",
    "Code",
    "Structure",
    "all_structures",
    "family",
    "structure",
    "structures_of",
    "structures_of_classes",
    "terminology_entry",
]


def structures_of(task: str) -> tuple[Structure, ...]:
    """Every structure of a task.

    Raises:
        InputError: there is no such task.
    """
    return task_named(task).structures


def all_structures() -> tuple[Structure, ...]:
    """Every structure of every task, and those of added models that this process knows."""
    return (*(structure for task in registered_tasks() for structure in task.structures), *remembered().values())


def structure(key: str) -> Structure:
    """The structure of a key.

    Raises:
        KeyError: there is none.
    """
    known = _by_key(registered_tasks())
    return known[key] if key in known else remembered()[key]


@cache
def _by_key(tasks: tuple[Task, ...]) -> dict[str, Structure]:
    return {structure.key: structure for task in tasks for structure in task.structures}


def family(key: str) -> str:
    """What kind of structure a key names: ``vertebra`` or ``disc`` for those of any level, ``canal``, else the key itself."""
    return structure(key).family


def structures_of_classes(task: str, classes: Sequence[str]) -> tuple[Structure, ...]:
    """Every structure that a model of a task with these classes can find (``vertebra_body`` and ``vertebra_arch`` make vertebrae)."""
    return task_named(task).structures_of_classes(classes)
