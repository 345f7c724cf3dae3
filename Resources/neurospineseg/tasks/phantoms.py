"""One drawn scan of each task that names what draws it, for demonstrations, sample data and tests."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.tasks.declarations import called
from neurospineseg.tasks.task import registered_tasks, task_named


def drawn_tasks() -> tuple[str, ...]:
    """Names of the tasks of which scans can be drawn."""
    return tuple(task.name for task in registered_tasks() if task.phantom is not None)


def phantom(task: str, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Draws a scan.

    Returns:
        Its images by channel of the task, each (K, J, I); their 4x4 ijk to RAS in mm; label values of the task's structures (K, J, I).

    Raises:
        InputError: there is no such task, or nothing draws scans of it.
    """
    declared = task_named(task)
    if declared.phantom is None:
        raise InputError(f"No scan of {task} can be drawn; there are drawings of {', '.join(drawn_tasks())}.")
    images, ijk_to_ras, labels = called(declared.phantom.draw)(seed)
    return (dict(images) if isinstance(images, Mapping) else {declared.channels[0].key: images}), ijk_to_ras, labels
