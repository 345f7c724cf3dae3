"""Names and values of a data set's classes, and the passage of files' values onto them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.tasks.task import task_named
from Training.datasets.raw_dataset import IGNORE


def class_of(key: str) -> str:
    """The class that a structure of ``anatomy`` belongs to: any vertebra to ``vertebra``, any disc to ``disc``, else its own."""
    first = key.split("_")[0]
    return "canal" if key == "spinal_canal" else first if first in ("vertebra", "disc") else key


def known_classes(task: str) -> tuple[str, ...]:
    """Every class of a task, without ``background``."""
    return task_named(task).classes


def values_of(task: str, classes: Iterable[str], order: Iterable[str] | None = None) -> dict[str, int]:
    """Values by class: ``background`` 0, then the classes in the task's order (or in ``order``), ``ignore`` last.

    Raises:
        InputError: the task knows no such class.
    """
    order, wanted = tuple(order or known_classes(task)), set(classes) - {"background"}
    unknown = sorted(wanted - {*known_classes(task), IGNORE})
    if unknown:
        raise InputError(f"The task '{task}' knows no class '{unknown[0]}'; its classes are {', '.join(known_classes(task))}.")
    named = ["background", *(name for name in order if name in wanted and name != IGNORE), *([IGNORE] if IGNORE in wanted else [])]
    return {name: value for value, name in enumerate(named)}


def whole(labels: Volume, name: str) -> Volume:
    """The label map as int32.

    Raises:
        InputError: it holds fractions; ``name`` is its file's.
    """
    rounded = np.round(labels.voxels)
    if not np.array_equal(rounded, labels.voxels):
        raise InputError(f"'{name}' holds values that are not whole numbers; give a label map, not an image or probabilities.")
    return Volume(rounded.astype(np.int32), labels.ijk_to_ras)


def mapped(labels: Volume, table: Mapping[int, int]) -> tuple[Volume, dict[int, float]]:
    """The label map with other values, 0 where ``table`` names none.

    Args:
        labels: integers (K, J, I).
        table: new value by old value.

    Returns:
        uint8 label map on the same grid, and the mL of every value but 0 that the table lacks.
    """
    found, place = np.unique(labels.voxels, return_inverse=True)
    new = np.array([table.get(int(value), 0) for value in found], np.uint8)
    counts = np.bincount(place.ravel(), minlength=len(found))
    lacking = {
        int(value): float(count * labels.grid.voxel_volume_ml)
        for value, count in zip(found, counts)
        if int(value) not in table and value != 0
    }
    return Volume(new[place.reshape(labels.shape)], labels.ijk_to_ras), lacking


def told(lacking: Mapping[int, float], why: str) -> list[str]:
    """A note for each value that became background."""
    return [f"Label {value} ({volume:.2f} mL) became background: {why}." for value, volume in lacking.items()]
