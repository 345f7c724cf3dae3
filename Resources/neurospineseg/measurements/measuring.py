"""Measures a mask: finds what the task's declaration names for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from neurospineseg.errors import InputError
from neurospineseg.images.volume import Volume
from neurospineseg.measurements.measurement import Measurements
from neurospineseg.tasks.declarations import called
from neurospineseg.tasks.task import registered_tasks, task_named


@dataclass(frozen=True)
class MeasuredMask:
    """What a task's measures are taken of.

    Attributes:
        labels: whole numbers on any grid: oblique, anisotropic, sheared, left-handed.
        names: structure's key by label value; other values are not measured.
        scan: what was segmented, on any grid in the same space; for measures that look at the image.
        probabilities: 0 to 1 by structure's key, or by class of the network (``vertebra_body``), each on any grid in the same space.
    """

    labels: Volume
    names: Mapping[int, str]
    scan: Volume | None = None
    probabilities: Mapping[str, Volume] = field(default_factory=dict)

    def mask(self, key: str) -> np.ndarray:
        """Where a structure is, bool (K, J, I)."""
        return np.isin(self.labels.voxels, [label for label, name in self.names.items() if name == key])


def measurable_tasks() -> list[str]:
    """Names of the tasks that have measures."""
    return [task.name for task in registered_tasks() if task.measures is not None]


def measure(
    labels: Volume,
    names: Mapping[int, str],
    task: str,
    scan: Volume | None = None,
    probabilities: Mapping[str, Volume] | None = None,
) -> Measurements:
    """Measures a mask of a task, see ``MeasuredMask``.

    Raises:
        InputError: there is no such task, or it has no measures.
    """
    declared = task_named(task)
    if declared.measures is None:
        raise InputError(f"Masks of {task} are not measured; there are measures for {', '.join(measurable_tasks())}.")
    measured = called(declared.measures)(MeasuredMask(labels, names, scan, probabilities or {}))
    if not isinstance(measured, Measurements):
        raise InputError(f"What the task '{task}' names for its measures gives no measurements.")
    return measured
