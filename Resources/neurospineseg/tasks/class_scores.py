"""What anatomy demands of a network's probabilities before they go back to the scan's grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

from neurospineseg.geometry.grid import Grid
from neurospineseg.geometry.masks import all_but_largest
from neurospineseg.tasks.declarations import called
from neurospineseg.tasks.structure import Structure
from neurospineseg.tasks.task import task_named


class ModelClasses(Protocol):
    """What rules need to know of a model; see ``neurospineseg.models.bundle.ModelSpec``."""

    @property
    def task(self) -> str: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def slice_axis(self) -> int | None: ...


@dataclass(frozen=True)
class OutputChannel:
    """What wins where a channel has the highest probability.

    Attributes:
        label: the structure's label value; 0 for background. None where ``label_field`` decides.
        label_field: uint16 (K, J, I) on the working grid, the structure's label value at every voxel
            (filled everywhere, so that any boundary drawn later falls into some label_field).
    """

    label: int | None = None
    label_field: np.ndarray | None = None


@dataclass(frozen=True)
class Postprocessed:
    """Probabilities ready for the scan's grid.

    Attributes:
        probabilities: float32 (C, K, J, I) on the working grid; channel 0 is background.
        channels: what each channel means, C entries.
        structures: every structure that may appear.
        notes: sentences for the user.
        record: what the run's record says of it besides, of JSON's own types.
    """

    probabilities: torch.Tensor
    channels: Sequence[OutputChannel]
    structures: Sequence[Structure]
    notes: list[str] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)


def argmax(probabilities: torch.Tensor) -> torch.Tensor:
    """The channel with the highest probability, the first of equals; int64 (K, J, I) from (C, K, J, I).

    ``torch.argmax`` over the first axis takes three to seven times as long on a CPU.
    """
    return probabilities.max(0).indices


def suppress(probabilities: torch.Tensor, channel: int, voxels: np.ndarray) -> None:
    """Takes a channel's probability to the background (channel 0) in place.

    Args:
        probabilities: (C, K, J, I).
        voxels: bool (K, J, I).
    """
    mask = torch.from_numpy(voxels).to(probabilities.device)
    moved = probabilities[channel] * mask
    probabilities[0] += moved
    probabilities[channel] -= moved


def postprocess(probabilities: torch.Tensor, grid: Grid, spec: ModelClasses) -> Postprocessed:
    """The task's rules applied to softmax probabilities (C, K, J, I) on the working grid."""
    return called(task_named(spec.task).rules)(probabilities, grid, spec)


def one_piece_each(probabilities: torch.Tensor, grid: Grid, spec: ModelClasses) -> Postprocessed:
    """The rules of a task that names no others: each class is a structure, of which the largest piece is kept.

    Args:
        probabilities: float32 (C, K, J, I) on ``grid``, one channel per class of ``spec``.
    """
    probabilities = probabilities.clone()
    winner = argmax(probabilities).cpu().numpy()
    for channel in range(1, len(spec.classes)):
        suppress(probabilities, channel, all_but_largest(winner == channel))
    task = task_named(spec.task)
    structures = [task.structure(name) for name in spec.classes[1:]]
    return Postprocessed(probabilities, [OutputChannel(0), *(OutputChannel(found.label) for found in structures)], structures)


def check_classes(task: str, classes: Sequence[str]) -> None:
    """Refuses classes that the task's rules do not understand.

    Raises:
        InputError: a class is unknown, or one that the rules need is missing.
    """
    task_named(task).check_classes(classes)
